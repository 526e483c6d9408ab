"""The rate limit: generous to the honest, fair to the next, bounded in memory. A fake clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from styxy.core.config.configuration import RateLimit
from styxy.server.net.rate_limit import MAX_CLIENTS, RateLimiter


class Bench:
    """A limiter whose limits and clock a test sets."""

    def __init__(self, requests: int = 10, window: float = 5.0) -> None:
        self.limits = RateLimit(requests=requests, window=window)
        self.now = 100.0
        self.limiter = RateLimiter(lambda: self.limits, lambda: self.now)

    def passes(self, client: object = "me") -> bool:
        """Ask once."""
        allowance = self.limiter.take(client)
        return allowance is None or not allowance.is_spent


def test_a_burst_up_to_the_limit_passes_and_the_next_is_refused() -> None:
    bench = Bench()
    assert [bench.passes() for _ in range(11)] == [True] * 10 + [False]


def test_the_allowance_is_told() -> None:
    bench = Bench()
    first = bench.limiter.take("me")
    assert first is not None
    assert (first.limit, first.remaining, first.retry_after) == (10, 9, 0)
    for _ in range(9):
        bench.limiter.take("me")
    spent = bench.limiter.take("me")
    assert spent is not None
    assert (spent.remaining, spent.reset_in, spent.retry_after) == (0, 5.0, 0.5)
    assert dict(spent.headers(now=1000.0)) == {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1005",
        "retry-after": "1",
    }
    assert "retry-after" not in dict(first.headers(now=1000.0))


def test_it_fills_up_evenly_and_never_over() -> None:
    bench = Bench()
    for _ in range(10):
        assert bench.passes()
    bench.now += 0.5
    assert [bench.passes() for _ in range(2)] == [True, False]
    bench.now += 1000
    assert [bench.passes() for _ in range(11)] == [True] * 10 + [False]


def test_whoever_keeps_asking_gets_in_again() -> None:
    bench = Bench()
    answers: list[bool] = []
    for _ in range(100):
        bench.now += 0.1
        answers.append(bench.passes())
    assert sum(answers[50:]) == 10  # 10 requests in 5 seconds, and every one of them granted


def test_one_client_does_not_use_up_what_another_may_ask() -> None:
    bench = Bench()
    while bench.passes("loud"):
        pass
    assert bench.passes("quiet")


def test_zero_switches_it_off_at_once() -> None:
    bench = Bench()
    while bench.passes():
        pass
    bench.limits = RateLimit(requests=0, window=5.0)
    assert all(bench.passes() for _ in range(1000))
    bench.limits = RateLimit(requests=3, window=5.0)
    assert [bench.passes() for _ in range(4)] == [True] * 3 + [False]


def test_many_sources_cost_no_memory() -> None:
    bench = Bench()
    for source in range(5 * MAX_CLIENTS):
        assert bench.passes(f"127.0.{source // 256}.{source % 256}")
    assert len(bench.limiter) == MAX_CLIENTS


@given(st.lists(st.floats(0, 2), max_size=200), st.integers(1, 20), st.floats(0.1, 20))
def test_never_more_than_twice_the_limit_in_any_window(
    pauses: list[float], requests: int, window: float
) -> None:
    bench = Bench(requests, window)
    granted: list[float] = []
    for pause in pauses:
        bench.now += pause
        if bench.passes():
            granted.append(bench.now)
    for begin in granted:
        inside = sum(begin <= at < begin + window for at in granted)
        assert inside <= 2 * requests + 1
