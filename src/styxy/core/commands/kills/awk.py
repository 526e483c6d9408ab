"""The command lines that an awk program runs: `system("kill " $2)`, `print "kill " $2 | "sh"`.

Of an awk program only this is read: expressions that are strings, numbers and fields, one after the
other. A field is a hole, and what fills it is what awk has read (awk(1), Expressions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import HOLE, UNKNOWN, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from styxy.core.commands.shell.fields import Output

AWKS = ("awk", "gawk", "mawk", "nawk", "original-awk")
SHELLS = ('"sh"', '"bash"', '"/bin/sh"', '"/bin/bash"', '"sh -s"', '"bash -s"')
LONGEST_PROGRAM = 8192
MOST_CALLS = 32
"""Characters and calls that are read: the program may be hostile."""

_KEYWORDS = ("print", "printf")


def lines_of_awk(program: str, read: Output) -> list[Field]:
    """Return the lines that a program hands to a shell; `read` is what fills its fields."""
    pieces = list(_pieces(program[:LONGEST_PROGRAM]))
    lines: list[Field] = []
    for place, piece in enumerate(pieces):
        if len(lines) == MOST_CALLS:
            break
        after = pieces[place + 1 : place + 3]
        if piece == "system" and after[:1] == ["("]:
            lines.append(_joined(_up_to(pieces[place + 2 :], ")"), read))
        elif piece in _KEYWORDS:
            printed = _up_to(pieces[place + 1 :], "|", ";", "}", "\n")
            rest = pieces[place + 1 + len(printed) :]
            if rest[:1] == ["|"] and "".join(rest[1:2]) in SHELLS:
                lines.append(_joined(printed, read))
        elif piece == "|" and after[:1] == ["getline"] and place:
            lines.append(_joined([pieces[place - 1]], read))
    return lines


def _pieces(program: str) -> Iterator[str]:
    """Cut a program into strings with their quotes, words, numbers, and single characters."""
    place = 0
    while place < len(program):
        begin = place
        if program[place] == '"':
            place += 1
            while place < len(program) and program[place] != '"':
                place += 2 if program[place] == "\\" else 1
            place += 1
        elif program[place].isalnum() or program[place] in "_$":
            while place < len(program) and (program[place].isalnum() or program[place] in "_$"):
                place += 1
        else:
            place += 1
        if not program[begin].isspace() or program[begin] == "\n":
            yield program[begin:place]


def _up_to(pieces: list[str], *ends: str) -> list[str]:
    found: list[str] = []
    for piece in pieces:
        if piece in ends:
            break
        found.append(piece)
    return found


def _joined(pieces: list[str], read: Output) -> Field:
    """Return the value of some expressions side by side; a comma separates what is printed."""
    text, outputs = "", []
    for piece in pieces:
        if piece.startswith('"'):
            text += piece.strip('"').replace("\\n", "\n").replace('\\"', '"')
        elif piece.isdecimal():
            text += piece
        elif piece == ",":
            text += " "
        elif piece not in "()":
            text += HOLE
            outputs.append(read if piece.startswith("$") else UNKNOWN)
    return Field(text, tuple(outputs))
