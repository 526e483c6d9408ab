"""Learning which programs compare the port that they got with the one that they wanted.

What the table of tools does not know is moved. Where that makes a program give up, which it would
have done differently without Styxy, it is better told that its port is taken. Two observations are
needed; a program that then fails to find its own way is moved again, for good.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from styxy.core.books.events import ProgramForgotten, ProgramSeen
from styxy.core.decisions.requests import Ruling
from styxy.core.model.programs import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from styxy.core.books.events import Event
    from styxy.core.books.state import State
    from styxy.core.model.programs import Evidence, ProgramId

MOST_PROGRAMS = 500
"""Programs that are remembered; the one that was seen longest ago gives way."""


def decide_compared(
    state: State, program_id: ProgramId, evidence: Evidence, *, name: str, now: float
) -> Ruling[Program]:
    """Take in that a program compared, unless its case is settled."""
    known = state.programs.get(program_id) or Program(id=program_id, name=name)
    if known.learned is not None:
        return Ruling(known)
    changed = replace(known, name=name, evidence=(*known.evidence, evidence))
    return _seen(state, changed, now)


def decide_failed(state: State, program_id: ProgramId, *, name: str, now: float) -> Ruling[Program]:
    """Take in that a program was told that its port is taken, and exited without listening."""
    known = state.programs.get(program_id) or Program(id=program_id, name=name)
    if known.has_failed:
        return Ruling(known)
    return _seen(state, replace(known, has_failed=True), now)


def decide_forgotten(state: State, name: str, *, now: float) -> Ruling[list[Program]]:
    """Forget every program of a name, or of a path."""
    found = [
        each
        for each in state.programs.values()
        if name in (each.name, each.id.script, each.id.executable)
    ]
    return Ruling(found, tuple(_forgotten(each, now) for each in found))


def _seen(state: State, changed: Program, now: float) -> Ruling[Program]:
    return Ruling(
        changed, (ProgramSeen(program=changed, at=now), *_too_many(state, changed.id, now))
    )


def _too_many(state: State, seen: ProgramId, now: float) -> Iterator[Event]:
    others = [each for each in state.programs.values() if each.id != seen]
    for each in islice(others, max(0, len(others) + 1 - MOST_PROGRAMS)):
        yield _forgotten(each, now)


def _forgotten(program: Program, now: float) -> ProgramForgotten:
    return ProgramForgotten(id=program.id, name=program.name, at=now)
