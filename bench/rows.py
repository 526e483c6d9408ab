"""What a measurement is: a row with its median, its 95th percentile, and what was hoped for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    `target` is an upper bound on the median, in the same unit; `ratio` has no unit.
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
