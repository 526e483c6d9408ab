"""The part of a very long command line that is read: its ends, and what may be a kill between them.

Such a line is data with commands around it: a here-document that becomes a file, a quoted text.
Reading all of it takes longer than an agent waits. What is left out is left out in whole lines, or
in the middle of the one line that is longer than all else, so that a quotation or a here-document
stays one: its delimiters are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENDERS = ("kill", "fuser", "Stop-Process")
"""What a line has in it that ends something, as text."""

RUNNERS = frozenset(
    {"sh", "bash", "zsh", "dash", "ksh", "xargs", "at", "batch", "python3", "python"}
)
"""Programs that run what a here-document holds."""

LONGEST_ROW = 1000
"""Characters of one line in the middle."""


def excerpt(line: str, longest: int) -> str:
    """Return at most so many characters of a command line; all of it if it has no more."""
    if len(line) <= longest:
        return line
    rows = line.split("\n")
    share = longest // 4
    first = _count(rows, share)
    last = _count(rows[first:][::-1], share)
    head, tail = rows[:first], rows[len(rows) - last :]
    rest = rows[first : len(rows) - last]
    if rest and len(rest[0]) > share:  # the row that did not fit any more
        head, rest = [*head, rest[0][:share] + rest[0][-share:]], rest[1:]
    if rest and len(rest[-1]) > share:
        tail, rest = [rest[-1][:share] + rest[-1][-share:], *tail], rest[:-1]
    return "\n".join([*head, *_kept(head, rest, {row.strip("\t") for row in rows}, share), *tail])


def _count(rows: Sequence[str], share: int) -> int:
    """Return how many rows fit."""
    used = 0
    for place, row in enumerate(rows):
        used += len(row) + 1
        if used > share:
            return place
    return len(rows)


def _kept(head: Sequence[str], rows: Sequence[str], known: set[str], share: int) -> list[str]:
    """Return the rows after the head that matter, as many as fit; `known` are all rows."""
    found: list[str] = []
    delimiters: list[str] = []
    is_run = False
    for place, row in enumerate((*head, *rows)):
        is_kept = any(word in row for word in ENDERS) and (is_run or not delimiters)
        if delimiters and row.strip("\t") == delimiters[0]:
            del delimiters[0]
            is_kept = True
        elif not delimiters and "<<" in row:
            delimiters = list(_delimiters(row, known))
            words = row.replace("|", " ").split()
            is_kept, is_run = True, any(each.rpartition("/")[2] in RUNNERS for each in words)
        if is_kept and place >= len(head):
            share -= min(len(row), LONGEST_ROW) + 1
            if share < 0:
                break
            found.append(row[:LONGEST_ROW])
    return found


def _delimiters(row: str, known: set[str]) -> Iterator[str]:
    """Return the words that end the here-documents which begin in a row."""
    for piece in row.split("<<")[1:]:
        words = piece.removeprefix("-").split(maxsplit=1)
        word = words[0].strip("'\"\\;|&)") if words else ""
        if word in known:
            yield word
