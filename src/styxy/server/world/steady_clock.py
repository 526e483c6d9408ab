"""The time of day, without the jumps of the machine's clock.

A wrong clock, put right or not, must end no lease: within a boot, seconds are those of
CLOCK_BOOTTIME, which only ever runs forward and counts suspension (clock_gettime(2)). The time of
day is what the wall clock showed at first, so that what is written down means the same after the
next boot. A wall clock that goes on showing another time is believed in the end, because people
read these times; whoever keeps deadlines is told by how much everything has moved.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SLACK_SECONDS = 2.0
"""A difference that is no jump, and is followed at once: NTP moves a clock by less."""

TRIAL_SECONDS = 60.0
"""How long a clock must show another time until it is believed."""


def boot_time() -> float:
    """Return the seconds since the boot; on other systems, those of the clock that never jumps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """Tells the time in seconds since the epoch. `wall` is the machine's clock, `boot` one that
    never jumps.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        boot: Callable[[], float] = boot_time,
    ) -> None:
        self._wall = wall
        self._boot = boot
        self._began = boot()
        self._offset = wall() - self._began
        self._tried: tuple[float, float] | None = None  # another offset, and since when

    def __call__(self) -> float:
        """Return the time."""
        return self._boot() + self._offset

    def uptime(self) -> float:
        """Return the seconds since this clock was made."""
        return self._boot() - self._began

    def follow(self) -> float:
        """Compare with the wall clock; return by how many seconds the time has jumped for good,
        mostly 0. It is the same until the jump is believed: deadlines that were noted before have
        to move as far, and first.
        """
        boot = self._boot()
        offset = self._wall() - boot
        if abs(offset - self._offset) <= SLACK_SECONDS:
            self._offset, self._tried = offset, None
            return 0.0
        if self._tried is None or abs(offset - self._tried[0]) > SLACK_SECONDS:
            self._tried = (offset, boot)
        if boot - self._tried[1] < TRIAL_SECONDS:
            return 0.0
        return offset - self._offset

    def believe(self, jump: float) -> None:
        """Go on from a time that has jumped by so many seconds."""
        self._offset += jump
        self._tried = None
