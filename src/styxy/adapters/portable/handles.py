"""Processes that are pinned, so that a signal reaches the very one that was looked at, and never
another one that has got its pid since. A pidfd does it; where there are none, psutil compares when
the process began.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Protocol

from styxy.adapters.portable.choice import is_portable

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSE = 0.02
"""Seconds between two looks at a process without a pidfd."""


class Handle(Protocol):
    """One process that is pinned until `close`."""

    def send(self, number: int) -> None:
        """Send a signal. Raises `ProcessLookupError` or `PermissionError`."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end at most so long; return whether it has ended."""

    def close(self) -> None:
        """Pin it no more."""


class _Pidfd:
    """pidfd_open(2), pidfd_send_signal(2)."""

    def __init__(self, pid: int) -> None:
        self.descriptor = os.pidfd_open(pid)

    def send(self, number: int) -> None:
        signal.pidfd_send_signal(self.descriptor, number)

    def wait(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        os.close(self.descriptor)


class _Compared:
    """kill(2), after a look whether the process is still the same."""

    def __init__(self, pid: int) -> None:
        import psutil

        try:
            self._process = psutil.Process(pid)
        except psutil.Error:
            raise ProcessLookupError(pid) from None
        self._zombies = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        self._gone = psutil.NoSuchProcess

    def send(self, number: int) -> None:
        if self._has_ended():
            raise ProcessLookupError(self._process.pid)
        os.kill(self._process.pid, number)

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._has_ended():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(PAUSE, left))
        return True

    def close(self) -> None:
        pass

    def _has_ended(self) -> bool:
        try:
            return not self._process.is_running() or self._process.status() in self._zombies
        except self._gone:
            return True


def pin(pid: int) -> Handle:
    """Pin a process. Raises `ProcessLookupError` if there is none, and `OSError`."""
    return _Compared(pid) if is_portable() else _Pidfd(pid)


def wait_any(handles: Mapping[int, Handle], seconds: float) -> set[int]:
    """Wait until one of some processes has ended, or the time is over; return the keys of those
    that have."""
    poll, keys = select.poll(), {}
    for key, handle in handles.items():
        if isinstance(handle, _Pidfd):
            poll.register(handle.descriptor, select.POLLIN)
            keys[handle.descriptor] = key
    if len(keys) == len(handles):
        return {keys[descriptor] for descriptor, _ in poll.poll(seconds * 1000)}
    deadline = time.monotonic() + seconds
    while True:
        ended = {key for key, handle in handles.items() if handle.wait(0)}
        if ended or time.monotonic() >= deadline:
            return ended
        time.sleep(min(PAUSE, max(0.0, deadline - time.monotonic())))
