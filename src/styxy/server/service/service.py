"""Look, decide, try, commit, answer: the one path of every request.

There is no `await` between a decision and its commit, so grants are race-free without a lock. The
desk decides, the kernel is the final judge of a candidate, and nothing is answered before it is in
the journal.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from styxy.core.books.events import Probed, Reassigned
from styxy.core.decisions.retention import decide_forget, with_probes
from styxy.core.model.service_types import FALLBACK
from styxy.core.reports.port_report import port_report
from styxy.server.service.committer import Committer
from styxy.server.service.instances import Instances
from styxy.server.service.interception import Interception
from styxy.server.service.ranges import MadeRanges
from styxy.server.service.session_servers import SessionServers
from styxy.server.world.port_usage import EVERY_PORT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from styxy.core.books.events import Ending, Event
    from styxy.core.decisions.desk import Desk
    from styxy.core.decisions.requests import Grant, LeaseRequest
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.ports import Port, PortRange
    from styxy.core.protocol.wire import ListenNote
    from styxy.core.reports.port_report import PortReport
    from styxy.server.world.context import Context


log = logging.getLogger(__name__)

MOST_PROBES = 1000
"""Moves that are searched for those that were no probes."""


class Service:
    """Answers every request about ports. Use it only from the loop's thread."""

    def __init__(self, desk: Desk, context: Context) -> None:
        self.desk = desk
        self.context = context
        self.committer = committer = Committer(
            desk, context.journal, counts=context.counts, clock=context.clock
        )
        self.instances = Instances(
            committer, started_at=context.started_at, listening=self.in_use, heir=self._heir
        )
        self.ranges = MadeRanges(committer, context.live_config)
        self.interception = Interception(committer, context)
        self.session_servers = SessionServers(committer, context)

    def allocate(self, request: LeaseRequest) -> Grant:
        """Grant a lease on a port that is free at this moment."""
        self._end_dead_claims(request)
        now = self.context.clock()
        # Only a new or growing range needs to know what is listening; a candidate is probed anyway.
        may_make = self.desk.may_make_range(request.service_type)
        busy = self.context.listeners.look(now) if may_make else frozenset()
        grant = self.committer.try_and_commit(
            partial(
                self.desk.allocate, request, lease_id=self.context.new_id(), now=now, busy=busy
            ),
            is_free=partial(self.context.kernel.is_free, protocol=request.protocol),
            commit=self.ranges.commit if may_make else None,
        )
        if grant.made is not None and not request.dry_run:
            log.info("%s", grant.made.announcement)
        return grant

    def _end_dead_claims(self, request: LeaseRequest) -> None:
        """End the dead holders of what a request would share, whose deaths are not seen yet."""
        name = request.service_type
        leases = (
            self.desk.lease_index.of_service(name, request.service_name) if request.reuse else []
        )
        if name in self.desk.catalogue and self.desk.catalogue.get(name).is_singleton:
            leases = self.desk.lease_index.of_type(name)
        is_alive = self.context.processes.is_alive
        dead = {each.holder for each in leases if each.holder and not is_alive(each.holder)}
        if dead:
            self.end_holders(*dead)

    def release(
        self, lease_id: str, *, reason: Ending = "released", project: str | None = None
    ) -> Lease:
        """Release a lease; with `project`, only that project's.

        Raises `UnknownLease`, `NotYours`.
        """
        now = self.context.clock()
        ruling = self.desk.release(lease_id, now=now, reason=reason, project=project)
        self.committer.commit(ruling.events)
        return ruling.answer

    def end_holders(self, *dead: Holder, reason: Ending = "holder died") -> None:
        """End or pass on the leases of dead holders, and remove the instances that they were.

        Handling many at once takes one look at the kernel and one commit.
        """
        now = self.context.clock()
        listening = self.listening(now)
        held = [each for holder in dead for each in self.desk.lease_index.of_holder(holder)]
        contested = [lease.port for lease in held if lease.port in listening]
        self.context.listeners.sightings_of(contested)  # one search finds all processes
        strangers = self.strangers_on(contested)
        heirs = {
            port: heir
            for port in contested
            if port not in strangers and (heir := self._heir(port)) is not None
        }
        rulings = (self.desk.died(each, heirs=heirs, now=now, reason=reason) for each in dead)
        ended = [event for ruling in rulings for event in ruling.events]
        self.committer.commit(self._with_probes(ended, now))
        for holder in dead:
            self.instances.end_of_holder(holder)

    def end_dead_holders(
        self, *, reason: Ending = "holder died", project: str | None = None
    ) -> None:
        """End every holder that has died, of one project or of all."""
        held_by = {
            lease.holder
            for lease in self.desk.lease_index
            if project in (None, lease.owner.project)
        }
        held_by |= {
            instance.holder
            for instance in self.desk.instances.values()
            if project in (None, instance.project)
        }
        is_alive = self.context.processes.is_alive
        dead = [each for each in held_by if each is not None and not is_alive(each)]
        if dead:
            self.end_holders(*dead, reason=reason)

    def probe_journal(self) -> None:
        """If the journal could not be written, check whether it can be now."""
        if self.context.journal.failing is not None:
            self.context.journal.probe()
            log.info("the journal is writable again")

    def follow_clock(self) -> None:
        """Believe a wall clock that has shown another time for long; no lease is shorter for it."""
        if jump := self.context.clock.follow():
            log.warning("the clock of this machine has jumped by %+.0f seconds", jump)
            now = self.context.clock() + jump
            self.committer.commit(self.desk.shift(jump, now=now).events)
            self.context.clock.believe(jump)

    def sweep(self, *, project: str | None = None) -> None:
        """Compare the leases with the listeners, end unclaimed leases, forget old memories.

        `project` limits whose leases are ended.
        """
        now = self.context.clock()
        listening = self.listening(now)
        self.context.port_map_sync.refresh()
        self.interception.remember_asked()
        strangers = self.strangers_on(listening)
        self.context.probes.look(listening, now)
        self.interception.learning.look()
        self.committer.commit(self.desk.seen(listening - strangers, now=now).events)
        lapsed = self.desk.lapse(now=now, project=project).events
        self.committer.commit(self._with_probes(lapsed, now))
        self.committer.commit(decide_forget(self.desk, now=now).events)
        self.session_servers.look()

    def on_listen(self, note: ListenNote, pid: int) -> None:
        """Process a guest's report of a listening socket."""
        self.interception.on_listen(note, pid)
        self.session_servers.look()

    def cleanup(self, *, force: bool, project: str | None = None) -> list[Lease]:
        """End the leases of the dead and unclaimed ones; with `force`, all that are not in use.

        `project` limits what is forced; without `force`, it limits everything.
        """
        before = list(self.desk.lease_index)
        scope = None if force else project
        self.end_dead_holders(project=scope)
        self.sweep(project=scope)
        if force:
            now = self.context.clock()
            ruling = self.desk.clean(self.listening(now), now=now, project=project)
            self.committer.commit(ruling.events)
            self.context.former_holders.forget()
        live = {lease.lease_id for lease in self.desk.lease_index}
        return [lease for lease in before if lease.lease_id not in live]

    def listening(self, now: float) -> frozenset[Port]:
        """Return the ports in use by TCP, and by UDP if leased for it."""
        promised = (
            self.desk.lease_index.on_port(port) for port in self.context.listeners.look_at_udp(now)
        )
        udp = (lease.port for lease in promised if lease and lease.protocol != "tcp")
        return self.context.listeners.look(now).union(udp)

    def in_use(self, now: float) -> frozenset[Port]:
        """Return the ports in use, without the leased ones on which only strangers listen."""
        listening = self.listening(now)
        return listening - self.strangers_on(listening)

    def strangers_on(self, ports: Collection[Port]) -> frozenset[Port]:
        """Return those leased ports on which only others than the lease's owner listen.

        A singleton serves everybody, so whoever runs it there is no stranger.
        """
        leases = (self.desk.lease_index.on_port(port) for port in ports)
        kinds = self.desk.catalogue
        return self.context.strangers.alone_on(
            [
                lease
                for lease in leases
                if lease and not ((kind := kinds.find(lease.service_type)) and kind.is_singleton)
            ]
        )

    def report(self, port: Port, *, probe: bool = False) -> PortReport:
        """Describe what is on one port; with `probe`, also find a TCP socket that is bound but not
        listening.
        """
        usage = self.context.port_usage.port(port, now=self.context.clock())
        listens = usage is not None and usage.protocol != "udp"
        return port_report(
            port,
            lease=self.desk.lease_index.on_port(port),
            usage=usage,
            catalogue=self.desk.catalogue,
            is_held=probe and not listens and not self.context.kernel.is_free(port),
        )

    async def reports(self, span: PortRange = EVERY_PORT) -> list[PortReport]:
        """Describe each port in a range that is leased or in use, in ascending order."""
        leases = {lease.port: lease for lease in self.desk.lease_index if lease.port in span}
        found = await self.context.port_usage.ports(span, leased=leases, now=self.context.clock())
        usages = {usage.port: usage for usage in found}
        return [
            port_report(
                port,
                lease=leases.get(port),
                usage=usages.get(port),
                catalogue=self.desk.catalogue,
            )
            for port in sorted(leases.keys() | usages.keys())
        ]

    def suggest(self, service_type: str, *, count: int) -> tuple[str, list[Port]]:
        """List free ports of a type, or of `dev` if it is unknown; also return the type used."""
        kind = service_type if service_type in self.desk.catalogue else FALLBACK
        taken: set[int] = set(self.context.listeners.look(self.context.clock()))
        while True:
            ports = self.desk.suggest(kind, count=count, taken=taken)
            busy = {port for port in ports if not self.context.kernel.is_free(port)}
            if not busy:
                return kind, ports
            taken |= busy

    def recent_moves(self, *, limit: int = 100) -> list[Reassigned]:
        """List the most recent moved binds, newest last, without those that were only probes."""
        journal = self.context.journal
        recent = [
            event
            for kind in (Reassigned, Probed)
            for event in journal.recent(kind.__name__, limit=MOST_PROBES)
        ]
        probes = {event.lease_id for event in recent if isinstance(event, Probed)}
        moves = [event for event in recent if isinstance(event, Reassigned)]
        return [each for each in moves if each.lease_id not in probes][-limit:]

    def _with_probes(self, ended: Sequence[Event], now: float) -> list[Event]:
        """Mark the ends of moves that were only probes."""
        probes = self.context.probes
        return with_probes(ended, is_probe=lambda lease_id: probes.is_probe(lease_id, now))

    def _heir(self, port: Port) -> Holder | None:
        lease = self.desk.lease_index.on_port(port)
        heir = self.context.listeners.heir(port)
        if heir is None and lease is not None and lease.protocol != "tcp":
            return self.context.listeners.heir(port, "udp")
        return heir
