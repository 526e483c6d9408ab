"""Liveness checks: every holder is checked now and then, whatever the kernel reported.

pidfds report deaths. This is the safety net below them, so it may be slow, but must not slow others
down: it checks a few holders in each turn of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from styxy.core.model.leases import Holder

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Holders checked in one turn of the loop: each takes about 20 microseconds (a read of /proc)."""


class LivenessChecks:
    """Checks all `holders` and passes the dead ones to `end_holders`; `interval` (seconds) may
    change.
    """

    def __init__(
        self,
        *,
        holders: Callable[[], Iterable[Holder]],
        is_alive: Callable[[Holder], bool],
        end_holders: Callable[[list[Holder]], None],
        interval: Callable[[], float],
    ) -> None:
        self._holders = holders
        self._is_alive = is_alive
        self._end_holders = end_holders
        self._interval = interval
        self._task: asyncio.Task[None] | None = None
        self._has_new_interval = asyncio.Event()

    def start(self) -> None:
        """Start, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def finish(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def replan(self) -> None:
        """Apply a new interval at once, counted from the last check."""
        self._has_new_interval.set()

    async def walk(self) -> None:
        """Check every holder once. Raises what `end_holders` raises."""
        dead: list[Holder] = []
        for count, holder in enumerate(set(self._holders()), start=1):
            if not self._is_alive(holder):
                dead.append(holder)
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        if dead:
            self._end_holders(dead)

    async def _run(self) -> None:
        while True:
            await self._wait_due()
            try:
                await self.walk()
            except Unavailable as error:
                log.warning("liveness check: %s", error.message)

    async def _wait_due(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        await asyncio.sleep(0)
        while (rest := began + self._interval() - clock()) > 0:
            self._has_new_interval.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._has_new_interval.wait()
