"""Which processes a command would end: its kills, looked up in the kernel at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.advice.guard import Victims
from styxy.core.model.ports import Port
from styxy.core.reports.ownership import ownership, session_of
from styxy.core.reports.process_tree import job
from styxy.server.agents.selection import selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from styxy.core.advice.occupants import Occupant
    from styxy.core.commands.kills.kill import Kill
    from styxy.server.agents.occupants import Occupants
    from styxy.server.agents.sessions import Session, Sessions
    from styxy.server.service.service import Service

ENOUGH = 10
"""Servers of others that are judged; three are named, and the rest is at least so many."""


class Census:
    """Finds the victims of kills, with the eyes of a session."""

    def __init__(self, service: Service, sessions: Sessions, occupants: Occupants) -> None:
        self._service = service
        self._sessions = sessions
        self._occupants = occupants

    def victims(
        self, kills: Iterable[Kill], session: Session, *, directory: str | None, as_root: bool
    ) -> Victims:
        """Return what the kills would end of what matters.

        `as_root`: the processes of other users as well. Pid files are relative to `directory`.
        """
        sockets = self._listening()
        ended: set[int] = set()
        connected: set[int] = set()
        ports: set[Port] = set()
        for kill in kills:
            ended |= selected(
                kill,
                self._service.context.processes,
                agent=next(iter(session.ancestors), None),
                directory=directory,
                as_root=as_root,
                answers=self._service.context.projects.answers,
            )
            ports |= set(sockets.values()) & {Port(port) for port in kill.ports}
            if kill.has_clients:
                connected |= self._connected(kill.ports)
        # A port, a group or a parent may be named whose ends are the agent's own.
        own = self._service.context.pid
        protected = {*session.ancestors, own}
        ended |= {pid for pid in protected if ports and self._ports_of(pid, sockets) & ports}
        ancestor = next((pid for pid in session.ancestors if pid in ended | connected), None)
        # Looking takes long, and an agent's own end is reason enough.
        looked_at = (ended | connected) - protected if ancestor is None else set()
        served, listening = self._served(looked_at, sockets)
        lost = ports | served | self._leased(ended)
        if own in ended:
            lost -= self._ports_of(own, sockets)
        servers = self._judged(sorted(lost) if ancestor is None else (), session)
        return Victims(
            servers=servers,
            is_cut=len(servers) < len(lost),
            clients=self._foreign(connected - ended - listening - {own}, session),
            ancestor=(self._name(ancestor), ancestor) if ancestor is not None else None,
            daemon=own if own in ended else None,
        )

    def _judged(self, ports: Iterable[Port], session: Session) -> tuple[Occupant, ...]:
        """Say who is on some ports, until enough of them are others'."""
        found: list[Occupant] = []
        foreign = 0
        for port in ports:
            occupant = self._occupants.on(port, session)
            if occupant is None:
                continue
            found.append(occupant)
            foreign += occupant.whose != "own"
            if foreign == ENOUGH:
                break
        return tuple(found)

    def _name(self, pid: int) -> str:
        return self._service.context.processes.name(pid) or "a process"

    def _listening(self) -> dict[int, Port]:
        """Return the port of each listening socket, by inode."""
        context = self._service.context
        now = context.clock()
        context.listeners.look(now)
        context.listeners.look_at_udp(now)
        return {
            each.inode: each.port
            for udp in (False, True)
            for each in context.kernel.listeners(udp=udp)
            if not udp or each.port not in context.ephemeral
        }

    def _ports_of(self, pid: int, sockets: Mapping[int, Port]) -> set[Port]:
        """Return the ports that a process listens on."""
        found = sockets.keys() & self._service.context.processes.sockets_of(pid)
        return {sockets[inode] for inode in found}

    def _connected(self, ports: Iterable[int]) -> set[int]:
        context = self._service.context
        inodes = [inode for port in ports for inode in context.kernel.connections(Port(port))]
        return {pid for pids in context.processes.holders_of(inodes).values() for pid in pids}

    def _served(self, ended: set[int], sockets: Mapping[int, Port]) -> tuple[set[Port], set[int]]:
        """Return the ports whose server would end, with its process or with its launcher, and the
        processes that listen on them.

        Only the ended processes and those below them are looked at, because somebody waits for the
        answer, and a machine may have a thousand processes.
        """
        table = self._service.context.processes.trees(ended)
        lost: set[Port] = set()
        listening: set[int] = set()
        for pid in table:
            ports = self._ports_of(pid, sockets)
            if ports and ended & {each.pid for each in job(pid, table)}:
                lost |= ports
                listening.add(pid)
        return lost, listening

    def _leased(self, ended: set[int]) -> set[Port]:
        """Return the leases whose holder would end."""
        return {
            lease.port
            for lease in self._service.desk.lease_index
            if lease.holder is not None and lease.holder.pid in ended
        }

    def _foreign(self, clients: Iterable[int], session: Session) -> tuple[tuple[str, int], ...]:
        """Leave out the clients that this session or its project has started."""
        projects, at_work = self._service.context.projects, self._sessions.at_work()
        parties = {
            pid: self._sessions.party(pid, project=projects.of(pid)) for pid in sorted(clients)
        }
        return tuple(
            (self._name(pid), pid)
            for pid, party in parties.items()
            if session_of(party, at_work)[0] != session.instance_id
            and ownership(party, session.party, at_work).relation != "own"
        )
