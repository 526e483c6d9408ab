"""Ends the processes of a server: politely, and then what is left.

Every process is first pinned by a pidfd and then identified by its start time, so that a signal
reaches exactly the process that was looked at, and never another one that has got its pid since
(pidfd_open(2), pidfd_send_signal(2)). First only the topmost ones are asked: a server ends its
workers itself and in order, and some take a second SIGTERM for "at once". What they leave behind
is asked afterwards, and what then still runs is killed.
"""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.portable.handles import Handle, pin, wait_any
from styxy.core.reports.process_tree import server_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import TracebackType

    from styxy.adapters.processes import Processes
    from styxy.core.reports.process_tree import Process, ServerTree

PATIENCE = 10.0
"""Seconds that a server has to end by itself, as many as `docker stop` gives a container."""

REST_PATIENCE = 2.0
"""Seconds that a server's orphans have: whoever was to tell them has ended without doing so."""

KILL_PATIENCE = 5.0
"""Seconds until a killed process must be gone; only one that waits for a device is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it went: the pids that have ended, those of them that were killed, those still there.

    `forbidden` are the ones still there that belong to another user.
    """

    ended: tuple[int, ...]
    killed: tuple[int, ...]
    left: tuple[int, ...]
    forbidden: tuple[int, ...] = ()


class Ending:
    """Ends one server; a context manager, because it holds a descriptor for each process."""

    def __init__(
        self,
        tree: ServerTree,
        processes: Processes,
        *,
        spared: Collection[int] = (),
    ) -> None:
        self._processes = processes
        self._spared = spared
        self._tops = {each.pid: each for each in tree.tops}
        self._known: dict[int, Process] = {}
        self._pinned: dict[int, Handle] = {}
        self._killed: set[int] = set()
        self._forbidden: set[int] = set()
        self._pin([*tree.tops, *tree.rest])

    def __enter__(self) -> Ending:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._pinned.values():
            process.close()

    def end(self, patience: float = PATIENCE) -> Ended:
        """End all of it; the server itself has `patience` seconds before it is killed."""
        tops = [pid for pid in self._tops if pid in self._pinned]
        self._send(tops, signal.SIGTERM)
        self._wait(tops, patience)
        self._look_again()
        rest = [pid for pid in self._pinned if pid not in self._tops]
        self._send(self._alive(rest), signal.SIGTERM)
        self._send(self._alive(tops), signal.SIGKILL)
        self._wait(rest, min(patience, REST_PATIENCE))
        self._look_again()
        self._send(self._alive(self._pinned), signal.SIGKILL)
        self._wait(self._pinned, KILL_PATIENCE)
        return self.so_far()

    def so_far(self) -> Ended:
        """Return what has ended until now."""
        left = self._alive(self._pinned)
        return Ended(
            ended=tuple(pid for pid in self._pinned if pid not in left),
            killed=tuple(sorted(self._killed - set(left))),
            left=tuple(left),
            forbidden=tuple(pid for pid in left if pid in self._forbidden),
        )

    def _pin(self, wanted: Iterable[Process]) -> None:
        for each in wanted:
            if each.pid in self._pinned:
                continue
            try:
                process = pin(each.pid)
            except (ProcessLookupError, OSError):
                continue  # ESRCH: it has ended; EINVAL: a thread
            holder = self._processes.holder(each.pid)
            if holder is None or holder.start_time != each.started:
                process.close()  # it has ended, and its pid may be another's by now
                continue
            self._pinned[each.pid] = process
            self._known[each.pid] = each

    def _look_again(self) -> None:
        """Take in what the server has started since."""
        table = self._processes.table()
        tree = server_tree(
            [pid for pid in self._alive(self._pinned) if pid in table], table, spared=self._spared
        )
        # The kernel gives no pid away that is still the number of a job; a new process that leads
        # a job of an old number begins a job of its own.
        jobs = {
            pid
            for pid, was in self._known.items()
            if pid not in table or table[pid].started == was.started
        }
        orphans = [each for each in table.values() if each.group in jobs]
        self._pin(each for each in [*tree.rest, *orphans] if each.pid not in self._spared)

    def _alive(self, pids: Iterable[int]) -> list[int]:
        watched = {pid: self._pinned[pid] for pid in pids if pid in self._pinned}
        ended = wait_any(watched, 0)
        return [pid for pid in watched if pid not in ended]

    def _send(self, pids: Iterable[int], number: signal.Signals) -> None:
        for pid in pids:
            try:
                with contextlib.suppress(ProcessLookupError):  # ESRCH: it has just ended
                    self._pinned[pid].send(number)
                    # One that was stopped with SIGSTOP would keep the request for later.
                    self._pinned[pid].send(signal.SIGCONT)
            except PermissionError:
                self._forbidden.add(pid)
                continue
            if number == signal.SIGKILL:
                self._killed.add(pid)

    def _wait(self, pids: Iterable[int], patience: float) -> None:
        """Wait until some processes have ended, or `patience` seconds have passed."""
        deadline = time.monotonic() + patience
        waited = self._alive(each for each in pids if each not in self._forbidden)
        while waited and (rest := deadline - time.monotonic()) > 0:
            wait_any({pid: self._pinned[pid] for pid in waited}, rest)
            waited = self._alive(waited)


def _is_same(was: Process, now: Process | None) -> bool:
    return now is None or now.started == was.started
