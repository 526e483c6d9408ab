"""docs/compatibility.md has a row for each program, and no machine takes a good row away."""

from __future__ import annotations

import pytest

from tests.programs.catalogue import COMPARED, PROGRAMS
from tests.programs.clients import CLIENTS
from tests.programs.compatibility import PAGE, Run, page, rows_of
from tests.programs.conflicts import KINDS
from tests.programs.program import Program
from tests.programs.program_list import Found, ProgramList, port_lines
from tests.programs.sources import Source

HERE = Source(lambda: None, lambda: "1.2")
GONE = Source(lambda: "tool is not installed; try: apt-get install tool", lambda: "unknown")

MONDAY = Run("2026-11-02", "Debian 12, Linux 6.18")
TUESDAY = Run("2026-11-03", "Debian 13, Linux 7.1")


def tool(source: Source = HERE) -> Program:
    """Describe a program that is here, or not."""
    return Program(name="tool", words=("tool", "-p", "PORT"), source=source)


def passed(*kinds: str) -> ProgramList:
    """Return the list after a run in which the tool was tried in all conflicts, and passed some."""
    program_list = ProgramList()
    for kind in KINDS:
        program_list.require(tool(), kind)
    for kind in kinds:
        program_list.record(tool(), kind, Found("preload", ("on NEW",)))
    return program_list


def missed() -> ProgramList:
    """Give the program_list of a machine that does not have the tool."""
    program_list = ProgramList()
    with pytest.raises(pytest.skip.Exception):
        program_list.require(tool(GONE), KINDS[0])
    return program_list


def written(
    program_list: ProgramList, run: Run, *, old: str = "", programs: tuple[Program, ...] = ()
) -> str:
    """Write a page of servers alone."""
    return page(
        old,
        servers=programs or (tool(),),
        compared=(),
        clients=(),
        program_list=program_list,
        run=run,
    )


def row_in(text: str) -> str:
    """Find the one row of a page."""
    [row] = [line for line in text.splitlines() if line.startswith("| tool |")]
    return row


def test_the_page_has_a_row_for_each_program_and_no_other() -> None:
    names = [each.name for each in (*COMPARED, *PROGRAMS, *CLIENTS)]
    assert rows_of(PAGE.read_text(encoding="utf-8")) == names, "say: make compat"
    assert len(set(names)) == len(COMPARED) + len(CLIENTS)


def test_at_least_thirty_servers_are_driven() -> None:
    assert len(PROGRAMS) >= 30


def test_a_row_tells_version_way_backend_conflicts_and_what_is_printed() -> None:
    assert row_in(written(passed(*KINDS), MONDAY)) == (
        "| tool | 1.2 | `tool -p PORT` | preload | ✓ | ✓ | ✓ | ✓ | `on NEW` | 2026-11-02 |"
    )


def test_a_conflict_that_a_program_did_not_stand_is_shown() -> None:
    row = row_in(written(passed("127.0.0.1", "::", "promised"), MONDAY))
    assert "| ✓ | ✓ | **fails** | ✓ |" in row


def test_a_program_that_is_not_to_be_had_keeps_its_row_and_its_machine() -> None:
    old = written(passed(*KINDS), MONDAY)
    new = written(missed(), TUESDAY, old=old)
    assert row_in(new) == row_in(old)
    assert f"- {MONDAY.day}: {MONDAY.machine}\n" in new
    assert TUESDAY.day not in new


def test_a_program_that_never_ran_says_why() -> None:
    assert str(GONE.missing()) in row_in(written(missed(), MONDAY))


def test_a_program_that_was_tried_in_some_conflicts_alone_keeps_its_row() -> None:
    old = written(passed(*KINDS), MONDAY)
    some = ProgramList()
    some.require(tool(), KINDS[0])
    assert row_in(written(some, TUESDAY, old=old)) == row_in(old)


def test_a_new_run_replaces_the_row() -> None:
    old = written(passed(*KINDS), MONDAY)
    new = written(passed(*KINDS), TUESDAY, old=old)
    assert row_in(new).endswith(f"| {TUESDAY.day} |")
    assert MONDAY.day not in new


def test_the_row_of_a_program_that_is_driven_no_more_goes() -> None:
    old = written(passed(*KINDS), MONDAY)
    other = Program(name="other", words=("other",), source=HERE)
    assert rows_of(written(ProgramList(), TUESDAY, old=old, programs=(other,))) == ["other"]


def test_the_lines_that_name_a_port_are_taken_once_and_without_the_notice() -> None:
    output = (
        "✓ STYXY: Port 8000 was in use, auto-assigned port 8001\n"
        "\x1b[1mon http://127.0.0.1:8001/\x1b[0m at 12:30\n"
        "asked for 8000\nasked for 8000\nno number, 18000\n"
    )
    lines = port_lines(
        output, asked=8000, got=8001, settled=lambda line: line.replace("12:30", "~")
    )
    assert lines == ("on http://127.0.0.1:NEW/ at ~", "asked for ASKED")
