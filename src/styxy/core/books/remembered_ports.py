"""What outlives the leases: which port a service had, where a moved server went, and which ports
the worktrees of a repo have asked for.

All tables are in the order of their last use, the oldest first, so that what has to go is found
without a search. What goes is decided elsewhere (`core.decisions.retention`) and written down, so
that a replay forgets the same, whatever the settings were meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.books.events import Asked, Forgotten, MoveRemembered, Remembered
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from styxy.core.books.events import Event
    from styxy.core.model.leases import Lease


class Place(Struct, frozen=True):
    """A remembered port and when it was last in use (seconds since the epoch)."""

    port: Port
    left_at: float


ServiceKey = tuple[str, str, str]
"""Project, service type, service name."""

AskedKey = tuple[int, Port]
"""Owner key, asked port."""


AskerKey = tuple[int, Port]
"""Key of a repo, or of a project without one, and a port that it asked for."""


class RememberedPorts:
    """The remembered ports of services and of moved servers, and those that were asked for."""

    def __init__(self) -> None:
        self.services: dict[ServiceKey, Place] = {}
        self.moves: dict[AskedKey, Place] = {}
        self._movers: defaultdict[Port, set[int]] = defaultdict(set)
        self.asked: dict[AskerKey, Place] = {}
        self._askers: defaultdict[Port, set[int]] = defaultdict(set)
        self._asked_by: defaultdict[int, set[Port]] = defaultdict(set)

    def begin(self, lease: Lease, at: float) -> None:
        """Record the port of a new lease, to be preferred the next time its service asks."""
        key = _service_of(lease)
        if key is not None:
            self.keep_service(key, Place(lease.port, at))

    def end(self, lease: Lease, at: float) -> None:
        """Record when a lease ended, and where a moved server was; a probe has been nowhere.

        If the service has a younger lease, that lease's port stays the remembered one.
        """
        key = _service_of(lease)
        if key is not None and self.services.get(key, lease).port == lease.port:
            self.keep_service(key, Place(lease.port, at))
        is_of_server = not (lease.is_probe or lease.owner.is_on_trial)
        if lease.asked not in (None, lease.port) and is_of_server:
            assert lease.asked is not None
            self.keep_move((lease.owner.key, lease.asked), Place(lease.port, at))

    def keep_service(self, key: ServiceKey, place: Place) -> None:
        """Record the port of a service as the most recently used one."""
        self.services.pop(key, None)
        self.services[key] = place

    def keep_move(self, key: AskedKey, place: Place) -> None:
        """Record where a moved server was, as the most recently ended one."""
        self.moves.pop(key, None)
        self.moves[key] = place
        owner, asked = key
        self._movers[asked].add(owner)

    def drop_service(self, key: ServiceKey) -> None:
        """Forget the port of a service."""
        self.services.pop(key, None)

    def drop_move(self, key: AskedKey) -> None:
        """Forget where a moved server was."""
        owner, asked = key
        if self.moves.pop(key, None) is not None:
            self._movers[asked].discard(owner)
            if not self._movers[asked]:
                del self._movers[asked]

    def keep_asked(self, key: AskerKey, place: Place) -> None:
        """Record that a repo or project asked for a port, as the most recent of all."""
        self.asked.pop(key, None)
        self.asked[key] = place
        asker, port = key
        self._askers[port].add(asker)
        self._asked_by[asker].add(port)

    def drop_asked(self, key: AskerKey) -> None:
        """Forget that a repo or project asked for a port."""
        asker, port = key
        if self.asked.pop(key, None) is not None:
            self._askers[port].discard(asker)
            self._asked_by[asker].discard(port)
            if not self._askers[port]:
                del self._askers[port]
            if not self._asked_by[asker]:
                del self._asked_by[asker]

    def askers(self, port: Port) -> frozenset[int]:
        """Return the keys of the repos and projects that asked for a port."""
        return frozenset(self._askers.get(port, ()))

    def asked_by(self, asker: int) -> frozenset[Port]:
        """Return the ports that a repo or project (its key) has asked for."""
        return frozenset(self._asked_by.get(asker, ()))

    def moved_from(self, asked: Port) -> list[tuple[int, Place]]:
        """List the keys of owners whose servers were moved away from `asked`."""
        return [(owner, self.moves[owner, asked]) for owner in self._movers.get(asked, ())]

    def snapshot(self, leases: Iterable[Lease], *, now: float) -> Iterator[Event]:
        """Return events that restore what is remembered.

        They are applied after the live `leases`, each of which is recorded as it is applied,
        whether or not it was forgotten in the meantime.
        """
        noted = {key: lease.port for lease in leases if (key := _service_of(lease)) is not None}
        for key in noted.keys() - self.services.keys():
            yield forgotten(key, noted[key], now)
        for (project, kind, name), place in self.services.items():
            yield Remembered(
                project=project,
                service_type=kind,
                service_name=name,
                port=place.port,
                at=place.left_at,
            )
        for (owner, asked), place in self.moves.items():
            yield MoveRemembered(owner_key=owner, asked=asked, port=place.port, at=place.left_at)
        for (asker, port), place in self.asked.items():
            yield Asked(asker_key=asker, port=port, at=place.left_at)


def forgotten(key: ServiceKey, port: Port, now: float) -> Forgotten:
    """Build the event that forgets the port of a service."""
    project, kind, name = key
    return Forgotten(project=project, service_type=kind, service_name=name, port=port, at=now)


def _service_of(lease: Lease) -> ServiceKey | None:
    """Return the key under which a lease is remembered; None for a moved bind or an unknown
    project.
    """
    if not lease.owner.project or lease.was_made_for_bind:
        return None
    return (lease.owner.project, lease.service_type, lease.service_name)
