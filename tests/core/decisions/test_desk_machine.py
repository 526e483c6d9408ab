"""The promises of the desk, attacked at random: no port to two, replay equals memory.

Also tests `state`.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from styxy.core.books.events import InstanceEnding
from styxy.core.config.configuration import Configuration, Recovery, SystemRecovery
from styxy.core.decisions.instances import decide_leave_keeping
from styxy.core.decisions.requests import Kept, LeaseRequest, Moved, RunsAlready
from styxy.core.decisions.retention import DAY
from styxy.core.errors import RangeExhausted, UnknownInstance, UnknownLease
from styxy.core.model.leases import Holder, Lease, Owner
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import Catalogue, ServiceType
from tests.core.desk_harness import DeskHarness, facts_of, holder, move_ask
from tests.examples import share_of
from tests.fakes import assert_consistent, has_lapsed

SMALL = Catalogue(
    (
        ServiceType(
            name="dev", ports=PortRange(Port(3000), Port(3005)), preferred_ports=(Port(3002),)
        ),
        ServiceType(name="api", ports=PortRange(Port(8000), Port(8003))),
        ServiceType(name="ai", ports=PortRange(Port(9000), Port(9002)), behavior="single"),
    )
)
"""Ranges that are full after a few steps."""

FORGETFUL = Configuration(
    recovery=Recovery(system_recovery=SystemRecovery(memory_days=1, memory_entries=2))
)
"""A memory that is full, and old, after a few steps."""

PORTS = [Port(number) for number in (*range(3000, 3006), *range(8000, 8004), 9000, 9001, 9002)]
STRAY = Port(7000)

ports = st.sampled_from([*PORTS, STRAY])
some_ports = st.frozensets(st.sampled_from(PORTS), max_size=6)
owners = st.builds(
    Owner,
    project=st.sampled_from([None, "/p", "/q"]),
    instance_id=st.sampled_from(["default", "agent", "other"]),
)
holders = st.builds(holder, st.integers(1, 3), st.integers(1, 2))
instance_names = st.sampled_from(["agent", "other"])
kinds = st.sampled_from([kind.name for kind in SMALL])


class DeskMachine(RuleBasedStateMachine):
    """Ask, die, listen, wait and restart in any order."""

    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.harness = DeskHarness(SMALL, FORGETFUL)

    @rule(
        target=leases,
        kind=kinds,
        name=st.sampled_from(["web", "worker"]),
        owner=owners,
        who=st.none() | holders,
        preferred_port=st.none() | ports,
        ttl=st.none() | st.sampled_from([30.0, 3000.0]),
        flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        taken=some_ports,
    )
    def allocate(
        self,
        kind: str,
        name: str,
        owner: Owner,
        who: Holder | None,
        preferred_port: Port | None,
        ttl: float | None,
        flags: tuple[bool, bool, bool],
        taken: frozenset[Port],
    ) -> str:
        """Ask for a lease as a client does."""
        sticky, reuse, dry_run = flags
        request = LeaseRequest(
            service_type=kind,
            service_name=name,
            owner=owner,
            holder=who,
            preferred_port=preferred_port,
            ttl=ttl,
            sticky=sticky,
            reuse=reuse,
            dry_run=dry_run,
        )
        before = self.harness.facts()
        try:
            grant = self.harness.grant(request, taken=taken)
        except RangeExhausted:
            assert self.harness.facts() == before
            assert self.is_full(kind, taken)
            return "none"
        if dry_run:
            assert self.harness.facts() == before
        if dry_run or grant.existing:
            assert set(self.harness.ports()) == self.ports_of(before)
            assert grant.existing or grant.lease.port not in self.ports_of(before)
        if not grant.existing:
            assert grant.lease.port not in taken
        return grant.lease.lease_id

    @rule(
        asked=ports,
        owner=owners,
        who=holders,
        image_id=st.sampled_from(["a" * 16, "b" * 16]),
        reason=st.sampled_from(["promised", "inuse", "shadowed"]),
        kind=st.none() | kinds,
        is_foreign=st.booleans(),
        taken=some_ports,
        has_lost=st.booleans(),
    )
    def move(
        self,
        asked: Port,
        owner: Owner,
        who: Holder,
        image_id: str,
        reason: str,
        kind: str | None,
        is_foreign: bool,
        taken: frozenset[Port],
        has_lost: bool,
    ) -> None:
        """Ask as a guest does, again if the answer was lost, and expect one place in the end."""
        request = replace(
            move_ask(asked, owner=owner, image_id=image_id),
            holder=who,
            reason=reason,
            service_type=kind,
            is_foreign=is_foreign,
        )
        before = self.harness.facts()
        try:
            answer = self.harness.move(request, taken=taken)
            if isinstance(answer, Moved) and has_lost:
                before = self.harness.facts()
                lost = answer.lease.port
                answer = self.harness.move(replace(request, lost=lost), taken=taken)
                assert not isinstance(answer, Moved) or answer.lease.port != lost
        except RangeExhausted:
            assert self.harness.facts() == before
            return
        match answer:
            case Kept():
                assert reason == "shadowed"
                assert not is_foreign
            case RunsAlready(service_type=kind):
                assert kind == "ai"
            case Moved(lease=lease):
                assert lease.port not in taken
                assert lease.owner.is_same(owner)
                again = self.harness.move(request, taken=taken)
                assert again == Moved(lease, is_new=False)

    @rule(lease_id=leases)
    def release(self, lease_id: str) -> None:
        """Release a lease; one that has ended is refused."""
        before = self.harness.facts()
        try:
            self.harness.release(lease_id)
        except UnknownLease:
            assert self.harness.facts() == before

    @rule(dead=holders, heir=st.none() | holders, inherited=some_ports)
    def die(self, dead: Holder, heir: Holder | None, inherited: frozenset[Port]) -> None:
        """End a process; an heir may listen on some of its ports."""
        heirs = {} if heir in (None, dead) or heir is None else dict.fromkeys(inherited, heir)
        held = [lease for lease in self.harness.desk.lease_index if lease.holder == dead]
        self.harness.die(dead, heirs)
        assert all(lease.holder != dead for lease in self.harness.desk.lease_index)
        left = set(self.harness.ports())
        assert all((lease.port in left) == (lease.port in heirs) for lease in held)

    @rule(
        name=instance_names,
        who=st.none() | holders,
        template=st.none() | st.sampled_from(["main", "dev", "features"]),
    )
    def register(self, name: str, who: Holder | None, template: str | None) -> None:
        """Make an instance known, or refresh it; leases stay as they are."""
        before = self.harness.facts()
        self.harness.register(name, holder=who, template=template)
        assert self.harness.facts()["leases"] == before["leases"]

    @rule(name=instance_names)
    def hear(self, name: str) -> None:
        """Give a sign of life; who is not known is refused."""
        before = self.harness.facts()
        try:
            self.harness.hear(name)
        except UnknownInstance:
            assert self.harness.facts() == before

    @rule(
        name=instance_names,
        reason=st.sampled_from(["left", "process died", "heartbeat lost"]),
        listening=some_ports,
        heir=st.none() | holders,
    )
    def end_instance(
        self, name: str, reason: InstanceEnding, listening: frozenset[Port], heir: Holder | None
    ) -> None:
        """End an instance: what it holds ends, but for the ports of live listeners."""
        leases = list(self.harness.desk.lease_index)
        instance = self.harness.desk.instances.get(name)
        if instance is None:
            return
        heirs = {} if heir is None else dict.fromkeys(listening, heir)
        ended = self.harness.gone(name, *listening, reason=reason, heirs=heirs)
        left = set(self.harness.ports())
        assert all(lease.port in left for lease in leases if lease.port in listening)
        assert all(lease.owner.instance_id == name for lease in ended)
        assert all(lease.holder in (None, instance.holder) for lease in ended)
        assert not [
            lease
            for lease in self.harness.desk.lease_index
            if lease.owner.instance_id == name
            and lease.holder is None
            and lease.port not in listening
        ]

    @rule(name=instance_names)
    def leave_keeping(self, name: str) -> None:
        """End an instance and no lease; none of them may stay for ever."""
        ports = self.harness.ports()
        if name not in self.harness.desk.instances:
            return
        self.harness.write(
            decide_leave_keeping(self.harness.desk, name, now=self.harness.now).events
        )
        assert self.harness.ports() == ports

    @rule(listening=some_ports)
    def clean(self, listening: frozenset[Port]) -> None:
        """Force a cleanup: what is in use stays, all else goes, and no ghost of a singleton."""
        self.harness.clean(*listening)
        assert set(self.harness.ports()) <= listening

    @rule(seconds=st.sampled_from([1.0, 60.0, 700.0, 90_000.0]), listening=some_ports)
    def wait(self, seconds: float, listening: frozenset[Port]) -> None:
        """Let time go by while listeners come and go."""
        used = [lease for lease in self.harness.desk.lease_index if lease.port in listening]
        self.harness.wait(seconds, *listening)
        left = set(self.harness.ports())
        assert all(lease.port in left for lease in used), "a lease lapsed under a live listener"
        for lease in self.harness.desk.lease_index:
            assert (lease.state == "bound") == (lease.port in listening)
            assert not has_lapsed(lease, self.harness.now)
        limits = FORGETFUL.recovery.system_recovery
        memory = self.harness.desk.remembered
        for paths in (memory.services, memory.moves):
            assert len(paths) <= limits.memory_entries
            ages = [self.harness.now - place.left_at for place in paths.values()]
            assert all(age <= limits.memory_days * DAY for age in ages)
            assert ages == sorted(ages, reverse=True), "the oldest first"

    @rule()
    def restart(self) -> None:
        """Forget the desk, and read the journal."""
        replayed = self.harness.replayed()
        assert facts_of(replayed) == self.harness.facts()
        self.harness.desk = replayed

    @rule()
    def compact(self) -> None:
        """Put a snapshot in place of the events, and start from it."""
        snapshot = self.harness.desk.snapshot(now=self.harness.now)
        restored = self.harness.restored()
        assert facts_of(restored) == self.harness.facts()
        self.harness.desk = restored
        self.harness.written = snapshot

    @invariant()
    def no_port_is_promised_twice(self) -> None:
        """Hold the indexes against the leases; ports are among what they compare."""
        assert_consistent(self.harness.desk.lease_index)

    @invariant()
    def a_singleton_has_one_lease(self) -> None:
        """Count the leases of the type that serves everybody."""
        assert len(self.harness.desk.lease_index.of_type("ai")) <= 1

    @invariant()
    def nobodys_lease_stays_for_ever(self) -> None:
        """Without a process and a live instance a lease has an end; a listener puts it off."""
        for lease in self.harness.desk.lease_index:
            if lease.expires_at is None and lease.holder is None:
                assert lease.owner.instance_id in self.harness.desk.instances

    @invariant()
    def the_memory_is_indexed(self) -> None:
        """Find each remembered move by its asked port, and none that was forgotten."""
        memory = self.harness.desk.remembered
        for asked in (*PORTS, STRAY):
            known = {owner: place for (owner, port), place in memory.moves.items() if port == asked}
            assert dict(memory.moved_from(asked)) == known

    @invariant()
    def replay_equals_memory(self) -> None:
        """Read the journal without forgetting."""
        assert facts_of(self.harness.replayed()) == self.harness.facts()

    def is_full(self, kind: str, taken: frozenset[Port]) -> bool:
        """Tell whether no port of a range is left."""
        leased = set(self.harness.ports())
        return all(port in leased or port in taken for port in SMALL.get(kind).all_ports())

    @staticmethod
    def ports_of(facts: dict[str, object]) -> set[Port]:
        """List the ports that were leased when the facts were taken."""
        leases = facts["leases"]
        assert isinstance(leases, dict)
        return {lease.port for lease in leases.values() if isinstance(lease, Lease)}


DeskMachine.TestCase.settings = settings(max_examples=share_of(120), stateful_step_count=40)
test_the_desk_keeps_its_promises = DeskMachine.TestCase
