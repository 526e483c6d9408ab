"""Who is on its way to a port of its own choice, and whose choice a listener is.

The whole way, with `habits`, is tested with real programs in tests/programs.
"""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from styxy.core.commands.conduct import Habit
from styxy.core.decisions.requests import MoveRequest
from styxy.core.model.ports import Port, PortRange
from styxy.server.world.steered import LONGEST_WAY, Steered
from tests.core.desk_harness import OTHER_IMAGE, SERVER, move_ask

ROOT, WORKER, STRANGER = 10, 11, 99
TOOL = Habit(conduct="steered", program="vite", is_known=True)


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def steered(clock: Clock) -> Steered:
    """Make the subject; a bind to port 0 gets one from 40000 on."""
    return Steered(clock=clock, ephemeral=PortRange(Port(40000), Port(50000)))


def refuse(subject: Steered, *ports: int, habit: Habit = TOOL) -> list[MoveRequest]:
    """Tell a program of some ports that they are taken."""
    requests = [structs.replace(move_ask(port), conduct="steered") for port in ports]
    for request in requests:
        subject.refuse(request, habit, root=ROOT)
    return requests


def test_the_first_listener_is_the_choice() -> None:
    subject = steered(Clock())
    first, _ = refuse(subject, 5173, 5174)
    assert subject.is_anybody_waited_for()
    assert subject.is_stepping(SERVER, Port(5175))
    assert subject.land(SERVER, {ROOT}, Port(5175)) is first
    assert subject.took(SERVER, Port(5175)) == "vite"
    assert not subject.is_anybody_waited_for()
    assert subject.land(SERVER, {ROOT}, Port(5176)) is None


def test_a_tool_of_the_table_may_go_down_until_it_has_arrived() -> None:
    subject = steered(Clock())
    first, *_ = refuse(subject, 3072)
    assert subject.is_stepping(SERVER, Port(3000))
    refuse(subject, 3000, 3001)
    assert subject.land(SERVER, {ROOT}, Port(3002)) is first
    assert not subject.is_anybody_waited_for()
    assert not subject.is_stepping(SERVER, Port(2990))


def test_each_refused_number_has_a_choice_of_its_own() -> None:
    subject = steered(Clock())
    first, second = refuse(subject, 3000, 3500)
    assert subject.land(SERVER, {ROOT}, Port(3001)) is first
    assert subject.land(SERVER, {ROOT}, Port(3501)) is second


def test_a_program_that_the_tool_hands_over_to_counts() -> None:
    subject = steered(Clock())
    [request] = refuse(subject, 8787)
    assert subject.land(OTHER_IMAGE, {STRANGER}, Port(8788)) is None
    assert subject.land(OTHER_IMAGE, {WORKER, ROOT}, Port(8788)) is request


def test_other_ports_of_the_tool_do_not_count() -> None:
    subject = steered(Clock())
    [request] = refuse(subject, 5173)
    for port in (24678, 9229, 7000, 5173):
        assert subject.land(SERVER, {ROOT}, Port(port)) is None
    assert subject.land(SERVER, {ROOT}, Port(43210)) is request


def test_a_tool_that_must_fail_only_probes() -> None:
    subject = steered(Clock())
    refuse(subject, 3000, habit=replace(TOOL, must_fail=True))
    assert subject.land(SERVER, {ROOT}, Port(3001)) is None


def test_who_asks_its_user_may_take_long() -> None:
    clock = Clock()
    subject = steered(clock)
    refuse(subject, 5173)
    clock.now += LONGEST_WAY + 1
    assert subject.land(SERVER, {ROOT}, Port(5174)) is None
    asking = steered(clock)
    [request] = refuse(asking, 3000, habit=replace(TOOL, is_asking=True))
    clock.now += 3600
    assert asking.land(SERVER, {ROOT}, Port(3001)) is request


def test_who_ended_without_listening_is_known() -> None:
    subject = steered(Clock())
    refuse(subject, 5173)

    def has_failed(habit: Habit = TOOL, *, asked: int = 5173, is_alive: bool = False) -> bool:
        return subject.has_failed(
            habit, project="/p", asked=Port(asked), is_alive=lambda _holder: is_alive
        )

    assert has_failed()
    assert not has_failed(is_alive=True)
    assert not has_failed(asked=5174)
    assert not has_failed(replace(TOOL, program="astro"))
    assert not has_failed(replace(TOOL, must_fail=True))
    assert not subject.has_failed(TOOL, project="/q", asked=Port(5173), is_alive=lambda _: False)
    subject.land(SERVER, {ROOT}, Port(5174))
    assert not has_failed()


def test_an_unknown_program_steps_upwards_alone() -> None:
    subject = steered(Clock())
    unknown = replace(TOOL, is_known=False)
    [request] = refuse(subject, 5173, habit=unknown)
    for port in (5172, 5073, 5274):
        assert subject.land(SERVER, {ROOT}, Port(port)) is None
    assert subject.land(SERVER, {ROOT}, Port(5273)) is request


def test_it_is_known_where_a_way_begins_and_how_far_it_has_gone() -> None:
    subject = steered(Clock())
    assert subject.first_step(SERVER, Port(5174)) is None
    refuse(subject, 5173, 5174, 5174)
    assert subject.first_step(SERVER, Port(5175)) == (5173, 2)
    assert subject.first_step(SERVER, Port(5173)) is None
    assert subject.first_step(SERVER, Port(9000)) is None
    assert subject.first_step(OTHER_IMAGE, Port(5175)) is None
