"""When a restarted server goes back, why a bind was moved, and onto which lease.

Also tests `moves`.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from styxy.core.decisions.requests import (
    FormerHolder,
    Kept,
    LeaseRequest,
    Moved,
    MoveRequest,
)
from styxy.core.model.leases import Cause, Lease
from styxy.core.model.ports import Port
from tests.core.desk_harness import OTHER_IMAGE, DeskHarness, P, Q, facts_of, holder, move_ask

IN_USE = (3000,)


def ended_move(harness: DeskHarness, *, at: int = 3007) -> None:
    """Leave a memory: P asked for 3000 and sat at `at`."""
    taken = range(3000, at)
    lease = harness.moved(move_ask(), taken=taken)
    assert lease.port == at
    harness.die(holder(10))


def returning(**more: Any) -> MoveRequest:
    """Ask as a guest whose map remembers a place of its project."""
    ask = replace(move_ask(image_id=OTHER_IMAGE), reason="returned", is_foreign=False)
    return replace(ask, **more)


def test_a_free_port_that_nobody_had_wins_over_a_remembered_place() -> None:
    harness = DeskHarness()
    ended_move(harness)
    assert harness.move(returning()) == Kept()


@pytest.mark.parametrize(
    ("ago", "goes_back"), [(0.0, True), (599.0, True), (601.0, False)], ids=["now", "late", "past"]
)
def test_a_restart_goes_back_while_the_other_project_may_come_back(
    ago: float, goes_back: bool
) -> None:
    harness = DeskHarness()
    ended_move(harness)
    former = FormerHolder(Q, until=harness.now - ago)
    answer = harness.move(returning(former=former))
    assert isinstance(answer, Moved) == goes_back
    if isinstance(answer, Moved):
        assert answer.lease.port == 3007
        assert answer.lease.cause == Cause(kind="left", owner=Q, until=former.until)


def test_a_restart_goes_back_for_a_listener_or_a_lease_of_another_project() -> None:
    harness = DeskHarness()
    ended_move(harness)
    listened = harness.moved(returning(is_in_use=True, is_foreign=True))
    assert (listened.port, listened.cause) == (3007, Cause(kind="in use"))
    other = DeskHarness()
    ended_move(other)
    other.allocate(owner=Q, preferred_port=3000)
    leased = other.moved(returning())
    assert (leased.port, leased.cause) == (3007, Cause(kind="promised", owner=Q))


def test_a_lease_of_ones_own_on_the_asked_port_wins_over_any_memory() -> None:
    harness = DeskHarness()
    ended_move(harness)
    harness.allocate(owner=P, preferred_port=3000)
    assert harness.move(returning(former=FormerHolder(Q, until=harness.now))) == Kept()


def test_the_asked_port_that_became_free_wins_over_a_place_that_nobody_drove_it_to() -> None:
    harness = DeskHarness()
    ended_move(harness)
    assert harness.moved(move_ask(image_id=OTHER_IMAGE)).port == 3000


# --- why -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["inuse", "shadowed", "promised"])
def test_where_something_listens_the_port_was_in_use(reason: Any) -> None:
    harness = DeskHarness()
    harness.allocate(owner=Q, preferred_port=3000)
    assert harness.moved(replace(move_ask(), reason=reason, is_in_use=True)).cause == Cause()


def test_where_the_port_is_only_promised_its_owner_is_named_each_time() -> None:
    harness = DeskHarness()
    harness.allocate(owner=Q, preferred_port=3000)
    first = harness.moved(replace(move_ask(), reason="promised"))
    assert first.cause == Cause(kind="promised", owner=Q)
    assert harness.move(replace(move_ask(), reason="placed")) == Moved(first, is_new=False)
    assert facts_of(harness.replayed()) == harness.facts()
    assert facts_of(harness.restored()) == harness.facts()


# --- the lease that `styxy run` took -------------------------------------------------------------


def run_lease(harness: DeskHarness) -> Lease:
    return harness.allocate(owner=P, holder=holder(10), service_name="web")


def test_a_bind_is_moved_onto_the_lease_that_was_taken_for_the_program() -> None:
    harness = DeskHarness()
    granted = run_lease(harness)
    answer = harness.move(replace(move_ask(8080), granted=granted), taken=(8080,))
    assert isinstance(answer, Moved)
    assert answer.is_new
    assert harness.ports() == [granted.port]
    (lease,) = harness.desk.lease_index
    assert lease == answer.lease
    assert (lease.lease_id, lease.service_name, lease.asked) == (granted.lease_id, "web", 8080)
    assert lease.is_adopted
    assert not lease.was_made_for_bind
    again = harness.move(replace(move_ask(8080), reason="placed"))
    assert again == Moved(lease, is_new=False)
    assert facts_of(harness.replayed()) == harness.facts()
    assert facts_of(harness.restored()) == harness.facts()


def test_a_lease_that_a_bind_was_moved_onto_is_found_by_its_name_and_remembered_as_both() -> None:
    harness = DeskHarness()
    granted = run_lease(harness)
    harness.moved(replace(move_ask(8080), granted=granted), taken=(8080,))
    request = LeaseRequest(
        service_type="dev", service_name="web", owner=P, holder=holder(10), reuse=True
    )
    assert harness.grant(request).lease.lease_id == granted.lease_id
    harness.die(holder(10))
    assert harness.desk.remembered.services[("/p", "dev", "web")].port == granted.port
    assert harness.desk.remembered.moves[P.key, Port(8080)].port == granted.port


def test_the_lease_of_the_program_comes_before_any_memory() -> None:
    harness = DeskHarness()
    ended_move(harness)
    granted = harness.allocate(owner=P, holder=holder(10))
    ask = replace(move_ask(image_id=OTHER_IMAGE), granted=granted, asked=Port(3000))
    other = replace(ask, former=FormerHolder(Q, until=harness.now))
    if granted.port != 3000:
        assert harness.moved(other, taken=IN_USE).port == granted.port
    assert harness.move(replace(other, reason="returned", is_foreign=False)) == Kept()


def test_a_lease_whose_port_is_taken_is_passed_over_and_kept() -> None:
    harness = DeskHarness()
    granted = run_lease(harness)
    ask = replace(move_ask(8080), granted=granted)
    assert harness.moved(ask, taken=(8080, granted.port)).port == 8081
    lost = replace(ask, lost=granted.port, image_id=OTHER_IMAGE)
    assert harness.moved(lost, taken=(8080,)).port == 8082
    harness.wait(60.0)
    assert granted.port in harness.ports()


def test_a_singleton_is_not_told_of_the_lease_that_was_taken_for_it() -> None:
    harness = DeskHarness()
    granted = harness.allocate("ai", owner=P, holder=holder(10))
    ask = replace(move_ask(8080), granted=granted, service_type="ai")
    assert harness.moved(ask, taken=(8080,)).lease_id == granted.lease_id
