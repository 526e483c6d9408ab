"""What comes in place of a server that has been ended: somebody above it may start it again.

A supervisor takes a moment for that. It is waited for only where one is left that could do it, and
then its new process counts before it listens.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from styxy.client.inspection.listeners import listener_groups
from styxy.client.inspection.servers import named
from styxy.core.errors import Conflict
from styxy.core.reports.process_tree import is_interactive

if TYPE_CHECKING:
    from collections.abc import Collection

    from styxy.client.inspection.servers import FoundServer, ServerFinder
    from styxy.core.reports.process_tree import Process

AGAIN_PATIENCE = 1.0
"""Seconds in which a supervisor starts a server again: nodemon, systemd and pm2 take a tenth."""

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.1
"""Seconds between two looks; doubled every time."""

MANAGERS = frozenset({"systemd", "init"})
"""Processes that have a socket for the service that they start when somebody connects."""


def sockets_on(port: int, finder: ServerFinder) -> set[int]:
    """Return the cookies of the sockets that listen on a port now."""
    groups = listener_groups(finder.processes, port)
    return {each.cookie for listeners, _ in groups for each in listeners}


class Successors:
    """Looks for what takes the place of a server.

    `top` is the topmost process that has ended with it, `before` the sockets that were there.
    """

    def __init__(
        self,
        port: int,
        server: FoundServer,
        finder: ServerFinder,
        *,
        top: Process,
        before: Collection[int],
    ) -> None:
        assert server.main is not None
        self._port = port
        self._finder = finder
        self._top = top
        self._before = before
        self._protocols = {each.protocol for each in server.listeners}
        self._ended = f"{server.name} (pid {server.main.pid}) has ended"

    def refuse(self, patience: float) -> None:
        """Raise `Conflict` if something is listening again, or is about to, within `patience`.

        Looks once if nobody is left who could start it again.
        """
        deadline, pause = time.monotonic() + patience, FIRST_PAUSE
        self._refuse_listener()
        while self._may_start_again() and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._refuse_listener()
            self._refuse_sibling()

    def _may_start_again(self) -> bool:
        """Return whether a program is left above the server that may start it again.

        The first process has only inherited it, and at a shell somebody types.
        """
        parent = self._finder.table.get(self._top.parent)
        return (
            parent is not None
            and parent.pid > 1
            and parent.pid not in self._finder.lineage
            and parent.name not in MANAGERS
            and not is_interactive(parent)
        )

    def _refuse_listener(self) -> None:
        port, processes = self._port, self._finder.processes
        if sockets_on(port, self._finder) <= set(self._before):
            return  # the usual case, without a look at every process
        table = processes.table()
        for group, pids in listener_groups(processes, port):
            fresh = [each for each in group if each.cookie not in self._before]
            if not any(each.protocol in self._protocols for each in fresh):
                continue
            process = next((table[pid] for pid in pids if pid in table), None)
            parent = table.get(process.parent) if process else None
            again = f"{named(process)} (pid {process.pid})" if process else "another process"
            by = f", started by {named(parent)} (pid {parent.pid})" if parent else ""
            raise self._conflict(f"{again} is listening on port {port} again{by}")

    def _refuse_sibling(self) -> None:
        """Raise if a new process has the parent and the command line of the one that has ended."""
        parent = self._finder.table[self._top.parent]
        for pid, each in self._finder.processes.trees([parent.pid]).items():
            is_same = (each.parent, each.words) == (parent.pid, self._top.words)
            if is_same and pid not in self._finder.table:
                by = f"{named(parent)} (pid {parent.pid})"
                raise self._conflict(f"{by} has started it again as pid {pid}")

    def _conflict(self, why: str) -> Conflict:
        command = f"styxy who {self._port}"
        return Conflict(
            f"{self._ended}, but {why}; see: {command}", port=self._port, suggestions=[command]
        )
