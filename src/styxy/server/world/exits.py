"""How processes end that a guest's question came from: with which status, or by a signal.

They are no children of the daemon, so that wait(2) tells nothing of them. A pidfd becomes readable
when the process has ended (pidfd_open(2)); then its status is read where the kernel shows it.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from styxy.adapters.fd_limits import is_want

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.adapters.processes import Processes
    from styxy.core.model.leases import Holder

MOST_FOLLOWED = 64
"""Processes that are followed at a time; of any further one, nothing is learned."""


class Exits:
    """Follow processes to their end; for the loop's thread only."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._pidfds: dict[Holder, int] = {}

    def follow(self, holder: Holder, on_exit: Callable[[Holder, int | None], None]) -> None:
        """Call back once when a process ends, with the status as wait(2) has it, or None if the
        kernel does not tell. A process that is followed already keeps its first callback.
        """
        if holder in self._pidfds or len(self._pidfds) >= MOST_FOLLOWED:
            return
        if not self._processes.has_pidfds:
            return
        try:
            pidfd = self._processes.pidfd(holder.pid)
        except ProcessLookupError:
            return
        except OSError as error:
            if not is_want(error):
                raise
            return
        self._pidfds[holder] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._ended, holder, on_exit)

    def forget(self, holder: Holder) -> None:
        """Follow a process no more."""
        pidfd = self._pidfds.pop(holder, None)
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    def _ended(self, holder: Holder, on_exit: Callable[[Holder, int | None], None]) -> None:
        status = self._processes.exit_status(holder, self._pidfds[holder])
        self.forget(holder)
        # What it reported before its end has arrived, and is read in this turn of the loop.
        asyncio.get_running_loop().call_soon(on_exit, holder, status)
