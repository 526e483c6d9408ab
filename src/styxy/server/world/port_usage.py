"""What is on the ports: each listener with its process, command line, project and instance.

A process is asked once for each look, and a directory is searched for its project once, because
hundreds of servers may share both. Hundreds of processes still cost a tenth of a second, so a
look at many ports lets other questions be answered in between.
"""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

from styxy.core.model.ports import LAST_PORT, Port, PortRange
from styxy.core.names import INSTANCE_NAMES, instance_of
from styxy.core.reports.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Collection

    from styxy.adapters.processes import Processes
    from styxy.server.world.listeners import Listeners, Sighting
    from styxy.server.world.projects import Projects

SLICE = 20
"""Ports that are described in one go: 8 ms at most, where each has a process and a directory."""

EVERY_PORT = PortRange(Port(1), Port(LAST_PORT))


class PortUsage:
    """Describe ports as the kernel shows them. `ephemeral` are the ports of outgoing connections.

    A UDP socket on such a port is a client's, there for one question to a name server, and no more
    a server than an outgoing TCP connection is.
    """

    def __init__(
        self,
        *,
        listeners: Listeners,
        processes: Processes,
        projects: Projects,
        ephemeral: PortRange,
    ) -> None:
        self._listeners = listeners
        self._processes = processes
        self._projects = projects
        self._ephemeral = ephemeral

    def port(self, port: Port, *, now: float) -> Usage | None:
        """Describe one port, as of now."""
        self._listeners.look_at(port, now)
        by_port = self._sightings([port], [port])
        return _usage(by_port[port], self._people()) if by_port else None

    async def ports(
        self, span: PortRange = EVERY_PORT, *, leased: Collection[int], now: float
    ) -> list[Usage]:
        """Describe every port of a range on which something listens, upwards, as of now.

        All listeners are from one moment; who stands behind them is asked after that.
        """
        tcp = [port for port in self._listeners.look(now) if port in span]
        udp = [
            port
            for port in self._listeners.look_at_udp(now)
            if port in span and (port not in self._ephemeral or port in leased)
        ]
        by_port = self._sightings(tcp, udp)
        people = self._people()
        found: list[Usage] = []
        for port in sorted(by_port):
            if len(found) % SLICE == 0:
                await asyncio.sleep(0)
            found.append(_usage(by_port[port], people))
        return found

    def _people(self) -> _People:
        return _People(self._processes, self._projects)

    def _sightings(
        self, tcp: Collection[Port], udp: Collection[Port]
    ) -> dict[Port, list[Sighting]]:
        by_port: dict[Port, list[Sighting]] = {}
        for sighting in (
            *self._listeners.sightings_of(tcp, "tcp"),
            *self._listeners.sightings_of(udp, "udp"),
        ):
            by_port.setdefault(sighting.listener.port, []).append(sighting)
        return by_port


class _People:
    """Ask each process once."""

    def __init__(self, processes: Processes, projects: Projects) -> None:
        self._processes = processes
        self._projects = projects
        self._facts: dict[int, dict[str, str | None]] = {}
        self._by_directory: dict[tuple[str | None, str | None], str | None] = {}

    def facts(self, pid: int) -> dict[str, str | None]:
        """Say what a process tells of itself, in the words of `Usage`."""
        if pid not in self._facts:
            self._facts[pid] = self._request(pid)
        return self._facts[pid]

    def _request(self, pid: int) -> dict[str, str | None]:
        command = self._processes.command(pid)
        report = self._processes.variables(pid, "STYXY_PROJECT", *INSTANCE_NAMES)
        where = (report.get("STYXY_PROJECT"), self._processes.directory(pid))
        if where not in self._by_directory:
            self._by_directory[where] = self._projects.below(where[1], named=where[0])
        return {
            "process": self._processes.name(pid),
            "command": shlex.join(command) if command else None,
            "project": self._by_directory[where],
            "instance_id": instance_of(report),
        }


def _usage(sightings: list[Sighting], people: _People) -> Usage:
    transports = {each.listener.protocol for each in sightings}
    pid = next((each.pid for each in sightings if each.pid is not None), None)
    times = [each.since for each in sightings if each.since is not None]
    return Usage(
        port=sightings[0].listener.port,
        protocol=transports.pop() if len(transports) == 1 else "both",
        addresses=tuple(sorted({each.listener.address for each in sightings})),
        pid=pid,
        since=min(times, default=None),
        **(people.facts(pid) if pid is not None else {}),
    )
