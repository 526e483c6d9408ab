"""What is learned of a program: after two observations, and never again once that failed.

Also tests `programs`, the values.
"""

from __future__ import annotations

import pytest

from styxy.core.decisions.learning import (
    MOST_PROGRAMS,
    decide_compared,
    decide_failed,
    decide_forgotten,
)
from styxy.core.model.ports import Port
from styxy.core.model.programs import Evidence, Program, ProgramId
from tests.core.desk_harness import DeskHarness, facts_of

COMPARES = ProgramId(executable="/usr/bin/node", script="/shop/start.js")


def observe(harness: DeskHarness, program_id: ProgramId = COMPARES, name: str = "start") -> Program:
    """Let a program compare once more; gives what is known of it then."""
    evidence = Evidence(
        sign="exited",
        number=1,
        asked=Port(3000),
        got=Port(3001),
        project="/shop",
        at=harness.now,
    )
    ruling = decide_compared(harness.desk, program_id, evidence, name=name, now=harness.now)
    harness.write(ruling.events)
    return ruling.answer


def fail(harness: DeskHarness) -> Program:
    """Let a program fail to find its own way."""
    ruling = decide_failed(harness.desk, COMPARES, name="start", now=harness.now)
    harness.write(ruling.events)
    return ruling.answer


def forget(harness: DeskHarness, name: str) -> list[Program]:
    """Forget a program."""
    ruling = decide_forgotten(harness.desk, name, now=harness.now)
    harness.write(ruling.events)
    return ruling.answer


def test_one_observation_may_be_an_accident_and_two_are_not() -> None:
    harness = DeskHarness()
    assert observe(harness).learned is None
    assert observe(harness).learned == "steered"
    assert len(observe(harness).evidence) == 2


def test_who_fails_to_find_its_own_way_is_moved_and_never_learned_again() -> None:
    harness = DeskHarness()
    observe(harness)
    observe(harness)
    assert fail(harness).learned == "moved"
    written = len(harness.written)
    assert observe(harness).learned == "moved"
    assert fail(harness).learned == "moved"
    assert len(harness.written) == written


def test_a_tool_of_the_table_may_fail_without_any_evidence() -> None:
    harness = DeskHarness()
    assert fail(harness).learned == "moved"
    assert harness.desk.programs[COMPARES].evidence == ()


def test_it_is_the_same_after_a_restart() -> None:
    harness = DeskHarness()
    observe(harness)
    observe(harness)
    other = ProgramId(executable="/usr/bin/tool")
    observe(harness, other, "tool")
    fail(harness)
    assert facts_of(harness.replayed()) == harness.facts()
    assert facts_of(harness.restored()) == harness.facts()
    forget(harness, "tool")
    assert facts_of(harness.replayed()) == harness.facts()


@pytest.mark.parametrize("name", ["start", "/shop/start.js", "/usr/bin/node"])
def test_a_program_is_forgotten_by_its_name_or_path(name: str) -> None:
    harness = DeskHarness()
    observe(harness)
    assert [each.id for each in forget(harness, name)] == [COMPARES]
    assert harness.desk.programs == {}
    assert observe(harness).learned is None


def test_a_program_of_another_name_is_not_forgotten() -> None:
    harness = DeskHarness()
    observe(harness)
    assert forget(harness, "vite") == []
    assert COMPARES in harness.desk.programs


def test_where_there_are_too_many_the_longest_ago_gives_way() -> None:
    harness = DeskHarness()
    ids = [ProgramId(executable=f"/bin/{number}") for number in range(MOST_PROGRAMS + 1)]
    for each in ids[:-1]:
        observe(harness, each)
    observe(harness, ids[0])
    observe(harness, ids[-1])
    assert len(harness.desk.programs) == MOST_PROGRAMS
    assert ids[0] in harness.desk.programs
    assert ids[1] not in harness.desk.programs
    assert facts_of(harness.replayed()) == harness.facts()
