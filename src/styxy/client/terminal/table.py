"""Rows and columns, and how they fit a width. Pure; `rows` draws them.

A row has a cell for each column, or is a heading across all of them. On a narrow screen the columns
that tell least go first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from styxy.client.terminal.facts import PortFacts

Tone = Literal["", "dim", "good", "warning", "bad", "heading"]

Cell = tuple[str, Tone]

GAP = 2
"""Columns of the screen between two cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of at least `least` characters; the one with the highest `rank` is dropped first.

    `most` is how wide it gets where there is room; 0 is as wide as possible. Rank 0 stays.
    """

    title: str
    least: int
    most: int
    rank: int = 0
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. `key` finds it again after a change; None for a heading, which cannot be chosen.

    `content` are its cells, or makes them: of thousands of rows, only those on the screen need any.
    `port` is what can be stopped, released and copied.
    """

    key: str | None
    content: tuple[Cell, ...] | Callable[[], tuple[Cell, ...]]
    words: str = ""
    port: PortFacts | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """A cell for each column; of a heading, texts one after the other."""
        return self.content() if callable(self.content) else self.content

    @property
    def is_heading(self) -> bool:
        """Whether it cannot be chosen."""
        return self.key is None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A column that is shown: which one, and how wide."""

    index: int
    width: int


def fitted(columns: Sequence[Column], width: int) -> list[Fitted]:
    """Choose the columns that fit `width`, and share what is left among those that can grow."""
    kept = list(range(len(columns)))
    while len(kept) > 1 and _least(columns, kept) > width:
        last = max(kept, key=lambda at: columns[at].rank)
        if columns[last].rank == 0:
            break
        kept.remove(last)
    widths = {at: columns[at].least for at in kept}
    spare = max(0, width - _least(columns, kept))
    while spare:
        growing = [at for at in kept if not columns[at].most or widths[at] < columns[at].most]
        if not growing:
            break
        narrowest = min(growing, key=lambda at: widths[at])
        widths[narrowest] += 1
        spare -= 1
    return [Fitted(at, widths[at]) for at in kept]


def _least(columns: Sequence[Column], kept: Sequence[int]) -> int:
    return sum(columns[at].least for at in kept) + GAP * (len(kept) - 1)


def filtered(rows: Iterable[Row], wanted: str) -> list[Row]:
    """Keep the rows that have every word of `wanted`, and the headings above them."""
    words = wanted.lower().split()
    kept: list[Row] = []
    for row in rows:
        if row.is_heading:
            if kept and kept[-1].is_heading:
                kept.pop()
            kept.append(row)
        elif all(word in row.words for word in words):
            kept.append(row)
    if words and kept and kept[-1].is_heading:
        kept.pop()
    return kept
