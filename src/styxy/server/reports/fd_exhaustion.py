"""Running out of file descriptors: logged in one sentence, counted, and shown by `/health`.

asyncio itself retries accepting the waiting connections once a second; what it logs about each
failed attempt, up to thousands of times and with a stack each, is logged here once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from styxy.adapters import fd_limits as descriptors
from styxy.core.messages import counted
from styxy.server.reports.health import PartState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

log = logging.getLogger(__name__)

NEARLY = 0.8
"""Fraction of the limit from which the user is warned."""

QUIET = 60.0
"""Seconds between two log messages about it, and for which exhaustion counts as recent."""


class FdExhaustion:
    """Detects that descriptors ran out. `clock` gives seconds; `unwatched` counts the holders that
    have none.
    """

    def __init__(self, clock: Callable[[], float], unwatched: Callable[[], int]) -> None:
        self._clock = clock
        self._unwatched = unwatched
        self._said_at: float | None = None
        self._met_at: float | None = None

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle errors that asyncio reports (`loop.set_exception_handler`)."""
        error = context.get("exception")
        if not isinstance(error, OSError) or not descriptors.is_want(error):
            loop.default_exception_handler(context)
            return
        now = self._met_at = self._clock()
        if self._said_at is None or now - self._said_at >= QUIET:
            self._said_at = now
            log.warning("%s; new connections must wait", descriptors.refusal(error).message)

    def part(self) -> PartState:
        """Report how many descriptors are in use, and whether they ran out recently."""
        used, most = descriptors.in_use(), descriptors.limit()
        said, unwatched = [f"{used} of {most} in use"], self._unwatched()
        if unwatched:
            said.append(f"{counted(unwatched, 'holder')} polled once a second instead of watched")
        is_news = self._met_at is not None and self._clock() - self._met_at < QUIET
        if is_news:
            said.append("ran out a short while ago")
        is_short = is_news or used > NEARLY * most or bool(unwatched)
        return PartState("warning" if is_short else "ok", "; ".join(said))
