"""Keeps the port map in step with leases and listeners: guests read what the daemon knows.

Promises and moves change with the events, answers with each look at the kernel. Who answers on
127.0.0.1 or ::1 is decided as the kernel does it: the most specific address first, and a dual-stack
wildcard for both families (ip(7), ipv6(7)).
"""

from __future__ import annotations

import functools
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from styxy.adapters.portmap.map import Answer, MoveEntry
from styxy.core.books.events import (
    Asked,
    AskForgotten,
    Bound,
    Dated,
    Event,
    Leased,
    MoveForgotten,
    Passed,
    Reassigned,
    Released,
    Unbound,
)
from styxy.core.decisions.asked_ports import Place
from styxy.core.model.leases import Owner
from styxy.core.model.service_types import SHARED_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from styxy.adapters.portmap.map import PortMap
    from styxy.adapters.sock_diag import Listener
    from styxy.core.decisions.desk import Desk
    from styxy.core.model.leases import Lease
    from styxy.core.model.ports import Port
    from styxy.server.world.asked_ports import AskedPorts
    from styxy.server.world.listeners import Listeners, Sighting

Family = Literal[4, 6]

ANSWERING: dict[Family, tuple[str, ...]] = {
    4: ("127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::ffff:0.0.0.0", "::"),
    6: ("::1", "::"),
}
"""The addresses whose listener receives a connection to a loopback address, most specific first."""

MOST_MET = 40
MOST_NEW = 300
"""New processes (1 ms each) and new listeners (30 microseconds each) that one look examines while
others wait for the loop; the next look continues."""


