"""The daemon supervises its own loop: a stall is detected, explained by a stack, and counted.

Theory of operation. The loop's selector notes when the loop started to work and when it came back
to wait, so the length of every turn is known exactly, at a cost of 0.2 microseconds. A thread wakes
up four times a second, which is at least once within any stall that counts, and records the stack
of a loop that it finds at work; it sends nothing to the loop and so wakes nobody. A turn during
which the whole process stood still (SIGSTOP, a machine without a free core) is not a stall: the
thread was late as well, and no processor time was used. A suspended machine stops CLOCK_MONOTONIC
(clock_gettime(2)).
"""

from __future__ import annotations

import logging
import selectors
import sys
import threading
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

log = logging.getLogger(__name__)

LIMIT = 0.25
"""Seconds: guests wait this long for an answer, then continue without one."""

_PERIOD = LIMIT
_LONGEST_STACK = 12
"""Frames, from the innermost outwards; beyond them are the loop and the composition root."""

Turn = tuple[float, float]
"""When the loop started and finished working, by time.monotonic()."""


class Stall(Struct, frozen=True, kw_only=True):
    """One stall: `at` in seconds since the epoch, `stack` innermost frame last."""

    at: float
    seconds: float
    stack: str


class Stalls:
    """The stalls since the daemon started. `total` and `longest`: seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.longest = 0.0
        self.last: Stall | None = None

    def add(self, stall: Stall) -> None:
        """Record a stall."""
        self.count += 1
        self.total += stall.seconds
        self.longest = max(self.longest, stall.seconds)
        self.last = stall


class TimedSelector(selectors.DefaultSelector):
    """A selector that records how long the loop worked between two waits."""

    def __init__(self) -> None:
        super().__init__()
        self.busy_since: float | None = None
        self.long_turns: deque[Turn] = deque(maxlen=64)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, as the base class does."""
        if self.busy_since is not None:
            now = time.monotonic()
            if now - self.busy_since > LIMIT:
                self.long_turns.append((self.busy_since, now))
            self.busy_since = None
        try:
            return super().select(timeout)
        finally:
            self.busy_since = time.monotonic()


class LoopWatchdog:
    """Watches the loop of the thread that creates this object, from a thread of its own."""

    def __init__(
        self, stalls: Stalls, selector: TimedSelector, *, clock: Callable[[], float]
    ) -> None:
        self._stalls = stalls
        self._selector = selector
        self._clock = clock
        self._watched = threading.get_ident()
        self._stop = threading.Event()
        self._stacks: dict[float, str] = {}
        self._freezes: deque[tuple[Turn, float]] = deque(maxlen=16)
        self._thread = threading.Thread(target=self._run, name="loop watchdog", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, and report what is left to report."""
        self._stop.set()
        self._thread.join()
        self._report()

    def _run(self) -> None:
        pause = _PERIOD
        while True:
            slept = time.monotonic()
            used = time.process_time()
            is_over = self._stop.wait(pause)
            self._note_freeze(slept, pause, used=time.process_time() - used)
            if is_over:
                return
            pause = self._look()
            self._report()

    def _note_freeze(self, slept: float, pause: float, *, used: float) -> None:
        # A call that holds the interpreter lock delays this thread as well, but uses a processor.
        # When exactly the process was stopped within the pause is unknown, so all of it counts.
        woke = time.monotonic()
        if woke - slept - pause - used > LIMIT / 5:
            self._freezes.append(((slept, woke), woke - slept - used))

    def _look(self) -> float:
        """Record the stack of a working loop; return in how many seconds to look again."""
        since = self._selector.busy_since
        if since is None:
            return _PERIOD
        frame = sys._current_frames().get(self._watched)
        if frame is None or self._selector.busy_since != since:
            return _PERIOD
        self._stacks[since] = _described(frame)
        until_long = since + LIMIT - time.monotonic()
        return until_long if 0.01 < until_long < _PERIOD else _PERIOD

    def _report(self) -> None:
        turns = self._selector.long_turns
        while turns:
            began, ended = turns.popleft()
            seconds = ended - began - sum(self._frozen_within(began, ended))
            stack = self._stacks.get(began, "no stack was taken")
            if seconds > LIMIT:
                at = self._clock() - (time.monotonic() - began)
                self._stalls.add(Stall(at=at, seconds=seconds, stack=stack))
                log.warning("the event loop stalled for %.2f s in %s", seconds, stack)
        busy = self._selector.busy_since
        self._stacks = {since: text for since, text in self._stacks.items() if since == busy}

    def _frozen_within(self, began: float, ended: float) -> list[float]:
        return [
            min(frozen, min(ended, woke) - max(began, slept))
            for (slept, woke), frozen in self._freezes
            if slept < ended and began < woke
        ]


def _described(frame: FrameType) -> str:
    frames = traceback.extract_stack(frame)[-_LONGEST_STACK:]
    return " > ".join(f"{each.name} ({each.filename}:{each.lineno})" for each in frames)
