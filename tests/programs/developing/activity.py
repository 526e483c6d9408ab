"""Whether a program still does something: what its processes want of the machine, and what it says.

A program that has to wait for a busy machine wants just as much of it as one that runs, so nothing
here depends on how fast the machine is: the time that a thread waited for a processor counts like
the time that it had one, and where this process itself could not look, no time counts at all.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.programs.developing.asking import processes_of

_IDLE = 0.1
"""The part of a processor that a program may want while it rests; some look at files for ever."""

_GRACE = 0.2
"""Seconds of a processor that it may want at once: a timer, a collection of garbage."""

PATIENCE = 300.0
"""Seconds; only a program that is busy without an end is looked at for so long."""

_PAUSE = 0.05
_LONGEST_PAUSE = 0.5
"""Seconds between two looks that count, at most; while the machine stands still, none does."""

_WAITS_FOR_A_DISK = "D"  # proc(5), stat


class Activity:
    """What a program, with all of its session, has done until now.

    `said` gives all that it has said.
    """

    def __init__(self, session: int, said: Callable[[], str]) -> None:
        self._session = session
        self._said = said
        self._seen: tuple[frozenset[Path], int] = (frozenset(), 0)
        self._wanted = 0.0
        self._rest = 0.0
        self._looked = time.monotonic()

    def rest(self) -> float:
        """Look again; gives for how long, in seconds, the program has done nothing."""
        now = time.monotonic()
        self._rest += min(now - self._looked, _LONGEST_PAUSE)
        self._looked = now
        processes = frozenset(processes_of(self._session))
        seen = (processes, len(self._said()))
        wanted = sum(map(_wanted, processes))
        is_busy = wanted - self._wanted > _IDLE * self._rest + _GRACE
        if is_busy or seen != self._seen or any(map(_waits_for_a_disk, processes)):
            self._seen, self._wanted, self._rest = seen, wanted, 0.0
        return self._rest

    def wait(self, condition: Callable[[], bool], *, rest: float) -> bool:
        """Wait for a condition, until the program has done nothing for `rest` seconds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self.rest() > rest or time.monotonic() > deadline:
                return condition()
            time.sleep(_PAUSE)
        return True


def _wanted(process: Path) -> float:
    """Sum up the seconds that its threads ran, or could have run (sched-stats of the kernel)."""
    parts = (text.split()[:2] for text in _of_threads(process, "schedstat"))
    return sum(int(ran) + int(waited) for ran, waited in parts) / 1e9


def _waits_for_a_disk(process: Path) -> bool:
    # The name of the program, in parentheses, may contain anything.
    states = (text.rpartition(")")[2].split()[:1] for text in _of_threads(process, "stat"))
    return [_WAITS_FOR_A_DISK] in states


def _of_threads(process: Path, name: str) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended
        for thread in process.joinpath("task").iterdir():
            with contextlib.suppress(OSError):
                yield thread.joinpath(name).read_text(encoding="utf-8", errors="replace")
