"""The watch over the loop: a stall is counted with its stack, a stopped process is no stall."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import styxy
from styxy.server.upkeep.loop_watchdog import LIMIT, LoopWatchdog, Stalls, TimedSelector
from tests.fakes import clean_environment

pytestmark = pytest.mark.alone


def watched(*actions: Callable[[], object]) -> Stalls:
    """Run actions in a loop that is watched, each in a turn of its own."""
    stalls = Stalls()
    selector = TimedSelector()

    async def main() -> None:
        watch = LoopWatchdog(stalls, selector, clock=time.time)
        watch.start()
        for action in actions:
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(action)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        watch.stop()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(main())
    return stalls


def wait_for_a_slow_disk() -> None:
    time.sleep(2.5 * LIMIT)


def compute_without_end() -> None:
    began = time.monotonic()
    while time.monotonic() - began < 2 * LIMIT:
        sum(range(10_000))


def hold_the_interpreter() -> None:
    began = time.monotonic()
    count = 1_000_000
    while time.monotonic() - began < 2 * LIMIT:
        count *= 2
        sum(range(count))  # one call into C, during which no other thread runs


@pytest.mark.parametrize(
    "action", [wait_for_a_slow_disk, compute_without_end, hold_the_interpreter]
)
def test_a_stall_is_counted_with_the_stack_that_caused_it(action: Callable[[], None]) -> None:
    stalls = watched(action)
    assert stalls.count == 1
    assert stalls.last is not None
    assert LIMIT < stalls.last.seconds == stalls.longest == stalls.total
    assert action.__name__ in stalls.last.stack
    assert __file__ in stalls.last.stack
    assert abs(stalls.last.at + stalls.last.seconds - time.time()) < 5


def test_a_short_turn_is_no_stall() -> None:
    stalls = watched(*[lambda: time.sleep(LIMIT / 5)] * 5)
    assert (stalls.count, stalls.last) == (0, None)


def test_every_stall_is_counted() -> None:
    stalls = watched(wait_for_a_slow_disk, wait_for_a_slow_disk)
    assert stalls.count == 2
    assert stalls.total > 4 * LIMIT


STOPPED = """
import asyncio, os, signal, time
from styxy.server.upkeep.loop_watchdog import Stalls, LoopWatchdog, TimedSelector

stalls, selector = Stalls(), TimedSelector()

async def main():
    watch = LoopWatchdog(stalls, selector, clock=time.time)
    watch.start()
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGSTOP)
    await asyncio.sleep(0.6)
    watch.stop()

with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
    runner.run(main())
print(stalls.count, stalls.last)
"""


def test_a_process_that_was_stopped_did_not_stall() -> None:
    env = clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent))
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED], env=env, stdout=subprocess.PIPE, text=True
    ) as child:
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        select.select([], [], [], 3 * LIMIT)  # what lasts is the stop
        child.send_signal(signal.SIGCONT)
        assert child.stdout is not None
        assert child.stdout.read() == "0 None\n"


def test_the_watch_leaves_an_idle_loop_asleep() -> None:
    selector = TimedSelector()
    waits = 0

    class Counting(TimedSelector):
        def select(self, timeout: float | None = None) -> list[tuple[object, int]]:  # type: ignore[override]  # the values are handed through
            nonlocal waits
            waits += 1
            return super().select(timeout)  # type: ignore[return-value]  # as above

    selector = Counting()

    async def main() -> None:
        watch = LoopWatchdog(Stalls(), selector, clock=time.time)
        watch.start()
        await asyncio.sleep(4 * LIMIT)
        watch.stop()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(main())
    assert waits < 12
