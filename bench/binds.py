"""What a bind costs in a guest: without a conflict against the plain call, and with one.

The time is taken inside a small C program around `bind(2)` itself. Plain and preloaded runs
alternate, because a machine's speed wanders by more than the difference.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.installation import STYXY, CannotMeasure, Installation, any_port
from bench.probes import compiled
from bench.rows import Row, percentile, row

PAIRS = 7
BINDS = 3000
"""Binds of one run; the median of a run is one sample."""

CONFLICTS = 60
WARM_UP = 5
EXTRA_TARGET = 20e-6
CONFLICT_TARGET = 0.002


def measure(installation: Installation, place: Path) -> Iterator[Row]:
    """Compile the program, then run it free and in conflict."""
    program = compiled("bind_probe", place)
    if program is None:
        return
    yield from without_conflict(installation, program)
    yield with_conflict(installation, program)


def without_conflict(installation: Installation, program: Path) -> Iterator[Row]:
    """Bind a port that is free and promised to nobody, again and again."""
    plain: list[float] = []
    preloaded: list[float] = []
    port = any_port()
    for _ in range(PAIRS):
        plain.append(percentile(run(installation, [str(program), str(port), str(BINDS)]), 0.5))
        guest = [STYXY, "run", "--", str(program), str(port), str(BINDS)]
        preloaded.append(percentile(run(installation, guest), 0.5))
    extra = [mine - theirs for mine, theirs in zip(preloaded, plain, strict=True)]
    yield row("bind without conflict, plain", plain)
    yield row("bind without conflict, under styxy run", preloaded)
    yield row("bind without conflict, more than plain", extra, target=EXTRA_TARGET)


def with_conflict(installation: Installation, program: Path) -> Row:
    """Bind a port that somebody has, in a new process each time, so that each one has to ask."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        guest = [STYXY, "run", "--", str(program), str(busy.getsockname()[1]), "1"]
        samples = [run(installation, guest)[0] for _ in range(WARM_UP + CONFLICTS)]
    return row(
        "bind with conflict, settled by the daemon", samples[WARM_UP:], target=CONFLICT_TARGET
    )


def run(installation: Installation, command: list[str]) -> list[float]:
    """Seconds of each bind that a run of the program tells."""
    done = subprocess.run(
        command,
        env=installation.env,
        cwd=installation.home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotMeasure(f"a bind that should have been settled was not: {done.stderr.strip()}")
    return [int(line) / 1e9 for line in done.stdout.split()]
