"""Columns fit every width, and a filter keeps the rows that have all its words."""

from __future__ import annotations

import pytest

from styxy.client.terminal.table import GAP, Column, Row, filtered, fitted
from styxy.client.terminal.views import VIEWS, View

COLUMNS = (
    Column(title="PORT", least=5, most=5),
    Column(title="SERVER", least=10, most=0),
    Column(title="SINCE", least=5, most=5, rank=1),
    Column(title="PID", least=7, most=7, rank=2),
)


def widths(width: int) -> list[tuple[str, int]]:
    """Name the columns that are shown at a width, and how wide they are."""
    return [(COLUMNS[each.index].title, each.width) for each in fitted(COLUMNS, width)]


def test_what_is_left_goes_to_the_column_that_can_grow() -> None:
    assert widths(60) == [("PORT", 5), ("SERVER", 37), ("SINCE", 5), ("PID", 7)]


def test_the_least_important_column_goes_first() -> None:
    assert [name for name, _ in widths(30)] == ["PORT", "SERVER", "SINCE"]
    assert [name for name, _ in widths(20)] == ["PORT", "SERVER"]
    assert [name for name, _ in widths(3)] == ["PORT", "SERVER"]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: str(view.name))
def test_each_view_fits_80_columns_and_less(view: View) -> None:
    for width in (40, 60, 80, 132):
        shown = fitted(view.columns, width)
        assert sum(each.width for each in shown) + GAP * (len(shown) - 1) <= width


def row(key: str | None, words: str = "") -> Row:
    return Row(key=key, content=(("", ""),), words=words)


def test_a_filter_keeps_rows_with_each_word_and_their_headings() -> None:
    rows = [row(None), row("1", "3000 vite shop"), row(None), row("2", "3001 flask blog")]
    assert [each.key for each in filtered(rows, "")] == [None, "1", None, "2"]
    assert [each.key for each in filtered(rows, "BLOG 30")] == [None, "2"]
    assert filtered(rows, "nothing") == []
