"""What a measurement is: a row with its median, its 95th percentile, and what was hoped for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    `target` is an upper bound on the median, in the same unit; `ratio` has no unit. A median that
    is no number (math.nan) is that of something that could not be measured here.
    """

    what: str
    median: float
    p95: float | None
    rounds: int
    unit: Literal["seconds", "bytes", "ratio"] = "seconds"
    target: float | None = None


def percentile(samples: list[float], share: float) -> float:
    """The smallest sample that at least `share` of all samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def row(what: str, samples: list[float], *, target: float | None = None) -> Row:
    """Sum up samples in seconds."""
    return Row(
        what=what,
        median=percentile(samples, 0.5),
        p95=percentile(samples, 0.95),
        rounds=len(samples),
        target=target,
    )


def timed(action: Callable[[], T]) -> tuple[float, T]:
    """Seconds that one call takes, and what it returns."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def left_out(what: str, why: str) -> Row:
    """Name what could not be measured."""
    return Row(what=f"{what}: left out, {why}", median=math.nan, p95=None, rounds=0)


ROUNDS = 40
WARM_UP = 3


def compared(
    what: str,
    ours: tuple[str, Callable[[], object] | None],
    peers: Mapping[str, Callable[[], object]],
) -> Iterator[Row]:
    """Take turns between our call and those of others; say how many times as long ours takes."""
    name, call = ours
    assert call is not None, f"{name} is not installed"
    calls = {name: call, **peers}
    times: dict[str, list[float]] = {each: [] for each in calls}
    for turn in range(WARM_UP + ROUNDS):
        for each, action in calls.items():
            took, _ = timed(action)
            if turn >= WARM_UP:
                times[each].append(took)
    for each, samples in times.items():
        yield row(f"{what}, {each}", samples)
    for peer in peers:
        yield ratio(f"{what}, {name} / {peer}", times[name], times[peer])


def ratio(what: str, ours: list[float], theirs: list[float], *, target: float | None = None) -> Row:
    """How many times as long ours takes, pair by pair."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Row(
        what=what,
        median=percentile(ratios, 0.5),
        p95=percentile(ratios, 0.95),
        rounds=len(ratios),
        unit="ratio",
        target=target,
    )
