"""Waits until something is listening, and reports whose it is.

This asks the kernel and does not connect: a connection would reach the server, and one that accepts
a single client would be used up by it. What serves this project at a port is its own server there,
else the one that asked for that port and was moved; the daemon knows of moves, and if it is gone,
so does the map that it left, which connections follow as well. A server of another project does not
end the wait at once, because the project's own may still be starting, and will then be moved.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.portmap.file import moves_left
from styxy.adapters.projects import git
from styxy.adapters.projects.lookups import PATIENT_SECONDS, Lookups
from styxy.client.text import render
from styxy.core.errors import DaemonUnreachable
from styxy.core.hashing import owner_key
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.processes import Processes
    from styxy.client.daemon.connection import Connection

PATIENCE = 30.0
"""Seconds until a wait gives up, without `--timeout`."""

STRANGER_PATIENCE = 5.0
"""The same, if another project's server is there: seconds for one's own to start."""

DAEMON_PATIENCE = 0.5
"""Seconds for the daemon's answer at one look; the map that it writes also shows moves."""

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.2
"""Seconds between the first two looks, which take 0.2 ms each; doubled every time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What is listening on a port; unknown values are None."""

    port: int
    pid: int | None
    process: str | None
    project: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a wait ended; `waited` in seconds, `own` if it was checked."""

    port: int
    up: bool
    answers_at: int | None
    own: bool | None
    pid: int | None
    process: str | None
    project: str | None
    waited: float
    message: str


class Waiting:
    """Waits for one port, for the project `own`, or with None for anybody's server."""

    def __init__(
        self,
        port: int,
        *,
        kernel: KernelLook,
        processes: Processes,
        connection: Connection,
        own: str | None,
        home: str,
        port_map: str,
    ) -> None:
        self._port_map = port_map
        self._port = port
        self._kernel = kernel
        self._processes = processes
        self._connection = connection
        self._own = own
        self._home = home
        self._lookups = Lookups(seconds=PATIENT_SECONDS)
        self._stranger: Serving | None = None

    def until(
        self,
        timeout: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> Outcome:
        """Wait until it is up or `timeout` seconds have passed; None: a sensible time."""
        began, step = clock(), FIRST_PAUSE
        met: float | None = None
        while True:
            found = self._look()
            now = clock()
            if found is not None:
                return self._up(found, now - began)
            end = began + (PATIENCE if timeout is None else timeout)
            met = None if self._stranger is None else met or now
            if met is not None and timeout is None:
                end = min(end, met + STRANGER_PATIENCE)
            if now >= end:
                return self._over(now - began)
            pause(min(step, end - now))
            step = min(step * 2, LONGEST_PAUSE)

    def _look(self) -> Serving | None:
        """Find the awaited server, and remember another project's if there is one."""
        there = self._serving(self._port)
        self._stranger = None
        if self._own is None:
            return next(iter(there), None)
        mine = [each for each in there if each.project == self._own]
        for port in () if mine else self._moved():
            mine += [each for each in self._serving(port) if each.project == self._own]
        if mine:
            return mine[0]
        self._stranger = next(iter(there), None)
        return None

    def _serving(self, port: int) -> list[Serving]:
        listeners = self._kernel.listeners(port=Port(port))
        holders = self._processes.holders_of([each.inode for each in listeners])
        found = [self._described(port, pid) for pids in holders.values() for pid in pids[:1]]
        if listeners and not found:  # another user's, whose processes are not visible
            found = [Serving(port=port, pid=None, process=None, project=None)]
        return found

    def _described(self, port: int, pid: int) -> Serving:
        directory = self._processes.directory(pid)
        project = None
        if directory is not None:
            named = self._processes.variable(pid, "STYXY_PROJECT") or ""
            path = os.path.join(directory, named)
            project = self._lookups.ask(
                git.project_path, path, self._home, otherwise=git.spelled(path)
            )
        return Serving(port=port, pid=pid, process=self._processes.name(pid), project=project)

    def _moved(self) -> list[int]:
        """List where this project's servers are that asked for the port, oldest first."""
        try:
            leases = self._connection.ask("GET", "/allocations").data.get("allocations")
        except DaemonUnreachable:
            key = owner_key(project=self._own, instance_id="")
            return list(moves_left(self._port_map, Port(self._port), project=key))
        moves = [
            each
            for each in render.objects(leases)
            if each.get("requested_port") == self._port and each.get("project_path") == self._own
        ]
        moves.sort(key=lambda each: str(each.get("allocated_at")))
        return [port for each in moves if isinstance(port := each.get("port"), int)]

    def _up(self, found: Serving, waited: float) -> Outcome:
        message = f"{found.port} is up: {named(found)}"
        if found.port != self._port:
            message = f"{self._port} is up, moved to port {found.port}: " + (named(found))
        return self._outcome(found, waited, message=message, up=True)

    def _over(self, waited: float) -> Outcome:
        stranger = self._stranger
        if stranger is None:
            who = "nothing" if self._own is None else f"no server of {self._own}"
            message = (
                f"{who} is listening on {self._port} after {round(waited, 3):g} s; "
                f"see: styxy who {self._port}"
            )
            return self._outcome(None, waited, message=message)
        whose = stranger.project or "an unknown project"
        if stranger.project is None and stranger.pid is None:
            whose = "somebody else"
        message = (
            f"the server on {self._port} belongs to {whose} ({named(stranger)}), not to "
            f"{self._own}; see: styxy who {self._port}"
        )
        return self._outcome(stranger, waited, message=message)

    def _outcome(
        self, found: Serving | None, waited: float, *, message: str, up: bool = False
    ) -> Outcome:
        return Outcome(
            port=self._port,
            up=up,
            answers_at=found.port if found is not None else None,
            own=None if self._own is None or found is None else found.project == self._own,
            pid=found.pid if found is not None else None,
            process=found.process if found is not None else None,
            project=found.project if found is not None else None,
            waited=round(waited, 3),
            message=message,
        )


def named(found: Serving) -> str:
    """Format a server for people."""
    if found.pid is None:
        return "a process that is not visible"
    return f"{found.process or 'a process'}, pid {found.pid}"


def wait_until_up(
    port: int,
    timeout: float | None,
    *,
    connection: Connection,
    env: Mapping[str, str],
    own: str | None,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Wait on this machine; what `pause` raises ends the wait."""
    from styxy.adapters.paths import Paths
    from styxy.adapters.portable.choice import open_kernel, open_processes

    kernel = open_kernel()
    try:
        waiting = Waiting(
            port,
            kernel=kernel,
            processes=open_processes(),
            connection=connection,
            own=own,
            home=env.get("HOME") or "/",
            port_map=Paths(env).port_map(),
        )
        return waiting.until(timeout, pause=pause)
    finally:
        kernel.close()
