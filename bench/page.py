"""Where the numbers go: every row into docs/benchmarks.md, what people ask for into
docs/performance.md, three numbers into the README.

A document has them between `<!-- bench: NAME -->` and `<!-- end of bench -->`. NAME is a part of
the benchmark, `machine`, `costs` or `summary`. The words around them are written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.installation import CannotMeasure
from bench.rows import Row
from bench.table import conditions, lines_of, shown

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("docs/benchmarks.md", "docs/performance.md", "README.md")
PARTS = (
    "leases",
    "line",
    "peer",
    "listeners",
    "launches",
    "binds",
    "exec",
    "backends",
    "interception",
    "commands",
    "hooks",
    "start",
    "memory",
)

SUMMARY = (
    "A bind that meets no conflict takes {} longer, one that is moved takes {},"
    " and the daemon needs {} of memory."
)
HIGHLIGHTS = (
    "bind without conflict, more than plain",
    "bind with conflict, settled by the daemon",
    "daemon's memory after its start, its share (PSS)",
)
"""The rows whose medians the summary quotes."""

COSTS = {
    "a bind of a free port takes longer by": "bind without conflict, more than plain",
    "a bind that is moved takes": "bind with conflict, settled by the daemon",
    "a program in an activated shell starts later by": (
        "fork, exec and end of a dynamic program, activated, more than plain"
    ),
    "a static program there starts later by": (
        "fork, exec and end of a static program, activated, more than plain"
    ),
    "`styxy run` starts a program later by": "styxy run -- true, more than true alone",
    "`styxy check` takes": "styxy check",
    "a coding agent's hook takes": "styxy-hook",
    "the daemon's first start takes": "daemon, cold start on a fresh home until it answers",
    "the daemon needs of memory": "daemon's memory after its start, its share (PSS)",
}
"""What users notice, and the row that says how much of it there is."""

_PLACE = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- end of bench -->)", re.DOTALL)


def write(measured: dict[str, list[Row]], *, root: Path = ROOT) -> None:
    """Replace the numbers in all documents.

    Raises `CannotMeasure` where a part has no rows. The documents are unchanged then: numbers of
    two days must not stand under one date.
    """
    if missing := [part for part in PARTS if not measured.get(part)]:
        raise CannotMeasure(f"nothing was written, because {missing[0]} was not measured")
    new = {part: lines_of(rows) for part, rows in measured.items()}
    new |= {"machine": conditions(), "costs": costs(measured), "summary": summary(measured)}
    for name in DOCUMENTS:
        path = root / name
        path.write_text(filled(path.read_text(encoding="utf-8"), new), encoding="utf-8")


def summary(measured: dict[str, list[Row]]) -> str:
    """Say in a sentence what people ask first."""
    rows = _by_name(measured)
    return SUMMARY.format(*(shown(rows[what].median, rows[what].unit) for what in HIGHLIGHTS))


def costs(measured: dict[str, list[Row]]) -> str:
    """Write the table of what users notice."""
    rows = _by_name(measured)
    lines = ["| | half of the time at most | 95 % of the time at most |", "| --- | ---: | ---: |"]
    for said, what in COSTS.items():
        one = rows[what]
        lines.append(f"| {said} | {shown(one.median, one.unit)} | {shown(one.p95, one.unit)} |")
    return "\n".join(lines)


def _by_name(measured: dict[str, list[Row]]) -> dict[str, Row]:
    return {one.what: one for part in measured.values() for one in part}


def filled(text: str, new: dict[str, str]) -> str:
    """Fill in every place of a document; the rest is untouched."""
    return _PLACE.sub(lambda found: f"{found[1]}\n{new[found[2]]}\n\n{found[3]}", text)


def paths(text: str) -> dict[str, str]:
    """Return what a document has now in each of its places."""
    return {
        found[2]: found[0].removeprefix(found[1]).removesuffix(found[3]).strip()
        for found in _PLACE.finditer(text)
    }
