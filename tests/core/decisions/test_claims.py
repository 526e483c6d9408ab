"""Named leases: one for each name of a project, lent to a process, kept from strangers."""

from __future__ import annotations

from typing import Any

import pytest

from styxy.core.decisions.desk import DEFAULTS
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.errors import NotYours
from styxy.core.model.leases import DEFAULT_NAME, Owner
from styxy.core.model.ports import Port
from tests.core.desk_harness import DeskHarness, P, Q, facts_of, holder

UNUSED_TTL = DEFAULTS.recovery.health_monitoring.unused_ttl


def web(**more: Any) -> LeaseRequest:
    """Ask for the lease of one name, as a shell's start-up file does."""
    named: dict[str, Any] = {"service_type": "dev", "service_name": "web", "owner": P}
    return LeaseRequest(**{**named, "reuse": True, **more})


def test_any_number_of_shells_share_one_named_lease() -> None:
    harness = DeskHarness()
    ports = {harness.grant(web()).lease.port for _ in range(25)}
    assert ports == {3000}
    assert harness.ports() == [3000]


def test_asking_again_renews_a_lease_that_nobody_holds() -> None:
    harness = DeskHarness()
    harness.grant(web())
    harness.now += UNUSED_TTL - 1.0
    assert harness.grant(web()).lease.expires_at == harness.now + UNUSED_TTL
    harness.wait(UNUSED_TTL - 1.0)
    assert harness.ports() == [3000]
    harness.wait(1.0)
    assert harness.ports() == []


def test_a_process_takes_over_an_unbound_lease_and_gives_it_back() -> None:
    harness = DeskHarness()
    first = harness.grant(web()).lease
    taken_over = harness.grant(web(holder=holder(7)))
    assert taken_over.existing
    assert taken_over.lease == harness.desk.lease_index.get(first.lease_id)
    assert (taken_over.lease.holder, taken_over.lease.expires_at) == (holder(7), None)
    harness.see(3000)
    harness.die(holder(7))
    back = harness.desk.lease_index.get(first.lease_id)
    assert (back.holder, back.state, back.is_lent) == (None, "reserved", False)
    assert back.expires_at == harness.now + UNUSED_TTL
    assert facts_of(harness.replayed()) == facts_of(harness.restored()) == harness.facts()


def test_a_lent_lease_that_an_heir_listens_on_is_given_back_by_the_heir() -> None:
    harness = DeskHarness()
    first = harness.grant(web()).lease
    harness.grant(web(holder=holder(7)))
    harness.die(holder(7), {Port(3000): holder(8)})
    assert harness.desk.lease_index.get(first.lease_id).holder == holder(8)
    harness.die(holder(8))
    assert harness.desk.lease_index.get(first.lease_id).holder is None


def test_a_lease_that_began_with_its_process_ends_with_it() -> None:
    harness = DeskHarness()
    harness.grant(web(holder=holder(7)))
    harness.die(holder(7))
    assert harness.ports() == []


def test_a_lease_in_use_is_named_and_not_taken_over() -> None:
    harness = DeskHarness()
    first = harness.grant(web()).lease
    harness.see(3000)
    shared = harness.grant(web(holder=holder(7)))
    assert (shared.existing, shared.lease.holder) == (True, None)
    assert shared.lease.lease_id == first.lease_id


def test_a_lease_whose_port_turns_out_to_be_in_use_is_not_taken_over() -> None:
    harness = DeskHarness()
    harness.grant(web())
    shared = harness.grant(web(holder=holder(7)), taken=(3000,))
    assert (shared.existing, shared.lease.holder) == (True, None)


def test_of_two_leases_of_a_name_a_process_gets_the_one_that_it_can_have() -> None:
    harness = DeskHarness()
    harness.grant(web(holder=holder(7)))
    own = harness.grant(web(holder=holder(8), reuse=False)).lease
    idle = harness.grant(web(reuse=False)).lease
    assert harness.grant(web(holder=holder(8))).lease == own
    assert harness.grant(web(holder=holder(9))).lease.port == idle.port
    assert harness.grant(web()).lease.port == 3000


def test_a_singleton_of_its_own_name_is_taken_over_and_anybody_elses_is_not() -> None:
    harness = DeskHarness()
    rag: dict[str, Any] = {"service_type": "ai", "service_name": "rag"}
    first = harness.grant(web(**rag)).lease
    assert harness.grant(web(**rag, owner=Q, holder=holder(7))).lease == first
    assert harness.grant(web(**rag, holder=holder(8))).lease.holder == holder(8)


def test_a_dry_run_takes_nothing_over() -> None:
    harness = DeskHarness()
    harness.grant(web())
    before = harness.facts()
    harness.grant(web(dry_run=True, holder=holder(7)))
    harness.now += 1.0
    harness.grant(web(dry_run=True))
    assert harness.facts() == before


@pytest.mark.parametrize(
    ("owner", "whose"),
    [(Q, "web (dev) of /q"), (Owner(instance_id="agent-1"), "web (dev) of instance agent-1")],
)
def test_the_lease_of_another_project_is_not_released(owner: Owner, whose: str) -> None:
    harness = DeskHarness()
    lease = harness.allocate(owner=owner, service_name="web")
    with pytest.raises(NotYours, match="port 3000 is on lease to") as refusal:
        harness.desk.release(lease.lease_id, now=harness.now, project="/p")
    assert whose in refusal.value.message
    assert "styxy release --port 3000 --force" in refusal.value.context["suggestions"]  # type: ignore[operator]  # a list
    assert harness.ports() == [3000]


@pytest.mark.parametrize("owner", [P, Owner()])
def test_the_lease_of_the_project_or_of_nobody_is_released(owner: Owner) -> None:
    harness = DeskHarness()
    lease = harness.allocate(owner=owner)
    assert harness.desk.release(lease.lease_id, now=harness.now, project="/p").answer == lease


def test_a_forced_cleanup_of_one_project_leaves_the_others_alone() -> None:
    harness = DeskHarness()
    harness.allocate(owner=P)
    harness.allocate(owner=Q)
    ruling = harness.desk.clean((), now=harness.now, project="/p")
    assert [lease.port for lease in ruling.answer] == [3000]


def test_a_wish_outside_the_range_is_remembered_for_a_named_service_alone() -> None:
    harness = DeskHarness()
    for name in (DEFAULT_NAME, "web"):
        lease = harness.allocate(owner=P, preferred_port=Port(8150), service_name=name)
        harness.release(lease.lease_id)
    assert harness.allocate(owner=P).port == 3000
    assert harness.allocate(owner=P, service_name="web").port == 8150
