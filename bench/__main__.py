"""Measure everything, print one table: `python -m bench [--json] [--write] [PART ...]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    backends,
    binds,
    commands,
    daemon,
    executions,
    hooks,
    interception,
    launches,
    leases,
    line,
    listeners,
    page,
    portserver,
    table,
)
from bench.installation import CannotMeasure, Installation, running_installation
from bench.page import PARTS
from bench.rows import Row

Steps = tuple[tuple[str, Callable[[], Iterator[Row]]], ...]
"""The parts in the order in which they are measured, each with what measures it."""


def measure(place: Path, parts: list[str]) -> Iterator[tuple[str, Row]]:
    """Run the parts that were asked for, one after the other; yield each row with its part."""
    if set(parts) - {"start"}:
        with running_installation(place / "home") as installation:
            yield from run(steps_of(installation, place), parts)
    yield from run((("start", lambda: daemon.measure_start(place)),), parts)


def steps_of(installation: Installation, place: Path) -> Steps:
    """List what is measured on one daemon."""
    return (
        ("memory", lambda: daemon.measure_memory(installation, "after its start")),
        ("leases", lambda: leases.measure(installation)),
        ("line", lambda: line.measure(installation)),
        ("peer", lambda: portserver.measure(installation, place)),
        ("listeners", lambda: listeners.measure(installation)),
        ("launches", lambda: launches.measure(installation, place)),
        ("binds", lambda: binds.measure(installation, place)),
        ("exec", lambda: executions.measure(installation, place)),
        ("backends", lambda: backends.measure(installation, place)),
        ("interception", lambda: interception.measure(installation, place)),
        ("commands", lambda: commands.measure(installation)),
        ("hooks", lambda: hooks.measure(installation)),
        ("memory", lambda: daemon.measure_memory(installation, "after all of this")),
    )


def run(steps: Steps, parts: list[str]) -> Iterator[tuple[str, Row]]:
    """Take the steps that belong to some parts."""
    for part, step in steps:
        if part in parts:
            yield from ((part, one) for one in step())


def main() -> int:
    """Measure, print, and write the documents where that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help="put the numbers into the documents")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if options.write and set(parts) != set(PARTS):
        parser.error("--write replaces all numbers; leave out the parts")
    measured: dict[str, list[Row]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="styxy-bench-") as place:
            for part, one in measure(Path(place), parts):
                if sys.stderr.isatty():
                    print(f"  measured: {one.what}", file=sys.stderr, flush=True)
                measured.setdefault(part, []).append(one)
        if options.write:
            page.write(measured)
    except CannotMeasure as missing:
        print(f"the benchmark stopped: {missing}", file=sys.stderr)
        return 1
    rows = [one for part in measured.values() for one in part]
    print(table.document(rows) if options.json else table.markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
