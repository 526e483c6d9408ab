"""Where a bind goes that met a conflict: the same place for one server, its own for another."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from styxy.core.books.events import Leased, Reassigned
from styxy.core.decisions.requests import Kept, LeaseRequest, Moved, RunsAlready
from styxy.core.errors import RangeExhausted
from styxy.core.model.leases import Owner
from styxy.core.model.ports import Port, PortRange
from tests.core.desk_harness import OTHER_IMAGE, DeskHarness, P, Q, facts_of, holder, move_ask

IN_USE = (3000,)


def test_a_bind_moves_to_the_next_free_port_of_its_range() -> None:
    harness = DeskHarness()
    answer = harness.move(move_ask(3000), taken=(3000, 3001))
    assert isinstance(answer, Moved)
    assert answer.is_new
    lease = answer.lease
    assert (lease.port, lease.asked, lease.service_type) == (3002, 3000, "dev")
    assert (lease.service_name, lease.owner, lease.holder) == ("node", P, holder(10))
    leased, reassigned = harness.written
    assert leased == Leased(lease=lease, at=1000.0)
    assert isinstance(reassigned, Reassigned)
    assert (reassigned.requested_port, reassigned.port, reassigned.pid) == (3000, 3002, 10)


@pytest.mark.parametrize(
    ("asked", "more", "taken", "port"),
    [
        (8000, {}, (8000,), 8001),
        (8098, {}, (8098, 8099), 8000),
        (8050, {}, range(8050, 8100), 8000),
        (7777, {}, (7777,), 3004),  # no range has it: dev, and the preferred ports last
        (7777, {"service_type": "api"}, (7777,), 8004),
        (7777, {"service_type": "no-such"}, (7777,), 3004),
        (7777, {}, (7777, *range(3004, 3100)), 3000),
        (7777, {"inferred_type": "api"}, (7777,), 8004),
        (7777, {"inferred_type": "no-such"}, (7777,), 3004),
        (7777, {"inferred_type": "api", "service_type": "docs"}, (7777,), 4104),
        (3000, {"inferred_type": "api"}, (3000,), 3001),
        (3000, {"service_type": "api"}, (3000,), 8004),
        (8000, {"service_type": "api"}, (8000,), 8001),
    ],
)
def test_the_range_is_the_declared_types_or_that_of_the_asked_port_or_of_the_program(
    asked: int, more: dict[str, Any], taken: tuple[int, ...], port: int
) -> None:
    assert DeskHarness().moved(replace(move_ask(asked), **more), taken=taken).port == port


@pytest.mark.parametrize(
    ("asked", "first", "last", "taken", "port"),
    [
        (3000, 3000, 3049, (3000,), 3050),
        (3060, 3000, 3090, (3060,), 3091),
        (7777, 3000, 3049, (7777,), 3050),
        (3000, 3000, 3049, (3000, *range(3050, 3100)), 3001),  # all others are taken
        (3000, 2000, 4000, (3000,), 3001),
        (3000, 32768, 60999, (3000,), 3001),
    ],
)
def test_ports_of_outgoing_connections_are_chosen_last(
    asked: int, first: int, last: int, taken: tuple[int, ...], port: int
) -> None:
    ephemeral = PortRange(Port(first), Port(last))
    assert (
        DeskHarness().moved(replace(move_ask(asked), ephemeral=ephemeral), taken=taken).port == port
    )


def test_the_same_server_gets_the_same_answer() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    second = harness.move(replace(move_ask(), holder=holder(11)), taken=IN_USE)
    assert second == Moved(first, is_new=False)
    assert len(harness.written) == 2


def test_the_same_answer_stands_even_if_the_asked_port_is_free_by_now() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    assert harness.moved(move_ask()) == first


@pytest.mark.parametrize(
    "change",
    [{"image_id": OTHER_IMAGE}, {"owner": Q}, {"asked": Port(3001)}],
    ids=["another server", "another project", "another asked port"],
)
def test_anything_else_gets_a_place_of_its_own(change: dict[str, Any]) -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    second = harness.moved(replace(move_ask(), **change), taken=IN_USE)
    assert second.port != first.port
    assert second.lease_id != first.lease_id


def test_the_asked_port_that_became_free_is_granted_without_a_move() -> None:
    harness = DeskHarness()
    answer = harness.move(move_ask())
    assert isinstance(answer, Moved)
    assert (answer.lease.port, answer.is_new) == (3000, False)
    assert [type(event) for event in harness.written] == [Leased]
    harness.release(answer.lease.lease_id)
    assert not harness.desk.remembered.moves, "it was not moved, so there is no place to remember"


@pytest.mark.parametrize("reason", ["promised", "shadowed"])
def test_a_port_that_is_anothers_is_never_given_back(reason: Any) -> None:
    harness = DeskHarness()
    harness.allocate(owner=Q, preferred_port=3000)
    assert harness.moved(replace(move_ask(), reason=reason)).port == 3001


def test_a_promised_port_stays_with_the_one_who_has_it() -> None:
    harness = DeskHarness()
    mine = harness.allocate(owner=Q, preferred_port=3000)
    moved = harness.moved(replace(move_ask(), reason="promised"))
    assert moved.port == 3001
    assert harness.desk.lease_index.on_port(Port(3000)) == mine


def test_a_port_of_another_is_passed_over() -> None:
    harness = DeskHarness()
    for port in (3001, 3002):
        harness.allocate(owner=Q, preferred_port=port)
    assert harness.moved(move_ask(), taken=IN_USE).port == 3003


def test_a_listener_of_ones_own_project_is_no_shadow() -> None:
    harness = DeskHarness()
    request = replace(move_ask(), reason="shadowed", is_foreign=False)
    assert harness.move(request) == Kept()
    assert harness.written == []


def test_a_moved_server_stays_moved_when_its_own_listener_is_seen() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    request = replace(move_ask(), reason="shadowed", is_foreign=False)
    assert harness.move(request, taken=IN_USE) == Moved(first, is_new=False)


# --- a race that is lost -------------------------------------------------------------------------


def test_a_port_that_was_lost_is_not_answered_again() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    second = harness.moved(replace(move_ask(), lost=first.port), taken=IN_USE)
    assert second.port not in (first.port, 3000)


def test_after_a_lost_race_the_server_keeps_to_its_second_answer() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    second = harness.moved(replace(move_ask(), lost=first.port), taken=IN_USE)
    # The other family of the same server: were it sent to the lost port, it might bind there.
    assert harness.moved(move_ask(), taken=IN_USE).port == second.port


def test_a_server_that_loses_for_ever_sees_the_whole_range_and_then_a_refusal() -> None:
    harness = DeskHarness()
    lost: Port | None = None
    for port in range(3001, 3100):
        lost = harness.moved(replace(move_ask(), lost=lost), taken=IN_USE).port
        assert lost == port
    with pytest.raises(RangeExhausted):
        harness.move(replace(move_ask(), lost=lost), taken=IN_USE)


def test_a_lost_port_is_free_again_soon_unless_a_worker_sits_there() -> None:
    harness = DeskHarness()
    lost = [harness.moved(move_ask(), taken=IN_USE).port]
    lost.append(harness.moved(replace(move_ask(), lost=lost[0]), taken=IN_USE).port)
    harness.moved(replace(move_ask(), lost=lost[1]), taken=IN_USE)
    harness.wait(60.0, lost[0])
    assert harness.ports() == [lost[0], 3003]


def test_a_port_of_another_server_is_not_lost_by_a_word() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    harness.moved(replace(move_ask(image_id=OTHER_IMAGE), lost=first.port), taken=IN_USE)
    harness.moved(replace(move_ask(owner=Q, image_id=OTHER_IMAGE), lost=first.port), taken=IN_USE)
    assert harness.desk.lease_index.get(first.lease_id) == first


# --- what the server has itself ------------------------------------------------------------------


def test_a_place_that_its_own_server_has_is_answered_again_and_not_lost() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(), taken=IN_USE)
    for reason in ("inuse", "placed"):
        request = replace(move_ask(), reason=reason, lost=first.port, own=frozenset({first.port}))
        assert harness.move(request, taken=IN_USE) == Moved(first, is_new=False)
    assert harness.desk.lease_index.get(first.lease_id) == first


def test_a_server_is_not_moved_away_from_itself() -> None:
    harness = DeskHarness()
    assert harness.move(replace(move_ask(), own=frozenset(IN_USE)), taken=IN_USE) == Kept()
    assert harness.written == []


def test_a_singleton_is_not_told_of_itself() -> None:
    harness = DeskHarness()
    request = replace(move_ask(), service_type="ai", listener=10, own=frozenset(IN_USE))
    assert harness.move(request, taken=IN_USE) == Kept()


# --- full and single -----------------------------------------------------------------------------


def test_a_full_range_is_refused_and_changes_nothing() -> None:
    harness = DeskHarness()
    harness.allocate()
    before = harness.facts()
    with pytest.raises(RangeExhausted, match="dev 3000-3099 is full"):
        harness.move(move_ask(), taken=range(3000, 3100))
    assert harness.facts() == before


def test_a_singleton_that_runs_is_not_moved() -> None:
    harness = DeskHarness()
    running = harness.allocate("ai", owner=Q, preferred_port=11434)
    answer = harness.move(move_ask(11434), taken=(11434,))
    assert answer == RunsAlready(running.port, "ai", 0)
    assert harness.ports() == [11434]


def test_a_declared_singleton_is_one_on_any_port() -> None:
    harness = DeskHarness()
    running = harness.allocate("ai", owner=Q)
    request = replace(move_ask(3000), service_type="ai")
    assert harness.move(request, taken=IN_USE) == RunsAlready(running.port, "ai", 0)


def test_a_singleton_that_runs_without_a_lease_is_not_moved_either() -> None:
    harness = DeskHarness()
    request = replace(move_ask(11434), listener=4711)
    assert harness.move(request, taken=(11434,)) == RunsAlready(Port(11434), "ai", 4711)
    assert isinstance(harness.move(replace(move_ask(8000), listener=4711), taken=(8000,)), Moved)


def test_a_singleton_that_runs_nowhere_is_moved_like_any_other() -> None:
    harness = DeskHarness()
    first = harness.moved(move_ask(11434), taken=(11434,))
    assert first.port == 11435
    assert first.holder is not None
    other = harness.move(move_ask(11434, image_id=OTHER_IMAGE), taken=(11434,))
    assert other == RunsAlready(first.port, "ai", first.holder.pid)
    assert harness.move(move_ask(11434), taken=(11434,)) == Moved(first, is_new=False)


# --- memory --------------------------------------------------------------------------------------


def ended_move(harness: DeskHarness, *, at: int = 3007) -> None:
    """Leave a memory: P asked for 3000 and sat at `at`."""
    taken = range(3000, at)
    lease = harness.moved(move_ask(), taken=taken)
    assert lease.port == at
    harness.die(holder(10))


def test_a_remembered_place_is_the_first_choice_at_the_next_conflict() -> None:
    harness = DeskHarness()
    ended_move(harness)
    assert harness.moved(move_ask(image_id=OTHER_IMAGE), taken=IN_USE).port == 3007


def test_a_remembered_place_is_the_projects_own() -> None:
    harness = DeskHarness()
    ended_move(harness)
    assert harness.moved(move_ask(owner=Q), taken=IN_USE).port == 3001
    assert harness.moved(move_ask(owner=Owner(instance_id="x")), taken=IN_USE).port == 3002


def test_a_remembered_place_that_is_taken_or_anothers_is_passed_over() -> None:
    harness = DeskHarness()
    ended_move(harness)
    harness.allocate(owner=Q, preferred_port=3007)
    assert harness.moved(move_ask(image_id=OTHER_IMAGE), taken=IN_USE).port == 3001
    other = DeskHarness()
    ended_move(other)
    assert other.moved(move_ask(image_id=OTHER_IMAGE), taken=(3000, 3007)).port == 3001


def test_a_remembered_place_survives_replay_and_snapshot() -> None:
    harness = DeskHarness()
    ended_move(harness)
    assert facts_of(harness.replayed()) == harness.facts()
    assert facts_of(harness.restored()) == harness.facts()


def test_a_moved_bind_is_no_memory_of_the_service() -> None:
    harness = DeskHarness()
    ended_move(harness)
    assert harness.desk.remembered.services == {}
    request = LeaseRequest(service_type="dev", service_name="node", owner=P)
    assert harness.grant(request).lease.port == 3000
