"""Named leases: one for each name of a project, lent to a process, kept from strangers."""

from __future__ import annotations

from typing import Any

import pytest

from styxy.core.decisions.desk import DEFAULTS
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.errors import NotYours
from styxy.core.model.leases import DEFAULT_NAME, Owner
from styxy.core.model.ports import Port
from tests.core.stage import P, Q, Stage, facts_of, holder

UNUSED_TTL = DEFAULTS.recovery.health_monitoring.unused_ttl


def web(**more: Any) -> LeaseRequest:
    """Ask for the lease of one name, as a shell's start-up file does."""
    named: dict[str, Any] = {"service_type": "dev", "service_name": "web", "owner": P}
    return LeaseRequest(**{**named, "reuse": True, **more})


def test_any_number_of_shells_share_one_named_lease() -> None:
    stage = Stage()
    ports = {stage.grant(web()).lease.port for _ in range(25)}
    assert ports == {3000}
    assert stage.ports() == [3000]


def test_asking_again_renews_a_lease_that_nobody_holds() -> None:
    stage = Stage()
    stage.grant(web())
    stage.now += UNUSED_TTL - 1.0
    assert stage.grant(web()).lease.expires_at == stage.now + UNUSED_TTL
    stage.wait(UNUSED_TTL - 1.0)
    assert stage.ports() == [3000]
    stage.wait(1.0)
    assert stage.ports() == []


def test_a_process_takes_over_an_unbound_lease_and_gives_it_back() -> None:
    stage = Stage()
    first = stage.grant(web()).lease
    taken_over = stage.grant(web(holder=holder(7)))
    assert taken_over.existing
    assert taken_over.lease == stage.desk.lease_index.get(first.lock_id)
    assert (taken_over.lease.holder, taken_over.lease.expires_at) == (holder(7), None)
    stage.see(3000)
    stage.die(holder(7))
    back = stage.desk.lease_index.get(first.lock_id)
    assert (back.holder, back.state, back.is_lent) == (None, "reserved", False)
    assert back.expires_at == stage.now + UNUSED_TTL
    assert facts_of(stage.replayed()) == facts_of(stage.restored()) == stage.facts()


def test_a_lent_lease_that_an_heir_listens_on_is_given_back_by_the_heir() -> None:
    stage = Stage()
    first = stage.grant(web()).lease
    stage.grant(web(holder=holder(7)))
    stage.die(holder(7), {Port(3000): holder(8)})
    assert stage.desk.lease_index.get(first.lock_id).holder == holder(8)
    stage.die(holder(8))
    assert stage.desk.lease_index.get(first.lock_id).holder is None


def test_a_lease_that_began_with_its_process_ends_with_it() -> None:
    stage = Stage()
    stage.grant(web(holder=holder(7)))
    stage.die(holder(7))
    assert stage.ports() == []


def test_a_lease_in_use_is_named_and_not_taken_over() -> None:
    stage = Stage()
    first = stage.grant(web()).lease
    stage.see(3000)
    shared = stage.grant(web(holder=holder(7)))
    assert (shared.existing, shared.lease.holder) == (True, None)
    assert shared.lease.lock_id == first.lock_id


def test_a_lease_whose_port_turns_out_to_be_in_use_is_not_taken_over() -> None:
    stage = Stage()
    stage.grant(web())
    shared = stage.grant(web(holder=holder(7)), taken=(3000,))
    assert (shared.existing, shared.lease.holder) == (True, None)


def test_of_two_leases_of_a_name_a_process_gets_the_one_that_it_can_have() -> None:
    stage = Stage()
    stage.grant(web(holder=holder(7)))
    own = stage.grant(web(holder=holder(8), reuse=False)).lease
    idle = stage.grant(web(reuse=False)).lease
    assert stage.grant(web(holder=holder(8))).lease == own
    assert stage.grant(web(holder=holder(9))).lease.port == idle.port
    assert stage.grant(web()).lease.port == 3000


def test_a_singleton_of_its_own_name_is_taken_over_and_anybody_elses_is_not() -> None:
    stage = Stage()
    rag: dict[str, Any] = {"service_type": "ai", "service_name": "rag"}
    first = stage.grant(web(**rag)).lease
    assert stage.grant(web(**rag, owner=Q, holder=holder(7))).lease == first
    assert stage.grant(web(**rag, holder=holder(8))).lease.holder == holder(8)


def test_a_dry_run_takes_nothing_over() -> None:
    stage = Stage()
    stage.grant(web())
    before = stage.facts()
    stage.grant(web(dry_run=True, holder=holder(7)))
    stage.now += 1.0
    stage.grant(web(dry_run=True))
    assert stage.facts() == before


@pytest.mark.parametrize(
    ("owner", "whose"),
    [(Q, "web (dev) of /q"), (Owner(instance_id="agent-1"), "web (dev) of instance agent-1")],
)
def test_the_lease_of_another_project_is_not_released(owner: Owner, whose: str) -> None:
    stage = Stage()
    lease = stage.allocate(owner=owner, service_name="web")
    with pytest.raises(NotYours, match="port 3000 is on lease to") as refusal:
        stage.desk.release(lease.lock_id, now=stage.now, project="/p")
    assert whose in refusal.value.message
    assert "styxy release --port 3000 --force" in refusal.value.context["suggestions"]  # type: ignore[operator]  # a list
    assert stage.ports() == [3000]


@pytest.mark.parametrize("owner", [P, Owner()])
def test_the_lease_of_the_project_or_of_nobody_is_released(owner: Owner) -> None:
    stage = Stage()
    lease = stage.allocate(owner=owner)
    assert stage.desk.release(lease.lock_id, now=stage.now, project="/p").answer == lease


def test_a_forced_cleanup_of_one_project_leaves_the_others_alone() -> None:
    stage = Stage()
    stage.allocate(owner=P)
    stage.allocate(owner=Q)
    ruling = stage.desk.clean((), now=stage.now, project="/p")
    assert [lease.port for lease in ruling.answer] == [3000]


def test_a_wish_outside_the_range_is_remembered_for_a_named_service_alone() -> None:
    stage = Stage()
    for name in (DEFAULT_NAME, "web"):
        lease = stage.allocate(owner=P, preferred_port=Port(8150), service_name=name)
        stage.release(lease.lock_id)
    assert stage.allocate(owner=P).port == 3000
    assert stage.allocate(owner=P, service_name="web").port == 8150
