"""Turns: how much of the loop's time requests may take, and whose is next.

asyncio runs everything that is ready before it looks at the sockets again, so whoever has a
thousand things ready delays everybody by a thousand. Here such things wait: in each turn of the
loop only so many are done, each party's in their order and one party's after the other's, so that
a flood waits for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

MOST_AT_ONCE = 8
"""Things begun in one turn of the loop: a request costs 0.2 ms after it has begun."""

SECONDS = 0.004
HURRIED_SECONDS = 0.001
"""What they may take before the next turn, and what they may take while a guest waits: it has
250 ms for everything."""


class Turns:
    """Does a few things in each turn of the loop; `is_hurried` tells whether guests are waiting."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, is_hurried: Callable[[], bool] = lambda: False
    ) -> None:
        self._loop = loop
        self._is_hurried = is_hurried
        self._waiting: OrderedDict[Hashable, deque[Callable[[], None]]] = OrderedDict()
        self._seconds = 0.0
        self._count = 0
        self._is_planned = False

    def do(self, action: Callable[[], None], *, party: Hashable) -> None:
        """Do something now if there is time in this turn, else after what waits already."""
        if not self._waiting and self._has_time():
            self._run(action)
        else:
            self._waiting.setdefault(party, deque()).append(action)
        if not self._is_planned:
            self._is_planned = True
            self._loop.call_soon(self._turn)

    async def result(self, action: Callable[[], T], *, party: Hashable) -> T:
        """Wait until there is time to do something; return what it returns, or raise it."""
        come: asyncio.Future[T] = self._loop.create_future()
        self.do(partial(_fulfil, come, action), party=party)
        return await come

    def _has_time(self) -> bool:
        most = HURRIED_SECONDS if self._is_hurried() else SECONDS
        return self._count == 0 or (self._count < MOST_AT_ONCE and self._seconds < most)

    def _turn(self) -> None:
        self._seconds, self._count = 0.0, 0
        try:
            while self._waiting and self._has_time():
                party, actions = self._waiting.popitem(last=False)
                action = actions.popleft()
                if actions:
                    self._waiting[party] = actions  # behind the others
                self._run(action)
        finally:
            self._is_planned = bool(self._count)
            if self._is_planned:
                self._loop.call_soon(self._turn)

    def _run(self, action: Callable[[], None]) -> None:
        began = time.perf_counter()
        self._count += 1
        try:
            action()
        finally:
            self._seconds += time.perf_counter() - began


def _fulfil(come: asyncio.Future[T], action: Callable[[], T]) -> None:
    if come.done():
        return  # whoever waited has been cancelled
    try:
        come.set_result(action())
    except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
        come.set_exception(error)
