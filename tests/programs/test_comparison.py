"""What a program did by itself and under Styxy is told apart, and put into the columns of the page.

The program itself is not run here: `test_never_worse` drives the real ones.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.programs.compatibility import Run, page
from tests.programs.developing.comparison import COLUMNS, Comparison
from tests.programs.developing.observing import Outcome
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.sources import Source

MOVED = "✓ STYXY: Port 3000 was in use, auto-assigned port 3001"
TOOK = "✓ STYXY: Port 3000 was in use, tool took 3001"
TOLD = "✗ STYXY: Port 3000 is in use by theirs (node, PID 7); try: tool -p 3001"
UNSETTLED = "✗ STYXY: Port 3000 was not moved: no daemon is running; try: styxy daemon start -d"
TRUE = ("on http://localhost:NEW/",)
FALSE = ("on http://localhost:ASKED/",)

ENDED = Outcome(asked=3000, port=None, status=1, prints=(), said="in use")
STEPPED = Outcome(asked=3000, port=3001, status=None, prints=TRUE, said="on 3001")
HOME = Outcome(asked=3000, port=3000, status=None, prints=FALSE, said="on 3000")
GIVEN = replace(STEPPED, prints=FALSE, said=MOVED)
STEERED = replace(STEPPED, said=TOOK)
REFUSED = replace(ENDED, said=TOLD)


def comparison(alone: Outcome, under: Outcome, **more: Outcome) -> Comparison:
    """Compare two runs on a taken port; the others went as they should, or as `more` says."""
    rest = {"again": under, "free": HOME, "beside": under, **more}
    return Comparison(alone=alone, under=under, home=3000, **rest)


@pytest.mark.parametrize(
    ("seen", "cells"),
    [
        (comparison(ENDED, GIVEN), ("ends (1)", "moved", "`on http://localhost:ASKED/`", "✓", "✓")),
        (
            comparison(STEPPED, STEERED),
            (
                "takes another, prints its port",
                "takes another, prints its port",
                "`on http://localhost:NEW/`",
                "✓",
                "✓",
            ),
        ),
        (
            comparison(replace(ENDED, status=None), REFUSED),
            ("waits", "ends (1), told what to type", "nothing", "one only", "one only"),
        ),
        (
            comparison(HOME, replace(HOME, prints=())),
            ("serves beside it", "serves beside it", "nothing", "✓", "✓"),
        ),
    ],
)
def test_the_columns_say_what_was_seen(seen: Comparison, cells: tuple[str, ...]) -> None:
    assert (seen.cells, seen.faults) == (cells, [])


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (comparison(STEPPED, REFUSED), "serves by itself, but not under Styxy"),
        (comparison(ENDED, ENDED), "ends without a word of Styxy"),
        (
            comparison(ENDED, replace(ENDED, said=MOVED)),
            "is said to have moved, and does not serve",
        ),
        (
            comparison(STEPPED, replace(STEERED, said=f"{TOOK}\n{TOOK}")),
            "is spoken of more than once",
        ),
        (
            comparison(ENDED, replace(ENDED, said=UNSETTLED)),
            "was not moved, for the daemon was not to be had",
        ),
        (comparison(STEPPED, GIVEN), "names its port by itself, but not under Styxy"),
        (
            comparison(replace(STEPPED, opens=TRUE), replace(STEERED, opens=FALSE)),
            "opens its own page by itself, but not under Styxy",
        ),
        (
            comparison(ENDED, GIVEN, again=replace(GIVEN, port=3002)),
            "is not at its place again",
        ),
        (comparison(ENDED, GIVEN, free=replace(HOME, said=MOVED)), "is spoken of on a free port"),
        (comparison(ENDED, GIVEN, free=ENDED), "does not serve on a free port"),
        (comparison(ENDED, GIVEN, beside=ENDED), "does not serve in two worktrees"),
    ],
)
def test_whatever_is_worse_under_styxy_is_a_fault(seen: Comparison, fault: str) -> None:
    assert seen.faults == [fault]


def test_what_a_program_opens_is_said_beside_what_it_prints() -> None:
    opened = replace(GIVEN, opens=("http://localhost:ASKED/",))
    printed = comparison(ENDED, opened).cells[2]
    assert printed == "`on http://localhost:ASKED/`<br>opens `http://localhost:ASKED/`"


def test_a_program_that_was_compared_has_its_row() -> None:
    here = Source(lambda: None, lambda: "1.2")
    tool = Program(name="tool", words=("tool", "-p", "PORT"), source=here)
    seen = ProgramList()
    seen.compared["tool"] = comparison(ENDED, GIVEN).cells

    def written(program_list: ProgramList, day: str, old: str = "") -> str:
        text = page(
            old, servers=(), compared=(tool,), clients=(), program_list=program_list,
            run=Run(day, "Debian 12"),
        )  # fmt: skip
        [row] = [line for line in text.splitlines() if line.startswith("| tool |")]
        return row

    never = written(ProgramList(), "2026-11-02")
    assert never == f"| tool | never run | `tool -p PORT` |{' - |' * (len(COLUMNS) + 1)}"
    row = written(seen, "2026-11-02")
    assert row == (
        "| tool | 1.2 | `tool -p PORT` | ends (1) | moved | `on http://localhost:ASKED/` | ✓ | ✓ "
        "| 2026-11-02 |"
    )
    assert written(ProgramList(), "2026-11-03", f"## On a taken port\n{row}") == row
    assert written(ProgramList(), "2026-11-03", f"## Clients\n{row}") == never
