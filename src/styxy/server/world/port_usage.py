"""What is on the ports: each listener with its process, command line, project and instance.

A process is queried once per look, and a directory is searched for its project once, because
hundreds of servers may share both. Hundreds of processes still take a tenth of a second, so a look
at many ports lets other requests be answered in between.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from styxy.adapters.projects.projects import ProcessFacts
from styxy.core.model.ports import LAST_PORT, Port, PortRange
from styxy.core.reports.port_report import Usage

if TYPE_CHECKING:
    from collections.abc import Collection

    from styxy.adapters.processes import Processes
    from styxy.adapters.projects.projects import Projects
    from styxy.server.world.listeners import Listeners, Sighting

SLICE = 20
"""Ports that are described at a time: at most 8 ms, if each has a process and a directory."""

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
        return _usage(by_port[port], self._facts()) if by_port else None

    async def ports(
        self, span: PortRange = EVERY_PORT, *, leased: Collection[int], now: float
    ) -> list[Usage]:
        """Describe every port in a range that has a listener, in ascending order, as of now.

        All listeners are from one moment; their processes are looked up after that.
        """
        tcp = [port for port in self._listeners.look(now) if port in span]
        udp = [
            port
            for port in self._listeners.look_at_udp(now)
            if port in span and (port not in self._ephemeral or port in leased)
        ]
        return await self._described(tcp, udp)

    async def some(self, ports: Collection[Port], *, leased: Collection[int]) -> list[Usage]:
        """Describe those of some ports that have a listener, in ascending order, as of the last
        look.
        """
        tcp = [port for port in ports if self._listeners.is_in_use(port)]
        udp = [
            port
            for port in ports
            if (port not in self._ephemeral or port in leased)
            and self._listeners.is_in_use(port, "udp")
        ]
        return await self._described(tcp, udp)

    async def _described(self, tcp: Collection[Port], udp: Collection[Port]) -> list[Usage]:
        by_port = self._sightings(tcp, udp)
        facts = self._facts()
        found: list[Usage] = []
        for port in sorted(by_port):
            if len(found) % SLICE == 0:
                await asyncio.sleep(0)
            found.append(_usage(by_port[port], facts))
        return found

    def _facts(self) -> ProcessFacts:
        return ProcessFacts(self._processes, self._projects)

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


def _usage(sightings: list[Sighting], facts: ProcessFacts) -> Usage:
    transports = {each.listener.protocol for each in sightings}
    pid = next((each.pid for each in sightings if each.pid is not None), None)
    times = [each.since for each in sightings if each.since is not None]
    return Usage(
        port=sightings[0].listener.port,
        protocol=transports.pop() if len(transports) == 1 else "both",
        addresses=tuple(sorted({each.listener.address for each in sightings})),
        pid=pid,
        uid=sightings[0].listener.uid,
        since=min(times, default=None),
        **(facts.of(pid) if pid is not None else {}),
    )
