"""Rate limiting: a token bucket for each client, in bounded memory. Pure except for its clock.

A bucket holds as many requests as the window allows and refills evenly, so that a client that stays
under the limit never notices it, and one that has reached it may go on at once, slowly.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.config.configuration import RateLimit

MAX_CLIENTS = 1024
"""Clients that are remembered. 127.0.0.0/8 gives anybody 16 million addresses; cycling through
them gains only a full bucket for each, and takes up no memory of the daemon."""


class Allowance(Struct, frozen=True, kw_only=True):
    """What a client has left. `reset_in` and `retry_after` are seconds; 0: it may ask now."""

    limit: int
    remaining: int
    reset_in: float
    retry_after: float

    @property
    def is_spent(self) -> bool:
        """Whether this very request exceeds the limit."""
        return self.retry_after > 0

    def headers(self, *, now: float) -> list[tuple[str, str]]:
        """Format it as response headers; the reset is in whole seconds since the epoch."""
        lines = [
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(math.ceil(now + self.reset_in))),
        ]
        if self.is_spent:
            lines.append(("retry-after", str(math.ceil(self.retry_after))))
        return lines


class RateLimiter:
    """Counts requests by client. `limits` is called each time, so a new setting takes effect at
    once.
    """

    def __init__(self, limits: Callable[[], RateLimit], clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: object) -> Allowance | None:
        """Count one request; return None if the limit is off.

        A request over the limit costs nothing; otherwise a client that keeps asking would never get
        in again.
        """
        limits = self._limits()
        if not limits.requests:
            self._buckets.clear()
            return None
        now = self._clock()
        rate = limits.requests / limits.window
        left, at = self._buckets.pop(client, (float(limits.requests), now))
        # A monotonic clock never runs backwards; a limit lowered in the meantime does cap it.
        left = min(left + (now - at) * rate, limits.requests)
        retry_after = 0.0 if left >= 1 else (1 - left) / rate
        if not retry_after:
            left -= 1
        self._buckets[client] = (left, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(
                last=False
            )  # the client that has been silent for the longest time
        return Allowance(
            limit=limits.requests,
            remaining=int(left),
            reset_in=(limits.requests - left) / rate,
            retry_after=retry_after,
        )
