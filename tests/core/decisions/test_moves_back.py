"""When a restarted server goes back, why a bind was moved, and onto which lease.

Also tests `moves`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from styxy.core.decisions.requests import (
    FormerHolder,
    Kept,
    LeaseRequest,
    Moved,
    MoveRequest,
)
from styxy.core.model.leases import Cause, Lease
from styxy.core.model.ports import Port
from tests.core.stage import OTHER_IMAGE, P, Q, Stage, facts_of, holder, move_ask

IN_USE = (3000,)


def ended_move(stage: Stage, *, at: int = 3007) -> None:
    """Leave a memory: P asked for 3000 and sat at `at`."""
    taken = range(3000, at)
    lease = stage.moved(move_ask(), taken=taken)
    assert lease.port == at
    stage.die(holder(10))


def returning(**more: Any) -> MoveRequest:
    """Ask as a guest whose map remembers a place of its project."""
    ask = replace(move_ask(image_id=OTHER_IMAGE), reason="returned", is_foreign=False)
    return replace(ask, **more)


def test_a_free_port_that_nobody_had_wins_over_a_remembered_place() -> None:
    stage = Stage()
    ended_move(stage)
    assert stage.move(returning()) == Kept()


@pytest.mark.parametrize(
    ("ago", "goes_back"), [(0.0, True), (599.0, True), (601.0, False)], ids=["now", "late", "past"]
)
def test_a_restart_goes_back_while_the_other_project_may_come_back(
    ago: float, goes_back: bool
) -> None:
    stage = Stage()
    ended_move(stage)
    former = FormerHolder(Q, until=stage.now - ago)
    answer = stage.move(returning(former=former))
    assert isinstance(answer, Moved) == goes_back
    if isinstance(answer, Moved):
        assert answer.lease.port == 3007
        assert answer.lease.cause == Cause(kind="left", owner=Q, until=former.until)


def test_a_restart_goes_back_for_a_listener_or_a_lease_of_another_project() -> None:
    stage = Stage()
    ended_move(stage)
    listened = stage.moved(returning(is_in_use=True, is_foreign=True))
    assert (listened.port, listened.cause) == (3007, Cause(kind="in use"))
    other = Stage()
    ended_move(other)
    other.allocate(owner=Q, preferred_port=3000)
    leased = other.moved(returning())
    assert (leased.port, leased.cause) == (3007, Cause(kind="promised", owner=Q))


def test_a_lease_of_ones_own_on_the_asked_port_wins_over_any_memory() -> None:
    stage = Stage()
    ended_move(stage)
    stage.allocate(owner=P, preferred_port=3000)
    assert stage.move(returning(former=FormerHolder(Q, until=stage.now))) == Kept()


def test_the_asked_port_that_became_free_wins_over_a_place_that_nobody_drove_it_to() -> None:
    stage = Stage()
    ended_move(stage)
    assert stage.moved(move_ask(image_id=OTHER_IMAGE)).port == 3000


# --- why -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["inuse", "shadowed", "promised"])
def test_where_something_listens_the_port_was_in_use(reason: Any) -> None:
    stage = Stage()
    stage.allocate(owner=Q, preferred_port=3000)
    assert stage.moved(replace(move_ask(), reason=reason, is_in_use=True)).cause == Cause()


def test_where_the_port_is_only_promised_its_owner_is_named_each_time() -> None:
    stage = Stage()
    stage.allocate(owner=Q, preferred_port=3000)
    first = stage.moved(replace(move_ask(), reason="promised"))
    assert first.cause == Cause(kind="promised", owner=Q)
    assert stage.move(replace(move_ask(), reason="placed")) == Moved(first, is_new=False)
    assert facts_of(stage.replayed()) == stage.facts()
    assert facts_of(stage.restored()) == stage.facts()


# --- the lease that `styxy run` took -------------------------------------------------------------


def run_lease(stage: Stage) -> Lease:
    return stage.allocate(owner=P, holder=holder(10), service_name="web")


def test_a_bind_is_moved_onto_the_lease_that_was_taken_for_the_program() -> None:
    stage = Stage()
    granted = run_lease(stage)
    answer = stage.move(replace(move_ask(8080), granted=granted), taken=(8080,))
    assert isinstance(answer, Moved)
    assert answer.is_new
    assert stage.ports() == [granted.port]
    (lease,) = stage.desk.lease_index
    assert lease == answer.lease
    assert (lease.lock_id, lease.service_name, lease.asked) == (granted.lock_id, "web", 8080)
    assert lease.is_adopted
    assert not lease.was_made_for_bind
    again = stage.move(replace(move_ask(8080), reason="placed"))
    assert again == Moved(lease, is_new=False)
    assert facts_of(stage.replayed()) == stage.facts()
    assert facts_of(stage.restored()) == stage.facts()


def test_a_lease_that_a_bind_was_moved_onto_is_found_by_its_name_and_remembered_as_both() -> None:
    stage = Stage()
    granted = run_lease(stage)
    stage.moved(replace(move_ask(8080), granted=granted), taken=(8080,))
    request = LeaseRequest(
        service_type="dev", service_name="web", owner=P, holder=holder(10), reuse=True
    )
    assert stage.grant(request).lease.lock_id == granted.lock_id
    stage.die(holder(10))
    assert stage.desk.remembered.services[("/p", "dev", "web")].port == granted.port
    assert stage.desk.remembered.moves[P.key, Port(8080)].port == granted.port


def test_the_lease_of_the_program_comes_before_any_memory() -> None:
    stage = Stage()
    ended_move(stage)
    granted = stage.allocate(owner=P, holder=holder(10))
    ask = replace(move_ask(image_id=OTHER_IMAGE), granted=granted, asked=Port(3000))
    other = replace(ask, former=FormerHolder(Q, until=stage.now))
    if granted.port != 3000:
        assert stage.moved(other, taken=IN_USE).port == granted.port
    assert stage.move(replace(other, reason="returned", is_foreign=False)) == Kept()


def test_a_lease_whose_port_is_taken_is_passed_over_and_kept() -> None:
    stage = Stage()
    granted = run_lease(stage)
    ask = replace(move_ask(8080), granted=granted)
    assert stage.moved(ask, taken=(8080, granted.port)).port == 8081
    lost = replace(ask, lost=granted.port, image_id=OTHER_IMAGE)
    assert stage.moved(lost, taken=(8080,)).port == 8082
    stage.wait(60.0)
    assert granted.port in stage.ports()


def test_a_singleton_is_not_told_of_the_lease_that_was_taken_for_it() -> None:
    stage = Stage()
    granted = stage.allocate("ai", owner=P, holder=holder(10))
    ask = replace(move_ask(8080), granted=granted, service_type="ai")
    assert stage.moved(ask, taken=(8080,)).lock_id == granted.lock_id
