"""What the page and the terminal view warn of: what `styxy doctor` finds, each with its fix.

Theory of operation. The doctor is the command line's, and looks at files that may be on a dead
mount; so the daemon has it examine the installation in a process of its own, once a minute while
somebody looks, and again when another part of the daemon is unwell. An examination that fails is
said, and tried again soon, then ever later. In between, the daemon's own
parts are as fresh as ever: what the last examination did not say of them is added.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import msgspec

from styxy.core.errors import StyxyError, Unavailable
from styxy.server.service.own_command import run_styxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from styxy.server.reports.health import Health, PartState

log = logging.getLogger(__name__)

EXAMINED_EVERY = 60.0
"""Seconds; an examination takes half a second of one processor."""

SETTLING = 3.0
"""Seconds for which whoever begins to look has the machine for what there is to draw."""

AGAIN_AFTER = 10.0
"""Seconds between two examinations if the daemon's parts change all the time, or after the first
that failed; twice as many after each further one.
"""

TO_SEE = "to see why: styxy doctor"

PATIENCE = 30.0
"""Seconds for an examination. A service manager that is silent is waited for."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of `styxy doctor --json` found."""

    name: str
    verdict: str
    message: str
    fix: str | None = None

    @property
    def sentence(self) -> str:
        """What it is about and what it found; the command that helps is last."""
        said = f"{self.name}: {self.message}"
        return said if self.fix is None else f"{said}; fix: {self.fix}"


class _Examined(msgspec.Struct, frozen=True):
    checks: list[Finding]


async def examine() -> list[Finding]:
    """Let `styxy doctor` look at this installation; return what is not as it should be.

    Raises `Unavailable` if it says nothing, or had no answer from this daemon.
    """
    ended = await run_styxy("doctor", "--json", "--without-shell", patience=PATIENCE)
    if ended.status < 0:
        raise Unavailable(f"styxy doctor was ended by {_signal_name(-ended.status)}")
    try:
        checks = msgspec.json.decode(ended.said, type=_Examined).checks
    except msgspec.DecodeError as error:
        raise Unavailable(f"styxy doctor exited with {ended.status}: {error}") from None
    wrong = [each for each in checks if each.verdict != "ok"]
    if any(each.name == "daemon" for each in wrong):  # it saw half of everything
        raise Unavailable("styxy doctor had no answer from this daemon in time")
    return wrong


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one


class Warnings:
    """Knows what is wrong now. Use it from the loop's thread; `clock` gives seconds."""

    def __init__(
        self,
        health: Health,
        examine: Callable[[], Awaitable[list[Finding]]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._health = health
        self._examine = examine
        self._clock = clock
        self._looked_at = float("-inf")
        self._begun_at = float("-inf")
        self._due_at = float("-inf")
        self._running: asyncio.Task[None] | None = None
        self._findings: list[Finding] = []
        self._retry_after = AGAIN_AFTER
        self._failure: str | None = None
        self._unwell: frozenset[str] = frozenset()
        self._unwell_then: frozenset[str] = frozenset()
        self._said: frozenset[str] = frozenset()

    def sentences(self) -> list[str]:
        """Return a sentence for each thing that is wrong, first what the daemon knows of itself."""
        parts = self._parts()
        self._unwell = frozenset(parts)
        added = [
            f"{name}: {part.message}" for name, part in parts.items() if name not in self._said
        ]
        unknown = [] if self._failure is None else [self._failure]
        return [*added, *(each.sentence for each in self._findings), *unknown]

    def look(self) -> bool:
        """Begin an examination if it is time for one; call this every second while somebody looks.

        Return whether one has ended since the last call.
        """
        now = self._clock()
        if now - self._looked_at > SETTLING:
            self._due_at = max(self._due_at, now + SETTLING)
        self._looked_at = now
        if self._running is not None:
            if not self._running.done():
                return False
            self._running = None
            return True
        is_changed = self._unwell != self._unwell_then
        if now >= self._due_at or (is_changed and now >= self._begun_at + AGAIN_AFTER):
            self._begun_at, self._due_at = now, now + EXAMINED_EVERY
            self._unwell_then = self._unwell
            self._running = asyncio.get_running_loop().create_task(self._have_examined())
        return False

    def stop(self) -> None:
        """Wait for no examination any more."""
        if self._running is not None:
            self._running.cancel()

    async def _have_examined(self) -> None:
        try:
            self._findings = await self._examine()
        except StyxyError as error:
            # Nothing is known then; what was found before may be mended by now.
            self._findings, self._said = [], frozenset()
            self._failure = f"the installation could not be examined: {error.message}; {TO_SEE}"
            self._due_at = min(self._due_at, self._clock() + self._retry_after)
            self._retry_after = min(2 * self._retry_after, EXAMINED_EVERY)
            log.info("the installation was not examined: %s", error.message)
            return
        self._failure, self._retry_after = None, AGAIN_AFTER
        said = "\n".join(each.message for each in self._findings)
        parts = self._parts()
        self._said = frozenset(name for name, part in parts.items() if part.message in said)

    def _parts(self) -> dict[str, PartState]:
        return {
            name: part for name, part in self._health.report().parts.items() if part.state != "ok"
        }
