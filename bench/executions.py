"""What always being on costs: the life of a small program that binds nothing, started in each way.

Without Styxy, with a preload library that does nothing, and as in an activated shell, in turns,
because a machine's speed wanders by more than the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.binds import run
from bench.installation import STYXY, Installation
from bench.probes import compiled
from bench.rows import Row, ratio, row

TURNS = 15
CHILDREN = 40
"""Children of one run; the median of a run is one sample."""

NOTHING = "a library that does nothing"
ACTIVATED = "activated"
TARGETS = {"dynamic": 130e-6, "static": 0.8e-3}
"""Seconds that a child may take longer: a build starts ten thousand."""


def measure(installation: Installation, place: Path) -> Iterator[Row]:
    """Compile the parent, which is a child as well, both ways, and the library; then take turns."""
    dynamic = compiled("backend_probe", place)
    static = compiled("backend_probe", place, "-static")
    nothing = compiled("nothing", place, "-shared", "-fPIC")
    if dynamic is None or static is None or nothing is None:
        return
    children = {"dynamic": dynamic, "static": static}
    ways = {
        "plain": [],
        NOTHING: ["env", f"LD_PRELOAD={nothing}"],
        ACTIVATED: [STYXY, "run", "--backend", "preload", "--"],
    }
    for kind, child in children.items():
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TURNS):
            for name, before in ways.items():
                words = [*before, str(dynamic), "exec", str(CHILDREN), str(child)]
                took[name] += run(installation, words)
        yield from rows_of(kind, took)


def rows_of(kind: str, took: dict[str, list[float]]) -> Iterator[Row]:
    """Give the times of one kind of child, what each library adds, and the ratio of the two."""
    what = f"fork, exec and end of a {kind} program"
    more = {
        name: [mine - bare for mine, bare in zip(took[name], took["plain"], strict=True)]
        for name in (NOTHING, ACTIVATED)
    }
    for name, seconds in took.items():
        yield row(f"{what}, {name}", seconds)
    for name, seconds in more.items():
        target = TARGETS[kind] if name == ACTIVATED else None
        yield row(f"{what}, {name}, more than plain", seconds, target=target)
    yield ratio(f"{what}, {ACTIVATED} / {NOTHING}", took[ACTIVATED], took[NOTHING])
