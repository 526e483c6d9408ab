"""What is counted, and that inventive clients cannot make the tables grow."""

from __future__ import annotations

from styxy.core.books.events import Dated, Leased, Released
from styxy.core.model.leases import Lease
from styxy.core.model.ports import Port
from styxy.server.world.counts import BUCKETS, MAX_LABELS, OTHER, Counter, Counts, Histogram


def test_a_counter_counts_by_label() -> None:
    counter = Counter()
    counter.add("dev")
    counter.add("dev")
    counter.add("api", by=3)
    assert list(counter) == [(("api",), 3), (("dev",), 2)]
    assert counter["nothing",] == 0


def test_labels_that_clients_invent_are_bounded() -> None:
    counter, histogram = Counter(), Histogram()
    for number in range(3 * MAX_LABELS):
        counter.add(f"type-{number}")
        histogram.observe(0.1, "GET", f"/{number}")
    assert len(list(counter)) == len(list(histogram)) == MAX_LABELS + 1
    assert counter[OTHER,] == 2 * MAX_LABELS
    assert sum(count for _, count in counter) == 3 * MAX_LABELS


def test_a_duration_is_in_its_bucket_and_in_all_above() -> None:
    histogram = Histogram()
    for seconds in (0.0, BUCKETS[0], 0.2, 5.0):
        histogram.observe(seconds)
    ((_, distribution),) = histogram
    rows = dict(distribution.cumulative())
    assert rows[repr(BUCKETS[0])] == 2  # a bound belongs to its bucket: `le`
    assert rows["0.25"] == 3
    assert rows["+Inf"] == 4
    assert distribution.total == BUCKETS[0] + 0.2 + 5.0


def test_a_lease_is_counted_at_its_birth_and_at_its_end() -> None:
    lease = Lease(
        lease_id="a", port=Port(3000), service_type="dev", allocated_at=1.0, last_seen=1.0
    )
    counts = Counts()
    counts.on_events([Leased(lease=lease, at=1.0)])
    counts.on_events([Dated(lease_id="a", port=Port(3000), expires_at=9.0, at=5.0)])
    counts.on_events([Released(lease_id="a", port=Port(3000), reason="lapsed", at=9.0)])
    assert list(counts.granted) == [(("dev",), 1)]
    assert list(counts.released) == [(("lapsed",), 1)]