class PortMapSync:
    """Write the map. `project_of` names a process's project, `repo_of` a project's repo, `type_of`
    the service type that a process's program is known for; `is_helper` tells whether all projects
    share that process, `is_container` whether it stands for a container. `asked_ports` knows what
    each repo has asked for. `last_seq` numbers the newest event, and `on_gone` is told of each port
    that a project's listener has left."""

    def __init__(
        self,
        desk: Desk,
        *,
        port_map: PortMap,
        listeners: Listeners,
        project_of: Callable[[int], str | None],
        repo_of: Callable[[str], int],
        type_of: Callable[[int], str | None],
        last_seq: Callable[[], int],
        asked_ports: AskedPorts,
        is_container: Callable[[int], bool] = lambda _pid: False,
        is_helper: Callable[[int], bool] = lambda _pid: False,
        on_gone: Callable[[Port, Owner], None] = lambda _port, _owner: None,
    ) -> None:
        self._on_gone = on_gone
        self._holders: dict[int, tuple[Port, Owner]] = {}  # by the cookie of the socket
        self._desk = desk
        self._map = port_map
        self._listeners = listeners
        self._project_of = project_of
        self._repo_of = repo_of
        self._type_of = type_of
        self._is_helper = is_helper
        self._is_container = is_container
        self._asked_ports = asked_ports
        self._last_seq = last_seq
        self._answers: dict[Family, dict[Port, Answer]] = {4: {}, 6: {}}
        self._udp: dict[Port, set[int]] = {}  # by the asked port: the cookies of those concerned
        self._has_begun = False

    def begin(self) -> None:
        """Show the complete current state, and let guests see it."""
        lease_index, moves = self._desk.lease_index, self._desk.remembered.moves
        asked = {lease.asked for lease in lease_index if lease.asked is not None}
        with self._map.writing():
            self._map.show(lease_index)
            self._show_moves(asked | {port for _, port in moves})
            for number in {port for _, port in self._desk.remembered.asked}:
                self._show_askers(number)
        self._map.mark(self._last_seq())
        self._map.reveal()
        self._has_begun = True

    def on_events(self, events: Sequence[Event]) -> None:
        """Show what has just been committed."""
        with self._map.writing():
            asked = {port for event in events if (port := self._on_events(event)) is not None}
            if asked:
                self._show_moves(asked)
        self._map.mark(self._last_seq())

    def invalidate(self, port: Port) -> None:
        """Treat who answers on a port as new: more is known about it now."""
        for shown in self._answers.values():
            shown.pop(port, None)

    def refresh(self, port: Port | None = None) -> None:
        """Show who answers, on all ports or on one, as of the last look at the listeners."""
        changed = self._refresh(4, port) | self._refresh(6, port)
        if changed:
            self._tell_gone()
        leases = (self._desk.lease_index.on_port(port) for port in changed)
        self._show_moves({each.asked for each in leases if each and each.asked is not None})
        self._refresh_udp()

    def _on_events(self, event: Event) -> Port | None:
        """Show a promise; return the requested port whose chain of moves has changed with it."""
        match event:
            case Leased(lease=lease):
                self._map.show([lease])
                return lease.asked
            case Released(port=port, asked=asked):
                self._map.clear([port])
                return asked
            case Bound(port=port) | Unbound(port=port) | Passed(port=port) | Dated(port=port):
                changed = self._desk.lease_index.on_port(port)
                if changed is None:  # released by a later event of the same batch
                    return None
                self._map.show([changed])
                return changed.asked
            case Reassigned(adopted=str(), requested_port=asked, port=port):
                self._map.show([self._desk.lease_index.leased(port)])
                return asked
            case MoveForgotten(asked=asked):
                return asked
            case Asked(port=port) | AskForgotten(port=port):
                self._show_askers(port)
                return None
            case _:
                return None

    def _show_askers(self, port: Port) -> None:
        """Show who has asked for a port; a server of theirs there is at no mere place any more."""
        askers = self._desk.remembered.askers(port)
        self._map.set_askers(port, askers)
        for family, answers in self._answers.items():
            answer = answers.get(port)
            if answer is not None and answer.is_place and answer.asker in askers:
                answers[port] = replace(answer, is_place=False)
                self._map.set_answers(family, {port: answers[port]})

    def _show_moves(self, asked: Iterable[Port]) -> None:
        with self._map.writing():
            for port in asked:
                self._map.set_moves(port, self._chain(port))

    def _chain(self, asked: Port) -> list[MoveEntry]:
        lease_index = self._desk.lease_index
        leases = [
            lease
            for lease in lease_index.asked_for(asked)
            if lease.port != asked and (lease.image_id is not None or lease.state == "bound")
        ]
        live = sorted(
            (self._entry(lease, asked) for lease in leases),
            key=lambda each: (each.state != "live", each.at),
        )
        there = {entry.project for entry in live}
        udp = [entry for lease in leases if (entry := self._udp_entry(lease, asked)) is not None]
        gone = (
            MoveEntry(
                project=key,
                image_id=0,
                asked=asked,
                port=place.port,
                state="remembered",
                at=place.left_at,
            )
            for key, place in self._desk.remembered.moved_from(asked)
            if key not in there
        )
        return [*live, *udp, *gone]

    def _entry(self, lease: Lease, asked: Port) -> MoveEntry:
        answer4, answer6 = self._answers[4].get(lease.port), self._answers[6].get(lease.port)
        return MoveEntry(
            project=lease.owner.key,
            image_id=int(lease.image_id, 16) if lease.image_id else 0,
            asked=asked,
            port=lease.port,
            state="live" if lease.state == "bound" else "held",
            at=lease.allocated_at,
            cookie4=answer4.cookie if answer4 else 0,
            cookie6=answer6.cookie if answer6 else 0,
        )

    def _refresh_udp(self) -> None:
        """Show where UDP goes now, of the moves whose sockets have come or gone."""
        seen: defaultdict[Port, set[int]] = defaultdict(set)
        for port in self._listeners.ports("udp"):
            lease = self._desk.lease_index.on_port(port)
            if lease is not None and lease.asked is not None and lease.asked != port:
                for each in (port, lease.asked):
                    sockets = self._listeners.sockets(each, "udp")
                    seen[lease.asked].update(socket.cookie for socket in sockets)
        asked = {each for each in seen | self._udp if seen.get(each) != self._udp.get(each)}
        self._udp = dict(seen)
        if asked:
            self._show_moves(asked)

    def _udp_entry(self, lease: Lease, asked: Port) -> MoveEntry | None:
        """Return where a UDP client of the project that connects to `asked` goes.

        None where none of its UDP sockets is there, or one of them is at `asked` itself.
        """
        own = self._own_udp(lease, lease.port)
        if not own or self._own_udp(lease, asked):
            return None
        v4, v6 = _answering(own, 4).get(lease.port), _answering(own, 6).get(lease.port)
        return replace(
            self._entry(lease, asked),
            state="udp",
            cookie4=v4.cookie if v4 else 0,
            cookie6=v6.cookie if v6 else 0,
        )

    def _own_udp(self, lease: Lease, port: Port) -> list[Listener]:
        """List the UDP sockets on a port that belong to a lease's project."""
        project = lease.owner.project
        if project is None or not self._listeners.is_in_use(port, "udp"):
            return []
        sightings = self._listeners.sightings(port, "udp")
        return [each.listener for each in sightings if self._project_behind(each) == project]

    def _project_behind(self, sighting: Sighting) -> str | None:
        if sighting.report is not None:
            return sighting.report.project
        return self._project_of(sighting.pid) if sighting.pid is not None else None

    def _refresh(self, family: Family, port: Port | None) -> set[Port]:
        """Write the answers of one family that differ from those shown; return their ports."""
        answers = self._answers[family]
        shown = answers if port is None else {port: answers[port]} if port in answers else {}
        answering = _answering(self._listeners.listeners(port), family)
        came = {
            each: listener
            for each, listener in answering.items()
            if each not in shown or shown[each].cookie != listener.cookie
        }
        gone = set(shown) - answering.keys()
        if not came and not gone:
            return set()
        sightings = self._listeners.sightings_of(came)
        if self._has_begun:
            came = dict(islice(came.items(), MOST_NEW))
        by_cookie = {each.listener.cookie: each for each in sightings}
        met = _Met(self._project_of, self._repo_of, most=MOST_MET if self._has_begun else None)
        fresh = {
            each: self._answer(sighting, met)
            for each, listener in came.items()
            if met.may_ask((sighting := by_cookie[listener.cookie]).pid)
        }
        changes: dict[Port, Answer | None] = {**fresh, **dict.fromkeys(gone)}
        self._map.set_answers(family, changes)
        answers.update(fresh)
        for each in gone:
            del answers[each]
        return set(changes)

    def _tell_gone(self) -> None:
        """Tell which projects have left a port, on both families."""
        there = {each.cookie for answers in self._answers.values() for each in answers.values()}
        for cookie in self._holders.keys() - there:
            self._on_gone(*self._holders.pop(cookie))

    def _answer(self, sighting: Sighting, met: _Met) -> Answer:
        report, port = sighting.report, sighting.listener.port
        project = report.project if report else self._project(sighting.pid, port, met)
        repo = report.repo if report else met.repo_of(project) if project else 0
        if project is not None:
            self._holders[sighting.listener.cookie] = (port, Owner(project=project))
        answer = Answer(
            project=Owner(project=project).key if project else 0,
            repo=repo,
            cookie=sighting.listener.cookie,
            is_shared=self._is_shared(sighting),
            is_container=sighting.pid is not None and self._is_container(sighting.pid),
            pid=sighting.pid or 0,
        )
        return replace(answer, is_place=self._is_place(sighting, project, answer))

    def _is_place(self, sighting: Sighting, project: str | None, answer: Answer) -> bool:
        """Return whether a server's repo never asked for its port, as far as we know."""
        if project is None:
            return False
        port = sighting.listener.port
        lease = self._desk.lease_index.on_port(port)
        place = Place(
            port=port,
            said=sighting.report.asked if sighting.report else None,
            lease=lease if lease is not None and lease.owner.project == project else None,
        )
        return not self._asked_ports.see(place, asker=answer.asker)

    def _project(self, pid: int | None, port: Port, met: _Met) -> str | None:
        lease = self._desk.lease_index.on_port(port)
        if lease is not None and lease.holder is not None and lease.holder.pid == pid:
            return lease.owner.project
        return met.project_of(pid) if pid is not None else None

    def _is_shared(self, sighting: Sighting) -> bool:
        if sighting.pid is not None and self._is_helper(sighting.pid):
            return True
        kinds = {name: self._desk.catalogue.find(name) for name in self._service_types(sighting)}
        return any(
            name in SHARED_TYPES or (kind is not None and kind.is_singleton)
            for name, kind in kinds.items()
        )

    def _service_types(self, sighting: Sighting) -> list[str]:
        """Return the type of each listener: as declared or leased, else by program or range."""
        if sighting.report is not None and sighting.report.service_type:
            return [sighting.report.service_type]
        lease = self._desk.lease_index.on_port(sighting.listener.port)
        if lease is not None:
            return [lease.service_type]
        inferred = self._type_of(sighting.pid) if sighting.pid is not None else None
        in_range = self._desk.catalogue.containing(sighting.listener.port)
        return [name for name in (inferred, in_range and in_range.name) if name]


class _Met:
    """The processes and projects met in one look, each asked for its project or repo once."""

    def __init__(
        self,
        project_of: Callable[[int], str | None],
        repo_of: Callable[[str], int],
        *,
        most: int | None,
    ) -> None:
        self.project_of = functools.cache(project_of)
        self.repo_of = functools.cache(repo_of)
        self._most = most
        self._pids: set[int | None] = set()

    def may_ask(self, pid: int | None) -> bool:
        """Return whether this look still has time to examine a process."""
        if pid not in self._pids and self._most is not None and len(self._pids) >= self._most:
            return False
        self._pids.add(pid)
        return True


def _answering(listeners: Iterable[Listener], family: Family) -> dict[Port, Listener]:
    """Find who would get a connection to the loopback address of a family, by port."""
    ranks = {address: rank for rank, address in enumerate(ANSWERING[family])}
    found: defaultdict[Port, list[tuple[int, int, Listener]]] = defaultdict(list)
    for listener in listeners:
        rank = ranks.get(listener.address)
        if rank is None or (family == 4 and listener.is_v6only):
            continue
        found[listener.port].append((rank, listener.cookie, listener))
    return {port: min(each)[2] for port, each in found.items()}
