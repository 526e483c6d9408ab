"""What each backend adds to a bind and a connect, and the library to an exec that fails.

One C program, dynamic and static, times itself; plain, preloaded and supervised runs alternate,
because a machine's speed wanders by more than the difference.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.binds import run
from bench.installation import STYXY, Installation
from bench.probes import compiled
from bench.rows import Row, row

ROUNDS = 5
CALLS = {"bind": 2000, "connect": 2000, "look": 2000}
WHAT = {"look": "exec that fails after the look at a dynamic program"}
TARGETS = {"bind": 30e-6, "connect": 10e-6}
"""Seconds that the supervisor may add to a call: see docs/interception-backends.md."""


def measure(installation: Installation, place: Path) -> Iterator[Row]:
    """Compile the program both ways, and time each call under each backend."""
    dynamic = compiled("backend_probe", place)
    static = compiled("backend_probe", place, "-static")
    if dynamic is None or static is None:
        return
    for call in ("bind", "connect"):
        ways = {
            "plain": [str(static)],
            "preload": [STYXY, "run", "--backend", "preload", "--", str(dynamic)],
            "seccomp": [STYXY, "run", "--backend", "seccomp", "--", str(static)],
        }
        yield from compare(installation, call, ways, [])
    locked = place / "probe-locked"
    shutil.copyfile(dynamic, locked)  # without its mode: the kernel refuses to execute it
    ways = {"plain": [str(dynamic)], "preload": [STYXY, "run", "--", str(dynamic)]}
    yield from compare(installation, "look", ways, [str(locked)])


def compare(
    installation: Installation, call: str, ways: dict[str, list[str]], words: list[str]
) -> Iterator[Row]:
    """Time a call in each way, and what each adds to the first."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, command in ways.items():
            took[name] += run(installation, [*command, call, str(CALLS[call]), *words])
    what = WHAT.get(call, call)
    first = next(iter(ways))
    for name, seconds in took.items():
        yield row(f"{what}, {name}", seconds)
        if name == first:
            continue
        extra = [mine - theirs for mine, theirs in zip(seconds, took[first], strict=True)]
        target = TARGETS.get(call) if name == "seccomp" else None
        yield row(f"{what}, {name}, more than {first}", extra, target=target)
