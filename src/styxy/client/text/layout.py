"""Fits text to a terminal: colour, tables, paragraphs.

A text is made before anybody knows where it goes; so a `Table` is a string without limits, and
can be laid out again for a screen. Nothing is fitted and nothing is coloured for a file or a pipe,
and nothing is coloured with NO_COLOR (https://no-color.org). This module stays light: every command
loads it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

USUAL_COLUMNS = 80
"""Width of help where nobody says another."""

NARROWEST = 40
"""Columns of the narrowest terminal that anything is fitted to."""

SHORTEST_CELL = 12
"""Characters that are left of a shortened value."""

LEAST_ROOM = 24
"""Columns that are enough to go on in beside what a line begins with."""

COLOURS = {
    "heading": "\x1b[1m",
    "ok": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
}
_PLAIN = "\x1b[0m"

STATES = {"bound": "ok", "reserved": "warning"}
"""How the words of a column STATE are coloured."""

SHORTENABLE = frozenset(
    {"PROJECT", "DIRECTORY", "PROCESS", "NAME", "ADDRESSES", "INSTANCE", "LEASED", "FOR", "VALUE",
     "FROM", "PREFERRED"}
)  # fmt: skip
"""Columns whose values tell enough if they are shortened; a port, a time, an id do not."""


class Screen:
    """What a stream shows: how wide it is, and whether in colour. `is_terminal` if it is one."""

    def __init__(
        self, *, columns: int = USUAL_COLUMNS, is_terminal: bool, has_colour: bool
    ) -> None:
        self.columns = columns
        self.is_terminal = is_terminal
        self.has_colour = has_colour

    def paint(self, text: str, kind: str) -> str:
        """Colour a text, one of `COLOURS`."""
        return f"{COLOURS[kind]}{text}{_PLAIN}" if self.has_colour and text else text


PIPE = Screen(is_terminal=False, has_colour=False)


def screen_of(stream: TextIO, env: Mapping[str, str]) -> Screen:
    """Look at a stream: a terminal, or anything else."""
    try:
        if not stream.isatty():
            return PIPE
        columns = os.get_terminal_size(stream.fileno()).columns  # shutil's costs an import
        columns = int(env.get("COLUMNS") or columns)  # as the user says, environ(7)
    except (OSError, ValueError):
        return PIPE  # ENOTTY, no descriptor or a closed one, COLUMNS that is no number
    has_colour = not env.get("NO_COLOR") and env.get("TERM") != "dumb"
    columns = max(columns, NARROWEST) if columns else USUAL_COLUMNS
    return Screen(columns=columns, is_terminal=True, has_colour=has_colour)


class Table(str):
    """Rows under titles; as a string, each column is as wide as its longest value."""

    __slots__ = ("rows", "titles")

    titles: list[str]
    rows: list[list[str]]

    def __new__(cls, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        """Make one of cells that are plain text."""
        lines = [list(titles), *(list(row) for row in rows)]
        made = super().__new__(cls, "\n".join(_lines(lines, _widths(lines))))
        made.titles, made.rows = lines[0], lines[1:]
        return made

    def fitted(self, screen: Screen) -> str:
        """Lay it out for a screen: shorten what may be, else write a block for each row."""
        lines = [self.titles, *self.rows]
        widths = _widths(lines)
        gaps = 2 * (len(widths) - 1)
        while sum(widths) + gaps > screen.columns:
            at = _widest(self.titles, widths)
            if at is None:
                return self._as_blocks(screen)
            widths[at] = max(SHORTEST_CELL, widths[at] - (sum(widths) + gaps - screen.columns))
        shortened = [
            [_middle_out(cell, width) for cell, width in zip(line, widths, strict=True)]
            for line in lines
        ]
        laid = _lines(shortened, widths)
        return "\n".join(
            [screen.paint(laid[0], "heading"), *(self._coloured(each, screen) for each in laid[1:])]
        )

    def _as_blocks(self, screen: Screen) -> str:
        width = max(map(len, self.titles))
        room = screen.columns - width - 2
        blocks = [
            "\n".join(
                f"{screen.paint(title.ljust(width), 'heading')}  {_middle_out(cell, room)}"
                for title, cell in zip(self.titles, row, strict=True)
            )
            for row in self.rows
        ]
        return "\n\n".join(blocks)

    def _coloured(self, line: str, screen: Screen) -> str:
        for word, kind in STATES.items() if "STATE" in self.titles else ():
            line = line.replace(f" {word} ", f" {screen.paint(word, kind)} ", 1)
        return line


class Blocks(str):
    """Several texts with an empty line between them, each laid out by itself."""

    __slots__ = ("parts",)

    parts: tuple[str, ...]

    def __new__(cls, *parts: str) -> Blocks:
        """Make one of texts, of which some may be tables."""
        made = super().__new__(cls, "\n\n".join(parts))
        made.parts = parts
        return made


class Line:
    """One line, and where it may be broken: between the words from the column `at` on.

    It goes on at that column or, where that leaves hardly any room, below at the column `below`.
    """

    __slots__ = ("at", "below", "text")

    def __init__(self, text: str, *, at: int = 0, below: int = 4) -> None:
        self.text = text
        self.at = at
        self.below = below

    def fitted(self, screen: Screen) -> str:
        """Lay it out for a screen."""
        head, rest = self.text[: self.at], self.text[self.at :]
        if len(self.text) <= screen.columns or screen.columns - self.at >= LEAST_ROOM:
            return head + paragraph(rest, screen, indent=self.at)
        return f"{head.rstrip()}\n{' ' * self.below}" + paragraph(rest, screen, indent=self.below)


class Lines(str):
    """Lines that may each be broken; as a string, none is."""

    __slots__ = ("parts",)

    parts: tuple[Line, ...]

    def __new__(cls, *parts: Line) -> Lines:
        """Make one of lines of plain text."""
        made = super().__new__(cls, "\n".join(part.text for part in parts))
        made.parts = parts
        return made

    def fitted(self, screen: Screen) -> str:
        """Lay them out for a screen."""
        return "\n".join(part.fitted(screen) for part in self.parts)


def fitted(text: str, screen: Screen) -> str:
    """Lay out a text for a screen; one that does not say how is left as it is."""
    if not screen.is_terminal:
        return text
    if isinstance(text, Blocks):
        return "\n\n".join(fitted(part, screen) for part in text.parts)
    return text.fitted(screen) if isinstance(text, Table | Lines) else text


def paragraph(text: str, screen: Screen, *, indent: int) -> str:
    """Break a text between words so that it fits behind `indent` columns of its first line.

    On a terminal, a path that is too long even for a line of its own is shortened.
    """
    room = screen.columns - indent
    if len(text) <= room or room < SHORTEST_CELL:
        return text
    words = text.split(" ")
    if screen.is_terminal:
        words = [_middle_out(word, room) if "/" in word else word for word in words]
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return f"\n{' ' * indent}".join(lines)


def _lines(lines: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]


def _widest(titles: Sequence[str], widths: Sequence[int]) -> int | None:
    """Find the widest column that may still be shortened."""
    able = [
        at
        for at, title in enumerate(titles)
        if title in SHORTENABLE and widths[at] > max(SHORTEST_CELL, len(title))
    ]
    return max(able, key=lambda at: widths[at], default=None)


def _middle_out(text: str, room: int) -> str:
    """Shorten a text to `room` characters: a path in the middle, anything else at its end."""
    if len(text) <= room:
        return text
    if "/" not in text:
        return f"{text[: room - 1]}…"
    head = (room - 1) // 3
    return f"{text[:head]}…{text[len(text) - (room - 1 - head) :]}"
