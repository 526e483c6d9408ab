"""The lists of command lines beside this file: what each is, and what is expected of it."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def rows_of(name: str) -> list[list[str]]:
    """The rows of a list; `\\n` in a line with a here-document is a newline."""
    rows = []
    for line in HERE.joinpath(name).read_text(encoding="utf-8").splitlines()[1:]:
        first, *rest = line.split("\t")
        rows.append([first.replace("\\n", "\n") if "<<" in first else first, *rest])
    return rows


def lines_of(name: str) -> list[str]:
    """The command lines of a list."""
    return [row[0] for row in rows_of(name)]
