"""What a command costs, beside an interpreter that does nothing: paired and alternating."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from bench.installation import STYXY, Installation, any_port
from bench.rows import Row, ratio, row, timed

ROUNDS = 40
WARM_UP = 3
RATIO_TARGET = 6.0
"""60 ms for a command on a machine where `python -c pass` costs 10."""

RUN_TARGET = 0.060


def measure(installation: Installation) -> Iterator[Row]:
    """Take turns between `python -c pass` and our commands, then between a program and ours."""
    port = str(any_port())
    turns: dict[str, list[str]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "styxy check": [STYXY, "check", port],
        "styxy allocate": [STYXY, "allocate", "-s", "dev", "-n", "bench"],
        "true": ["true"],
        "styxy run -- true": [STYXY, "run", "--", "true"],
    }
    times = in_turns(turns, lambda command: seconds(installation, command))
    bare = times["python -c pass"]
    yield row("python -c pass", bare)
    for what in ("styxy check", "styxy allocate"):
        yield row(what, times[what])
        yield beside(f"{what}, times python -c pass", times[what], bare)
    extra = [
        ours - alone for ours, alone in zip(times["styxy run -- true"], times["true"], strict=True)
    ]
    yield row("styxy run -- true, more than true alone", extra, target=RUN_TARGET)


def in_turns(
    turns: Mapping[str, list[str]], measured: Callable[[list[str]], float]
) -> dict[str, list[float]]:
    """Measure commands one after another, again and again; what it took each, without warm-up."""
    times: dict[str, list[float]] = {what: [] for what in turns}
    for turn in range(WARM_UP + ROUNDS):
        for what, command in turns.items():
            took = measured(command)
            if turn >= WARM_UP:
                times[what].append(took)
    return times


def beside(what: str, ours: list[float], bare: list[float], *, target: float = RATIO_TARGET) -> Row:
    """How many times a bare interpreter a command costs, pair by pair."""
    return ratio(what, ours, bare, target=target)


def seconds(installation: Installation, command: list[str]) -> float:
    """Wall time of one command, which has to succeed."""
    took, _ = timed(
        lambda: subprocess.run(
            command,
            env=installation.env,
            cwd=installation.home,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    )
    return took
