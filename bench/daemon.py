"""What the daemon itself costs: how long it takes to be there, and how much memory it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bench.installation import Installation, running_installation
from bench.rows import Row, row

STARTS = 10


def measure_start(place: Path) -> Iterator[Row]:
    """Start it on a fresh home, from the call to its first readiness, and stop it."""
    samples: list[float] = []
    for turn in range(STARTS):
        with running_installation(place / f"start-{turn}") as installation:
            samples.append(installation.start_seconds)
    yield row("daemon, cold start on a fresh home until it answers", samples)


def measure_memory(installation: Installation, when: str) -> Iterator[Row]:
    """Read what the kernel counts for it (proc(5), smaps_rollup)."""
    rollup = Path(f"/proc/{installation.pid}/smaps_rollup").read_text(encoding="ascii")
    for field, meaning in (("Rss", "resident"), ("Pss", "its share")):
        found = re.search(rf"^{field}: +(\d+) kB$", rollup, re.M)
        assert found, f"no {field} in smaps_rollup"
        size = int(found[1]) * 1024.0
        what = f"daemon's memory {when}, {meaning} ({field.upper()})"
        yield Row(what=what, median=size, p95=None, rounds=1, unit="bytes")
