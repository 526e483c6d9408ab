"""The desk's decisions about leases: who gets which port, and when it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from styxy.core.decisions.desk import DEFAULTS
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.errors import RangeExhausted, Refused, UnknownLease, UnknownServiceType
from styxy.core.model.leases import Owner
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import Catalogue, ServiceType
from tests.core.desk_harness import DeskHarness, P, Q, facts_of, holder, move_ask

UNBOUND_GRACE = DEFAULTS.recovery.health_monitoring.unbound_grace
UNUSED_TTL = DEFAULTS.recovery.health_monitoring.unused_ttl

FUNCTIONS = [5001, 5002, 5003, 5004, 5000, *range(5005, 5100)]


# --- the choice of a port ------------------------------------------------------------------------


def test_ports_are_chosen_preferred_ones_first_and_then_upwards() -> None:
    harness = DeskHarness()
    assert [harness.allocate("functions").port for _ in FUNCTIONS] == FUNCTIONS


@pytest.mark.parametrize(
    ("taken", "more", "port"),
    [
        ((), {}, 3000),
        ((3000, 3001), {}, 3002),
        (range(3000, 3004), {}, 3004),
        ((), {"preferred_port": 3050}, 3050),
        ((3050,), {"preferred_port": 3050}, 3000),
        ((), {"preferred_port": 7777}, 7777),
        ((3000,), {"preferred_port": 3000}, 3001),
    ],
)
def test_the_first_candidate_that_is_free_is_granted(
    taken: tuple[int, ...], more: dict[str, Any], port: int
) -> None:
    assert DeskHarness().allocate("dev", taken=taken, **more).port == port


def test_what_was_asked_is_in_the_lease() -> None:
    harness = DeskHarness()
    lease = harness.allocate(
        "api", service_name="web", owner=P, holder=holder(7), protocol="both", ttl=60.0
    )
    assert (lease.service_type, lease.service_name, lease.protocol) == ("api", "web", "both")
    assert (lease.owner, lease.holder, lease.state) == (P, holder(7), "reserved")
    assert (lease.allocated_at, lease.expires_at) == (1000.0, 1060.0)
    assert harness.desk.lease_index.get(lease.lease_id) == lease


def test_the_last_port_of_a_service_is_its_first_choice() -> None:
    harness = DeskHarness()
    first = harness.allocate(owner=P, service_name="web", preferred_port=3042)
    harness.release(first.lease_id)
    assert harness.allocate(owner=P, service_name="web").port == 3042


@pytest.mark.parametrize(
    ("more", "port"),
    [
        ({"owner": P, "service_name": "web", "sticky": False}, 3000),
        ({"owner": P, "service_name": "other"}, 3000),
        ({"owner": Q, "service_name": "web"}, 3000),
        ({"owner": Owner(), "service_name": "web"}, 3000),
        ({"owner": P, "service_name": "web", "preferred_port": 3007}, 3007),
        ({"owner": P, "service_name": "web", "preferred_port": 3042}, 3042),
        ({"owner": Owner(project="/p", instance_id="x"), "service_name": "web"}, 3042),
    ],
)
def test_memory_serves_the_same_service_of_the_same_project_alone(
    more: dict[str, Any], port: int
) -> None:
    harness = DeskHarness()
    harness.release(harness.allocate(owner=P, service_name="web", preferred_port=3042).lease_id)
    assert harness.allocate(**more).port == port


def test_a_remembered_port_that_is_taken_is_passed_over() -> None:
    harness = DeskHarness()
    first = harness.allocate(owner=P, service_name="web", preferred_port=3042)
    assert harness.allocate(owner=P, service_name="web").port == 3000, "the lease lives"
    harness.release(first.lease_id)
    assert harness.allocate(owner=P, service_name="web", taken=[3042, 3000]).port == 3001


def test_memory_is_of_one_service_type() -> None:
    harness = DeskHarness()
    harness.release(harness.allocate("dev", owner=P, preferred_port=3042).lease_id)
    assert harness.allocate("api", owner=P).port == 8000


def test_asking_again_gives_another_port() -> None:
    harness = DeskHarness()
    request: dict[str, Any] = {"owner": P, "service_name": "web", "holder": holder(7)}
    assert harness.allocate(**request).port != harness.allocate(**request).port


REUSE: dict[str, Any] = {"owner": P, "service_name": "web", "reuse": True}


@pytest.mark.parametrize(
    ("more", "is_same"),
    [
        ({}, True),
        ({"owner": Owner(project="/p", instance_id="other-session")}, True),
        ({"service_name": "api"}, False),
        ({"owner": Q}, False),
        ({"owner": Owner()}, False),
        ({"holder": holder(8)}, True),
        ({"holder": holder(7, start_time=2)}, True),
        ({"holder": None}, True),
        ({"reuse": False}, False),
    ],
)
def test_reuse_gives_the_lease_of_the_project_whoever_holds_it(
    more: dict[str, Any], is_same: bool
) -> None:
    harness = DeskHarness()
    first = harness.allocate(**{**REUSE, "holder": holder(7)})
    second = harness.grant(
        LeaseRequest(**{"service_type": "dev", **REUSE, "holder": holder(7), **more})
    )
    assert second.existing is is_same
    assert (second.lease == first) is is_same


def test_reuse_does_not_take_a_moved_bind_for_a_claim() -> None:
    harness = DeskHarness()
    moved = harness.moved(move_ask(), taken=(3000,))
    request = LeaseRequest(
        service_type="dev", service_name="node", owner=P, holder=moved.holder, reuse=True
    )
    assert not harness.grant(request).existing
    assert harness.grant(request).existing


# --- singletons ----------------------------------------------------------------------------------


def test_one_lease_of_a_singleton_serves_everybody() -> None:
    harness = DeskHarness()
    first = harness.grant(LeaseRequest(service_type="ai", owner=P))
    second = harness.grant(LeaseRequest(service_type="ai", owner=Q, preferred_port=Port(11440)))
    assert (first.lease.port, first.existing) == (11430, False)
    assert (second.lease, second.existing) == (first.lease, True)
    assert harness.ports() == [11430]


def test_a_singleton_that_is_full_of_strangers_is_still_found() -> None:
    harness = DeskHarness()
    first = harness.allocate("ai")
    assert harness.allocate("ai", taken=range(11400, 11500)) == first


@pytest.mark.parametrize(
    "end",
    [
        lambda harness, lease: harness.release(lease.lease_id),
        lambda harness, _: harness.die(holder(7)),
        lambda harness, _: harness.wait(61.0),
    ],
    ids=["released", "died", "lapsed"],
)
def test_a_singleton_that_ended_is_granted_afresh(end: Callable[[DeskHarness, Any], None]) -> None:
    harness = DeskHarness()
    first = harness.allocate("ai", holder=holder(7), ttl=60.0)
    end(harness, first)
    assert harness.ports() == []
    second = harness.grant(LeaseRequest(service_type="ai", owner=Q))
    assert not second.existing
    assert second.lease.lease_id != first.lease_id


# --- refusals and dry runs change nothing --------------------------------------------------------


def test_a_dry_run_says_what_would_be_and_changes_nothing() -> None:
    harness = DeskHarness()
    harness.allocate(owner=P)
    before = harness.facts()
    dry = harness.grant(LeaseRequest(service_type="dev", owner=P, service_name="web", dry_run=True))
    assert dry.lease.port == 3001
    assert harness.facts() == before
    assert harness.allocate(owner=P, service_name="web").port == 3001


def test_a_full_range_is_refused_with_its_numbers() -> None:
    harness = DeskHarness()
    taken = [3000, 3001]
    for _ in range(98):
        harness.allocate(taken=taken)
    before = harness.facts()
    with pytest.raises(RangeExhausted) as refusal:
        harness.allocate(taken=taken)
    assert refusal.value.message.startswith("dev 3000-3099 is full (98 leases")
    assert "try: styxy cleanup" in refusal.value.message
    assert refusal.value.context["port_range"] == [3000, 3099]
    assert refusal.value.context["allocated_ports"] == list(range(3002, 3100))
    assert refusal.value.context["suggestions"]
    assert harness.facts() == before


def test_a_full_range_still_grants_a_preferred_port_outside_it() -> None:
    harness = DeskHarness()
    assert harness.allocate(taken=range(3000, 3100), preferred_port=7000).port == 7000
    with pytest.raises(RangeExhausted):
        harness.allocate(taken=range(3000, 3100), preferred_port=7000)


def test_a_lease_outside_the_range_does_not_fill_it() -> None:
    harness = DeskHarness()
    harness.allocate(preferred_port=7000)
    for _ in range(100):
        harness.allocate()
    with pytest.raises(RangeExhausted) as refusal:
        harness.allocate()
    assert refusal.value.context["allocated_ports"] == list(range(3000, 3100))


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (lambda harness: harness.release("nope"), UnknownLease),
        (lambda harness: harness.release("lease-1") or harness.release("lease-1"), UnknownLease),
    ],
    ids=["unknown lease", "released twice"],
)
def test_a_refusal_changes_nothing(refused: Callable[..., None], kind: type[Refused]) -> None:
    harness = DeskHarness()
    harness.allocate(owner=P)
    harness.allocate(owner=Q)
    with pytest.raises(kind):
        refused(harness)
    assert {3001} <= set(harness.ports()) <= {3000, 3001}
    assert harness.facts() == facts_of(harness.replayed())


# --- the end of a lease --------------------------------------------------------------------------


def test_a_released_port_is_free_again() -> None:
    harness = DeskHarness()
    lease = harness.allocate()
    harness.release(lease.lease_id)
    assert harness.ports() == []
    assert harness.allocate().port == lease.port


@pytest.mark.parametrize(
    ("more", "lives"),
    [
        ({}, UNUSED_TTL),
        ({"owner": P}, UNUSED_TTL),
        ({"ttl": 60.0}, 60.0),
        ({"ttl": 60.0, "holder": holder(7)}, 60.0),
        ({"holder": holder(7)}, None),
    ],
)
def test_an_unused_lease_lapses(more: dict[str, Any], lives: float | None) -> None:
    harness = DeskHarness()
    harness.allocate(**more)
    harness.wait(59.0)
    assert harness.ports() == [3000]
    harness.wait((lives or 10 * UNUSED_TTL) - 59.0)
    assert harness.ports() == ([] if lives else [3000])


def test_a_lease_in_use_never_lapses() -> None:
    harness = DeskHarness()
    lease = harness.allocate(ttl=60.0)
    harness.see(3000)
    assert harness.desk.lease_index.get(lease.lease_id).state == "bound"
    harness.wait(10 * UNUSED_TTL, 3000)
    assert harness.ports() == [3000]


def test_a_lease_that_is_used_at_its_last_moment_does_not_lapse() -> None:
    harness = DeskHarness()
    harness.allocate(ttl=60.0)
    harness.wait(60.0, 3000)
    assert harness.ports() == [3000]


def test_a_lease_outlives_its_listener_by_a_grace() -> None:
    harness = DeskHarness()
    lease = harness.allocate(holder=holder(7))
    harness.see(3000)
    harness.wait(5.0)
    assert harness.desk.lease_index.get(lease.lease_id).state == "reserved"
    harness.wait(UNBOUND_GRACE - 1.0)
    assert harness.ports() == [3000]
    harness.wait(1.0)
    assert harness.ports() == []


def test_a_listener_that_comes_back_within_the_grace_keeps_the_lease() -> None:
    harness = DeskHarness()
    harness.allocate(holder=holder(7))
    harness.see(3000)
    harness.wait(5.0)
    harness.wait(UNBOUND_GRACE - 1.0, 3000)
    harness.wait(UNBOUND_GRACE, 3000)
    assert harness.ports() == [3000]


def test_a_sweep_that_sees_nothing_new_says_nothing() -> None:
    harness = DeskHarness()
    harness.allocate()
    harness.see(3000, 4000)
    written = len(harness.written)
    harness.see(3000, 5000)
    assert len(harness.written) == written


def test_the_dead_hold_nothing() -> None:
    harness = DeskHarness()
    for _ in range(3):
        harness.allocate(holder=holder(7))
    other = harness.allocate(holder=holder(8))
    harness.die(holder(7))
    assert harness.ports() == [other.port]


def test_a_recycled_pid_is_not_the_dead() -> None:
    harness = DeskHarness()
    harness.allocate(holder=holder(7, start_time=1))
    second = harness.allocate(holder=holder(7, start_time=2))
    harness.die(holder(7, start_time=1))
    assert harness.ports() == [second.port]


def test_a_port_that_an_heir_listens_on_passes_to_it() -> None:
    harness = DeskHarness()
    passed = harness.allocate(holder=holder(7))
    lost = harness.allocate(holder=holder(7))
    harness.die(holder(7), {passed.port: holder(9)})
    assert harness.ports() == [passed.port]
    assert harness.desk.lease_index.get(passed.lease_id).holder == holder(9)
    harness.die(holder(9))
    assert harness.ports() == []
    assert lost.port == 3001


def test_an_heir_of_a_strangers_port_gets_nothing() -> None:
    harness = DeskHarness()
    mine = harness.allocate(holder=holder(7))
    harness.die(holder(8), {mine.port: holder(9)})
    assert harness.desk.lease_index.get(mine.lease_id).holder == holder(7)


# --- suggestions ---------------------------------------------------------------------------------


def test_suggestions_are_neither_leased_nor_taken() -> None:
    harness = DeskHarness()
    harness.allocate("functions")
    assert harness.desk.suggest("functions", count=3, taken={5003}) == [5002, 5004, 5000]
    assert len(harness.desk.suggest("functions", count=1000, taken={5003})) == 98
    assert harness.desk.suggest("functions", count=3, taken=range(5000, 5100)) == []


def test_suggestions_of_an_unknown_type_are_refused() -> None:
    with pytest.raises(UnknownServiceType):
        DeskHarness().desk.suggest("grafana", count=1, taken=())


# --- memory --------------------------------------------------------------------------------------


def test_a_small_type_of_ones_own_is_served_like_a_built_in_one() -> None:
    kind = ServiceType(name="mine", ports=PortRange(Port(21000), Port(21000)))
    harness = DeskHarness(Catalogue((kind,)))
    assert harness.allocate("mine").port == 21000
    with pytest.raises(RangeExhausted, match=r"mine 21000-21000 is full \(1 lease\)"):
        harness.allocate("mine")


def test_a_replay_and_a_snapshot_give_the_same_desk() -> None:
    harness = DeskHarness()
    first = harness.allocate(owner=P, service_name="web", preferred_port=3050)
    harness.allocate(owner=Q, holder=holder(7))
    harness.see(3050)
    harness.release(first.lease_id)
    harness.allocate(owner=P, service_name="web")
    assert facts_of(harness.replayed()) == harness.facts()
    assert facts_of(harness.restored()) == harness.facts()
