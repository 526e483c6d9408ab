"""The daemon's counters: plain numbers, cheap to add to.

`server.reports.metrics` shows them. Prometheus's library is not used here: it takes 60 ms to load,
and a daemon that nobody scrapes must not pay for it. Every table is bounded, whatever clients
invent: beyond `MAX_LABELS` different labels, the rest is counted as `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, get_args

from styxy.core.books.events import Ending, Event, Leased, Reassigned, Released

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Labels = tuple[str, ...]

MAX_LABELS = 200
"""Maximum number of labels of one counter. Every auto-allocated type is a label, and any client
can have types created."""

OTHER = "other"

BUCKETS = (
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
)
"""Upper bounds in seconds: from a commit (10 µs) over a request (0.2 ms) to a stall (0.25 s)."""


class Counter:
    """A counter for each label."""

    def __init__(self) -> None:
        self._values: defaultdict[Labels, float] = defaultdict(float)

    def add(self, *labels: str, by: float = 1) -> None:
        """Add `by`."""
        self._values[labels if labels in self._values else _bounded(labels, self._values)] += by

    def __getitem__(self, labels: Labels) -> float:
        return self._values.get(labels, 0)

    def __iter__(self) -> Iterator[tuple[Labels, float]]:
        return iter(sorted(self._values.items()))


class Histogram:
    """Durations counted by bucket, for each label."""

    def __init__(self) -> None:
        self._values: dict[Labels, Distribution] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        """Count one duration, in seconds."""
        distribution = self._values.get(labels)
        if distribution is None:
            labels = _bounded(labels, self._values)
            distribution = self._values.setdefault(labels, Distribution())
        distribution.add(seconds)

    def __iter__(self) -> Iterator[tuple[Labels, Distribution]]:
        return iter(sorted(self._values.items(), key=lambda pair: pair[0]))


class Distribution:
    """The durations with one label."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration, in seconds."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """List each upper bound with the number of durations up to it, as Prometheus does."""
        rows: list[tuple[str, float]] = []
        so_far = 0
        for bound, count in zip((*BUCKETS, float("inf")), self.counts, strict=True):
            so_far += count
            rows.append(("+Inf" if bound == float("inf") else repr(bound), so_far))
        return rows


class Counts:
    """Everything counted since the daemon started."""

    def __init__(self) -> None:
        self.granted = Counter()
        self.released = Counter()
        self.moved = Counter()
        self.conflicts = Counter()
        self.requests = Counter()
        self.refusals = Counter()
        self.rate_limited = Counter()
        self.request_seconds = Histogram()
        self.commit_seconds = Histogram()
        self.question_seconds = Histogram()

    def begin(self, service_types: Iterable[str]) -> None:
        """Count nothing for what has not happened yet.

        A series that begins with its first event has no increase for Prometheus: rate() and
        increase() would miss the first lease of each type.
        """
        for service_type in service_types:
            self.granted.add(service_type, by=0)
            self.moved.add(service_type, by=0)
        for reason in get_args(Ending):
            self.released.add(reason, by=0)

    def on_events(self, events: Iterable[Event]) -> None:
        """Count what was committed."""
        for event in events:
            match event:
                case Leased(lease=lease):
                    self.granted.add(lease.service_type)
                case Released(reason=reason):
                    self.released.add(reason)
                case Reassigned(service_type=service_type):
                    self.moved.add(service_type)
                case _:
                    pass


def _bounded(
    labels: Labels, known: defaultdict[Labels, float] | dict[Labels, Distribution]
) -> Labels:
    if len(known) < MAX_LABELS:
        return labels
    return (OTHER,) * len(labels)
