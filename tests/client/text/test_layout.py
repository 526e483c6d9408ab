"""Texts that are laid out for a terminal, and left alone for anything else."""

from __future__ import annotations

import pytest

from styxy.client.text.layout import PIPE, Blocks, Line, Lines, Screen, Table, fitted, paragraph

PATH = "/home/ada/work/shop/worktrees/login"
LEASES = Table(
    ["PORT", "STATE", "PROJECT", "LEASE"], [["3000", "bound", PATH, "0f3c9a5e7b1d2846aa90c4e1"]]
)


def screen(columns: int, *, has_colour: bool = False) -> Screen:
    """Make a terminal of this width."""
    return Screen(columns=columns, is_terminal=True, has_colour=has_colour)


def test_nothing_is_fitted_to_a_pipe() -> None:
    assert fitted(LEASES, PIPE) == str(LEASES)
    assert PATH in LEASES


def test_a_path_is_shortened_in_the_middle_and_an_id_is_not() -> None:
    assert fitted(LEASES, screen(60)).splitlines()[1] == (
        "3000  bound  /home/…orktrees/login  0f3c9a5e7b1d2846aa90c4e1"
    )


@pytest.mark.parametrize("columns", [40, 50])
def test_a_table_that_cannot_be_shortened_is_written_in_blocks(columns: int) -> None:
    table = Table(LEASES.titles, [*LEASES.rows, *LEASES.rows])
    lines = fitted(table, screen(columns)).splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[:2] == ["PORT     3000", "STATE    bound"]
    assert lines[3:5] == ["LEASE    0f3c9a5e7b1d2846aa90c4e1", ""]
    assert len(lines) == 9


def test_headings_and_states_have_colour_and_the_same_width() -> None:
    plain, painted = (fitted(LEASES, screen(90, has_colour=each)) for each in (False, True))
    assert painted.startswith("\x1b[1mPORT")
    assert "\x1b[32mbound\x1b[0m" in painted
    for code in ("\x1b[1m", "\x1b[32m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == plain


def test_each_part_of_a_text_is_laid_out_by_itself() -> None:
    text = fitted(Blocks(LEASES, "the end"), screen(60))
    assert text == f"{fitted(LEASES, screen(60))}\n\nthe end"


def test_a_line_goes_on_at_its_column_or_below() -> None:
    line = Lines(Line("  who   one two three four five six seven", at=8))
    assert str(line) == "  who   one two three four five six seven"
    assert fitted(line, PIPE) == line
    assert fitted(line, screen(40)) == "  who   one two three four five six\n        seven"
    far = Lines(Line("2026-01-01 12:00:00  allocated  3000 to web, dev, pid 7", at=32))
    assert fitted(far, screen(55)) == far
    assert fitted(far, screen(50)) == "2026-01-01 12:00:00  allocated\n    3000 to web, dev, pid 7"


def test_a_paragraph_is_broken_between_words() -> None:
    assert paragraph("one two three", screen(9), indent=2) == "one two three", "too narrow"
    broken = paragraph("one two three four five", screen(20), indent=4)
    assert broken == "one two three\n    four five"
    assert paragraph(f"see {PATH} now", screen(24), indent=4) == (
        "see\n    /home/…rktrees/login\n    now"
    )
