"""Measure everything, print one table: `python -m bench [--json] [--write-readme] [PART ...]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import backends, binds, commands, daemon, interception, leases, line, peer, table
from bench.house import CannotMeasure, open_house
from bench.rows import Row

PARTS = (
    "leases",
    "line",
    "peer",
    "binds",
    "backends",
    "interception",
    "commands",
    "start",
    "memory",
)


def measure(place: Path, parts: list[str]) -> Iterator[Row]:
    """Run the parts that were asked for, one after the other, on one daemon."""
    with open_house(place / "home") as house:
        if "memory" in parts:
            yield from daemon.measure_memory(house, "after its start")
        if "leases" in parts:
            yield from leases.measure(house)
        if "line" in parts:
            yield from line.measure(house)
        if "peer" in parts:
            yield from peer.measure(place)
        if "binds" in parts:
            yield from binds.measure(house, place)
        if "backends" in parts:
            yield from backends.measure(house, place)
        if "interception" in parts:
            yield from interception.measure(house, place)
        if "commands" in parts:
            yield from commands.measure(house)
        if "memory" in parts:
            yield from daemon.measure_memory(house, "after all of this")
    if "start" in parts:
        yield from daemon.measure_start(place)


def main() -> int:
    """Measure, print, and write the README where that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory(prefix="styxy-bench-") as place:
            for one in measure(Path(place), parts):
                if sys.stderr.isatty():
                    print(f"  measured: {one.what}", file=sys.stderr, flush=True)
                rows.append(one)
    except CannotMeasure as missing:
        print(f"the benchmark stopped: {missing}", file=sys.stderr)
        return 1
    print(table.document(rows) if options.json else table.markdown(rows))
    if options.write_readme:
        table.write_readme(table.markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
