"""Every decision about ports. Sans I/O: asks in, `Ruling(answer, events)` out.

Theory of operation. A method of `Desk` decides and changes nothing, and so does each `decide_...`
of this room; the ruling carries the events that would make the decision true. The caller writes
those down and then hands each to `apply`, which alone changes the books. So a refusal, a failed
write and a dry run leave everything as it was, and replaying the journal gives the same books. What
the desk cannot know (the kernel's listeners, the clock, random ids) comes in as arguments: `taken`
names ports that the caller has tried and found in use, so that the next call decides on another
one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from styxy.core.books.events import (
    Bound,
    Dated,
    Event,
    Leased,
    Passed,
    RangeAdded,
    RangeRemoved,
    Released,
    Unbound,
)
from styxy.core.books.state import State
from styxy.core.config.configuration import Configuration
from styxy.core.decisions.claims import check_own, find_existing, returned, share
from styxy.core.decisions.port_selection import candidates, exhausted, first_free, is_open
from styxy.core.decisions.ranges import confirm, grow, made_type, propose, wish_for
from styxy.core.decisions.requests import Grant, Ruling
from styxy.core.decisions.shares import check_share
from styxy.core.errors import Conflict
from styxy.core.messages import counted, misspelled
from styxy.core.model.leases import DEFAULT_NAME, Lease
from styxy.core.model.templates import template_port
from styxy.core.names import check_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from styxy.core.books.events import Ending
    from styxy.core.decisions.ranges import Proposal
    from styxy.core.decisions.requests import LeaseRequest
    from styxy.core.model.leases import Holder
    from styxy.core.model.ports import Port
    from styxy.core.model.service_types import Catalogue, ServiceType

DEFAULTS = Configuration()


class Desk(State):
    """The books, and every decision over them that is not in a module of its own."""

    def __init__(self, configured: Catalogue, settings: Configuration = DEFAULTS) -> None:
        super().__init__(configured, settings)

    def allocate(
        self,
        request: LeaseRequest,
        *,
        lease_id: str,
        now: float,
        taken: Collection[int] = (),
        busy: Collection[int] = (),
    ) -> Ruling[Grant]:
        """Grant a lease, or return the existing one of a singleton or of `reuse`.

        An unknown type is created first, and an auto-allocated one that is full grows; `busy` are
        the ports with listeners, which a new range avoids. Raises `InvalidInput`,
        `UnknownServiceType`, `NoRoom`, `ConfirmationRequired`, and `RangeExhausted`, also if the
        project has its share without using it.
        """
        kind, made = self._type_for(request, busy=busy, now=now)
        existing = find_existing(self.lease_index, request, kind)
        if existing is not None:
            expires_at = self._expiry(request, now)
            return share(existing, request, expires_at=expires_at, now=now, taken=taken)
        check_share(self.lease_index, request, kind, percent=self.settings.fair_share)
        if request.preferred_port is not None:
            self._enforce_range(request.preferred_port, kind)
        port = first_free(self.lease_index, self._candidates(request, kind), taken)
        if port is None and made is None and kind.auto_allocated is not None:
            made = self._grown(kind, busy=busy)
            port = first_free(self.lease_index, made.made, taken)
        if port is None:
            raise exhausted(self.lease_index, kind, request.owner)
        lease = Lease(
            lease_id=lease_id,
            port=port,
            service_type=kind.name,
            service_name=request.service_name,
            owner=request.owner,
            holder=request.holder,
            protocol=request.protocol,
            allocated_at=now,
            last_seen=now,
            expires_at=self._expiry(request, now),
        )
        leased = Leased(lease=lease, at=now)
        events = (
            () if request.dry_run else (leased,) if made is None else (_added(made, now), leased)
        )
        return Ruling(Grant(lease, made=made), events, candidate=port)

    def may_make_range(self, service_type: str) -> bool:
        """Return whether allocating this type may need a new range or a larger one."""
        kind = self.catalogue.find(service_type)
        return kind is None or kind.auto_allocated is not None

    def release(
        self, lease_id: str, *, now: float, reason: Ending = "released", project: str | None = None
    ) -> Ruling[Lease]:
        """Release a lease; with `project`, only that project's.

        Raises `UnknownLease`, `NotYours`.
        """
        lease = self.lease_index.get(lease_id)
        if project is not None:
            check_own(lease, project)
        return Ruling(lease, (_released(lease, reason, now),))

    def undo_range(self, name: str, *, now: float, force: bool = False) -> Ruling[ServiceType]:
        """Remove an auto-allocated service type.

        Refused (`Conflict`) while its range has leases, unless `force` ends those without a
        listener. Raises `UnknownServiceType`.
        """
        kind = made_type(self.catalogue, name)
        living = self.lease_index.of_type(kind.name)
        if living and not force:
            raise Conflict(
                f"{kind.name} {kind.spans} still has {counted(len(living), 'lease')}; release "
                f"{'it' if len(living) == 1 else 'them'}, or: "
                f"styxy config auto-allocation undo {kind.name} --force",
                ports=[lease.port for lease in living],
            )
        ended = [_released(each, "cleaned up", now) for each in living if each.state == "reserved"]
        return Ruling(kind, (*ended, RangeRemoved(name=kind.name, at=now)))

    def died(
        self,
        holder: Holder,
        *,
        heirs: Mapping[Port, Holder],
        now: float,
        reason: Ending = "holder died",
    ) -> Ruling[list[Lease]]:
        """End the leases of a dead holder, but pass on each port that an heir still listens on."""
        held = self.lease_index.of_holder(holder)
        events: list[Event] = []
        for lease in held:
            heir = heirs.get(lease.port)
            if heir is None:
                events.append(self._ended(lease, reason, now))
            else:
                events.append(Passed(lease_id=lease.lease_id, port=lease.port, holder=heir, at=now))
        return Ruling(held, tuple(events))

    def seen(self, listening: Collection[int], *, now: float) -> Ruling[None]:
        """Compare the leases with the ports that have listeners now."""
        events: list[Event] = [
            Bound(lease_id=lease.lease_id, port=lease.port, at=now)
            for lease in self.lease_index.reserved_among(listening)
        ]
        for port in [each for each in self.lease_index.bound if each not in listening]:
            lease = self.lease_index.leased(port)
            until = now + self._grace(lease)
            events.append(Unbound(lease_id=lease.lease_id, port=port, expires_at=until, at=now))
        return Ruling(None, tuple(events))

    def lapse(self, *, now: float, project: str | None = None) -> Ruling[None]:
        """End the leases that were not claimed in time, of one project or of all."""
        expired = self.lease_index.expired(now)
        lapsed = [lease for lease in expired if project in (None, lease.owner.project)]
        return Ruling(None, tuple(self._ended(lease, "lapsed", now) for lease in lapsed))

    def shift(self, jump: float, *, now: float) -> Ruling[None]:
        """Move the ends of all leases by the seconds that the time of day has jumped."""
        dated = (
            Dated(
                lease_id=lease.lease_id,
                port=lease.port,
                expires_at=lease.expires_at + jump,
                at=now,
            )
            for lease in self.lease_index
            if lease.expires_at is not None
        )
        return Ruling(None, tuple(dated))

    def clean(
        self, listening: Collection[int], *, now: float, project: str | None = None
    ) -> Ruling[list[Lease]]:
        """End every lease without a listener, including singletons, of one project or of all."""
        unused = [
            lease
            for lease in self.lease_index
            if lease.port not in listening and project in (None, lease.owner.project)
        ]
        return Ruling(unused, tuple(_released(lease, "cleaned up", now) for lease in unused))

    def single_out(self, *, now: float) -> Ruling[list[Port]]:
        """End every lease of a singleton but one: the one in use, else the oldest."""
        events: list[Event] = []
        for kind in self.catalogue:
            if kind.is_singleton:
                leases = self.lease_index.of_type(kind.name)
                leases.sort(key=lambda lease: lease.state != "bound")
                events += [_released(lease, "cleaned up", now) for lease in leases[1:]]
        return Ruling([each.port for each in events if isinstance(each, Released)], tuple(events))

    def suggest(self, service_type: str, *, count: int, taken: Collection[int]) -> list[Port]:
        """List up to `count` ports of a type that are neither leased nor taken."""
        kind = self.catalogue.get(service_type)
        ports = candidates(self.lease_index, kind)
        free = (port for port in ports if is_open(self.lease_index, port, taken))
        return list(islice(free, count))

    def _type_for(
        self, request: LeaseRequest, *, busy: Collection[int], now: float
    ) -> tuple[ServiceType, Proposal | None]:
        name = check_name(request.service_type)
        settings = self.settings
        kind = self.catalogue.find(name)
        if kind is not None or not settings.auto_allocation.enabled:
            return kind or self.catalogue.get(name), None
        wish = wish_for(name, settings.auto_allocation, settings.auto_allocation_rules)
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        proposal = propose(wish, self.catalogue, settings.auto_allocation, busy=busy, today=today)
        meant = misspelled(name, (kind.name for kind in self.catalogue))
        must_ask = settings.auto_allocation.require_confirmation and not request.dry_run
        if must_ask or meant is not None:
            confirm(proposal, request.confirm, meant=meant)
        return proposal.service, proposal

    def _grown(self, kind: ServiceType, *, busy: Collection[int]) -> Proposal:
        settings = self.settings
        wish = wish_for(kind.name, settings.auto_allocation, settings.auto_allocation_rules)
        return grow(kind, wish, self.catalogue, settings.auto_allocation, busy=busy)

    def _enforce_range(self, port: Port, kind: ServiceType) -> None:
        if self.settings.enforce_ranges and not kind.holds(port):
            raise Conflict(
                f"port {port} is outside {kind.name} {kind.spans}, and "
                "enforce_ranges is on; omit the port, or choose one in the range",
                port_range=[kind.ports.first, kind.ports.last],
                suggestions=[f"styxy allocate -s {kind.name}"],
            )

    def _candidates(self, request: LeaseRequest, kind: ServiceType) -> Iterator[Port]:
        if request.preferred_port is not None:
            yield request.preferred_port
        if request.sticky and request.owner.project:
            key = (request.owner.project, kind.name, request.service_name)
            last = self.remembered.services.get(key)
            if last is not None and self._may_return(last.port, request, kind):
                yield last.port
        instance = self.instances.get(request.owner.instance_id)
        if instance is not None and request.preferred_port is None:
            offset = template_port(instance.template, kind)
            if offset is not None:
                yield offset
        yield from candidates(self.lease_index, kind)

    def _may_return(self, port: Port, request: LeaseRequest, kind: ServiceType) -> bool:
        """Tell whether a remembered port is a candidate: one of the range always is.

        One outside it was somebody's wish, so it is remembered for the service that has a name.
        """
        if kind.holds(port):
            return True
        return request.service_name != DEFAULT_NAME and not self.settings.enforce_ranges

    def _ended(self, lease: Lease, reason: Ending, now: float) -> Event:
        """End a lease, but give one that was lent back to its project."""
        if not lease.is_lent:
            return _released(lease, reason, now)
        unused_ttl = self.settings.recovery.health_monitoring.unused_ttl
        return returned(lease, expires_at=now + unused_ttl, now=now)

    def _expiry(self, request: LeaseRequest, now: float) -> float | None:
        if request.ttl is not None:
            return now + request.ttl
        if request.holder is not None or request.owner.instance_id in self.instances:
            return None
        return now + self.settings.recovery.health_monitoring.unused_ttl

    def _grace(self, lease: Lease) -> float:
        """Return how many seconds a lease outlives its listener, so that a server can restart.

        Without a known process, long enough for the configured number of checks to fail.
        """
        health = self.settings.recovery.health_monitoring
        if lease.holder is not None:
            return health.unbound_grace
        return max(health.unbound_grace, health.check_interval * health.max_failures)


def _added(made: Proposal, now: float) -> RangeAdded:
    return RangeAdded(
        service=made.service,
        placement=made.placement,
        chunk_size=made.chunk_size,
        is_unproven=made.is_new,
        at=now,
    )


def _released(lease: Lease, reason: Ending, now: float) -> Released:
    return Released(
        lease_id=lease.lease_id,
        port=lease.port,
        reason=reason,
        holder=lease.holder,
        asked=lease.asked,
        at=now,
    )
