"""Look, decide, try, write down, answer: the one path of every question.

No `await` lies between a decision and its commit, so grants are race-free without a lock. The
desk decides, the kernel is the last judge of a candidate, and nothing is answered before the
journal has it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.books.events import Event, Reassigned
from styxy.core.model.service_types import FALLBACK
from styxy.core.reports.usage import Observation, observe
from styxy.server.service.committer import Ledger
from styxy.server.service.instances import Reception
from styxy.server.service.interception import Guests
from styxy.server.service.ranges import MadeRanges

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from styxy.core.books.events import Ending
    from styxy.core.decisions.desk import Desk
    from styxy.core.decisions.requests import Grant, LeaseAsk, Ruling
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.ports import Port, PortRange
    from styxy.core.reports.usage import Usage
    from styxy.server.world.context import World
    from styxy.server.world.live_config import Level


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReport:
    """Tell the truth about one port: leases and kernel. `is_bound` is about TCP alone."""

    port: Port
    lease: Lease | None
    usage: Usage | None
    is_bound: bool

    @property
    def is_available(self) -> bool:
        """Tell whether the port could be granted now."""
        return self.lease is None and not self.is_bound


class Service:
    """Answer every question about ports. Use it from the loop's thread alone."""

    def __init__(self, desk: Desk, world: World) -> None:
        self.ledger = ledger = Ledger(desk, world)
        self.desk = desk
        self.world = world
        self.counts = ledger.counts
        self.reception = Reception(
            desk,
            clock=world.clock,
            started_at=world.started_at,
            commit=ledger.commit,
            listening=self.listening,
            heir=self._heir,
        )
        self.ranges = MadeRanges(ledger)
        self.guests = Guests(ledger)

    def subscribe(self, subscriber: Callable[[Sequence[Event]], None]) -> None:
        """Have each batch of events told, after it is true."""
        self.ledger.subscribe(subscriber)

    def commit(self, events: Sequence[Event]) -> None:
        """Write down, then make true, then tell. Raises `JournalFailed`; then nothing changed."""
        self.ledger.commit(events)

    def note(self, message: str, level: Level, *, subject: str) -> None:
        """Say something about the daemon itself, in the log and for the audit."""
        self.ledger.note(message, level, subject=subject)

    def allocate(self, ask: LeaseAsk) -> Grant:
        """Grant a lease on a port that is free at this moment."""
        # Only a range that is made or grows must know what listens; a candidate is probed anyway.
        may_make = self.desk.may_make_range(ask.service_type)
        busy = self.world.observer.look(self.world.clock()) if may_make else frozenset()

        def decide(taken: Collection[int]) -> Ruling[Grant]:
            now = self.world.clock()
            return self.desk.allocate(
                ask, lock_id=self.world.new_id(), now=now, taken=taken, busy=busy
            )

        return self.ledger.settle(
            decide,
            is_free=lambda port: self.world.kernel.is_free(port, ask.protocol),
            commit=self.ranges.commit,
        )

    def release(self, lock_id: str, *, reason: Ending = "released") -> Lease:
        """End a lease; raises `UnknownLease`."""
        ruling = self.desk.release(lock_id, now=self.world.clock(), reason=reason)
        self.commit(ruling.events)
        return ruling.answer

    def bury(self, *dead: Holder, reason: Ending = "holder died") -> None:
        """End or pass on what dead holders had, and end the instances that they were.

        Many at once cost one look at the kernel and one commit.
        """
        now = self.world.clock()
        listening = self.listening(now)
        held = [each for holder in dead for each in self._held_by(holder)]
        contested = [lease.port for lease in held if lease.port in listening]
        self.world.observer.sightings_of(contested)  # one search finds all processes
        heirs = {port: heir for port in contested if (heir := self._heir(port)) is not None}
        rulings = (self.desk.died(each, heirs=heirs, now=now, reason=reason) for each in dead)
        self.commit([event for ruling in rulings for event in ruling.events])
        for holder in dead:
            self.reception.bury(holder)

    def bury_the_dead(self, *, reason: Ending = "holder died") -> None:
        """Bury every holder that is not alive, as after a time in which nobody watched."""
        held_by = {lease.holder for lease in self.desk.books}
        held_by |= {instance.holder for instance in self.desk.state.instances.values()}
        is_alive = self.world.processes.is_alive
        dead = [each for each in held_by if each is not None and not is_alive(each)]
        if dead:
            self.bury(*dead, reason=reason)

    def try_again(self) -> None:
        """Where the journal could not be written: see whether it can be now."""
        if self.world.journal.failing is not None:
            self.world.journal.probe()
            log.info("the journal can be written again")

    def sweep(self) -> None:
        """Compare the leases with what listens, end those that nobody claimed, forget the old."""
        now = self.world.clock()
        listening = self.listening(now)
        self.world.mirror.reflect()
        self.commit(self.desk.seen(listening, now=now).events)
        self.commit(self.desk.lapse(now=now).events)
        self.commit(self.desk.forget(now=now).events)

    def cleanup(self, *, force: bool) -> list[Lease]:
        """End what the dead hold and what nobody claimed; with `force` all that is not in use."""
        before = list(self.desk.books)
        self.bury_the_dead()
        self.sweep()
        if force:
            now = self.world.clock()
            self.commit(self.desk.clean(self.listening(now), now=now).events)
        live = {lease.lock_id for lease in self.desk.books}
        return [lease for lease in before if lease.lock_id not in live]

    def listening(self, now: float) -> frozenset[Port]:
        """Name the ports on which something listens, by TCP, or by UDP where that is on lease."""
        promised = (self.desk.books.on_port(port) for port in self.world.observer.look_at_udp(now))
        udp = (lease.port for lease in promised if lease and lease.protocol != "tcp")
        return self.world.observer.look(now).union(udp)

    def check(self, port: Port) -> PortReport:
        """Look at one port."""
        usage = self.world.survey.port(port, now=self.world.clock())
        listens = usage is not None and usage.protocol != "udp"
        return PortReport(
            port=port,
            lease=self.desk.books.on_port(port),
            usage=usage,
            is_bound=listens or not self.world.kernel.is_free(port),
        )

    async def scan(self, span: PortRange) -> list[tuple[Port, Lease | None, Usage | None]]:
        """List the ports of a range that are on lease or in use, upwards."""
        leases = {lease.port: lease for lease in self.desk.books if lease.port in span}
        found = await self.world.survey.ports(span, leased=leases, now=self.world.clock())
        usages = {usage.port: usage for usage in found}
        ports = sorted(leases.keys() | usages.keys())
        return [(port, leases.get(port), usages.get(port)) for port in ports]

    def observe(self, port: Port) -> Observation | None:
        """Say what is on one port; None where nothing listens."""
        usage = self.world.survey.port(port, now=self.world.clock())
        return self._observed(usage) if usage is not None else None

    async def observe_all(self) -> list[Observation]:
        """Say what is on every port on which something listens, upwards."""
        leased = {lease.port for lease in self.desk.books}
        usages = await self.world.survey.ports(leased=leased, now=self.world.clock())
        return [self._observed(usage) for usage in usages]

    def suggest(self, service_type: str, *, count: int) -> tuple[str, list[Port]]:
        """List free ports of a type, or of `dev` where it is unknown; says which type it was."""
        kind = service_type if service_type in self.desk.catalogue else FALLBACK
        taken: set[int] = set(self.world.observer.look(self.world.clock()))
        while True:
            ports = self.desk.suggest(kind, count=count, taken=taken)
            busy = {port for port in ports if not self.world.kernel.is_free(port)}
            if not busy:
                return kind, ports
            taken |= busy

    def reassignments(self, *, limit: int = 100) -> list[Reassigned]:
        """List the last moved binds, newest last."""
        recent = self.world.journal.recent(Reassigned.__name__, limit=limit)
        return [event for event in recent if isinstance(event, Reassigned)]

    def _held_by(self, holder: Holder) -> list[Lease]:
        return [each for each in self.desk.books.of_pid(holder.pid) if each.holder == holder]

    def _heir(self, port: Port) -> Holder | None:
        lease = self.desk.books.on_port(port)
        heir = self.world.observer.heir(port)
        if heir is None and lease is not None and lease.protocol != "tcp":
            return self.world.observer.heir(port, "udp")
        return heir

    def _observed(self, usage: Usage) -> Observation:
        return observe(usage, self.desk.books.on_port(usage.port), self.desk.catalogue)
