"""Binds that are not moved: their program finds its own way, and its choice becomes its move."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from styxy.core.books.events import Leased, Reassigned
from styxy.core.decisions.moves import decide_landed
from styxy.core.decisions.requests import Kept, Moved, MoveRequest, Reason, Taken
from styxy.core.decisions.steering import GROUP_PORTS, leads_back, udp_may_move
from styxy.core.model.ports import Port
from tests.core.desk_harness import DeskHarness, P, Q, move_ask


def steered(asked: int = 3000, *, reason: Reason = "inuse", must_fail: bool = False) -> MoveRequest:
    """Make the request of a program that finds its own way."""
    return replace(move_ask(asked), conduct="steered", reason=reason, must_fail=must_fail)


def test_a_steered_program_is_told_that_its_port_is_taken() -> None:
    harness = DeskHarness()
    assert harness.move(steered(), taken=(3000,)) == Taken()
    assert harness.move(steered(reason="shadowed")) == Taken()
    harness.allocate(preferred_port=Port(3000), owner=Q)
    assert harness.move(steered(reason="promised")) == Taken()
    assert not any(isinstance(event, Reassigned) for event in harness.written)


def test_one_that_must_fail_is_told_of_a_free_port() -> None:
    answer = DeskHarness().move(steered(must_fail=True), taken=(3000, 3001))
    assert answer == Taken(Port(3002))


def test_a_port_that_is_free_by_now_is_given() -> None:
    answer = DeskHarness().move(steered())
    assert isinstance(answer, Moved)
    assert answer.lease.port == 3000


@pytest.mark.parametrize("reason", ["placed", "returned", "chosen"])
def test_a_steered_program_never_goes_back(reason: Reason) -> None:
    assert DeskHarness().move(steered(reason=reason)) == Kept()


def test_its_own_listener_and_its_projects_stay() -> None:
    harness = DeskHarness()
    own = replace(steered(), own=frozenset({3000}))
    assert harness.move(own, taken=(3000,)) == Kept()
    assert harness.move(replace(steered(reason="shadowed"), is_foreign=False)) == Kept()


@pytest.mark.parametrize("reason", ["inuse", "promised", "shadowed"])
def test_a_shared_helper_meets_what_the_kernel_says(reason: Reason) -> None:
    shared = replace(move_ask(5037), conduct="shared", reason=reason)
    assert DeskHarness().move(shared, taken=(5037,)) == Kept()


def land(harness: DeskHarness, port: int) -> object:
    """Let a steered program that asked for 3000 listen on a port."""
    ruling = decide_landed(
        harness.desk, steered(), Port(port), lease_id=harness.new_id(), now=harness.now
    )
    harness.write(ruling.events)
    return ruling.answer


def test_the_choice_of_a_steered_program_is_its_move() -> None:
    harness = DeskHarness()
    answer = land(harness, 3001)
    assert isinstance(answer, Moved)
    leased, moved = harness.written
    assert isinstance(leased, Leased)
    assert isinstance(moved, Reassigned)
    assert (moved.requested_port, moved.port, moved.owner) == (3000, 3001, P)
    assert (leased.lease.asked, leased.lease.service_type) == (3000, "dev")


def test_a_lease_of_its_own_project_is_used_for_it() -> None:
    harness = DeskHarness()
    lease = harness.allocate(preferred_port=Port(3001), owner=P)
    answer = land(harness, 3001)
    assert isinstance(answer, Moved)
    assert answer.lease.lease_id == lease.lease_id


def test_a_lease_of_another_project_is_left_alone() -> None:
    harness = DeskHarness()
    harness.allocate(preferred_port=Port(3001), owner=Q)
    assert land(harness, 3001) == Kept()


def may_move(harness: DeskHarness, asked: int, *, is_beside_tcp: bool = False) -> bool:
    """Ask whether a UDP socket may be moved, where 4433 is some tool's default."""
    return udp_may_move(
        harness.desk,
        Port(asked),
        is_default=lambda port: port == 4433,
        is_beside_tcp=is_beside_tcp,
    )


def test_udp_is_moved_only_on_a_number_that_is_a_servers() -> None:
    harness = DeskHarness()
    assert not may_move(harness, 47200)
    assert may_move(harness, 47200, is_beside_tcp=True)
    assert may_move(harness, 8000), "in a range"
    assert may_move(harness, 4433), "a tool's default"
    lease = harness.move(replace(move_ask(47200), reason="promised"))
    assert isinstance(lease, Moved)
    assert may_move(harness, lease.lease.port), "on lease"


@pytest.mark.parametrize("port", sorted(GROUP_PORTS))
def test_where_groups_meet_udp_is_never_moved(port: int) -> None:
    assert not may_move(DeskHarness(), port, is_beside_tcp=True)


@pytest.mark.parametrize(
    ("asked", "steps", "tries", "is_so"),
    [
        (3001, 1, 5, True),
        (3002, 2, 5, True),
        (3001, 3, 5, False),  # half of its tries are used
        (3003, 1, 5, False),  # its place itself
        (3001, 1, 3, False),  # it would end before
        (3004, 1, 50, False),
    ],
)
def test_a_program_on_its_way_is_led_to_its_previous_place(
    asked: int, steps: int, tries: int, is_so: bool
) -> None:
    harness = DeskHarness()
    harness.release(harness.moved(move_ask(), taken=(3000, 3001, 3002)).lease_id)

    def leads(*, is_free: bool = True, **more: bool) -> bool:
        request = replace(steered(asked, reason="returned"), **more)
        return leads_back(
            harness.desk,
            request,
            begin=Port(3000),
            steps=steps,
            tries=tries,
            is_free=lambda port: is_free and port == 3003,
        )

    assert leads() == is_so
    assert not leads(is_free=False)
    assert not leads(must_fail=True)
    harness.allocate(preferred_port=Port(3003), owner=Q)
    assert not leads()


def test_a_number_that_leads_back_is_refused_and_others_are_kept() -> None:
    request = steered(3001, reason="returned")
    assert DeskHarness().move(replace(request, leads_back=True)) == Taken()
    assert DeskHarness().move(request) == Kept()
