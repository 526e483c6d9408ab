"""The net below the death watch: a holder whose death nobody told is found all the same."""

from __future__ import annotations

import asyncio

from styxy.core.errors import Unavailable
from styxy.core.model.leases import Holder
from styxy.server.upkeep.liveness import AT_ONCE, LivenessChecks

HOLDERS = [Holder(pid=number, start_time=1, boot="boot") for number in range(1, 2 * AT_ONCE)]


def test_a_round_buries_every_dead_holder_at_once() -> None:
    buried: list[list[Holder]] = []
    rounds = LivenessChecks(
        holders=lambda: HOLDERS,
        is_alive=lambda holder: holder.pid % 2 == 0,
        end_holders=buried.append,
        interval=lambda: 1.0,
    )
    asyncio.run(rounds.walk())
    assert [{each.pid for each in group} for group in buried] == [
        {each.pid for each in HOLDERS if each.pid % 2}
    ]


def test_a_round_leaves_the_loop_free_in_between() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> None:
        other = asyncio.get_running_loop().create_task(count())
        await LivenessChecks(
            holders=lambda: HOLDERS,
            is_alive=lambda _: True,
            end_holders=lambda _: None,
            interval=lambda: 1.0,
        ).walk()
        other.cancel()

    asyncio.run(both())
    assert turns >= 1


def test_the_rounds_go_on_after_a_failure_and_ask_for_the_interval_each_time() -> None:
    buried: list[list[Holder]] = []
    done = asyncio.Event()

    def end_holders(dead: list[Holder]) -> None:
        buried.append(dead)
        if len(buried) == 1:
            raise Unavailable("the disk is full")
        done.set()

    async def run() -> None:
        rounds = LivenessChecks(
            holders=lambda: HOLDERS[:1],
            is_alive=lambda _: False,
            end_holders=end_holders,
            interval=lambda: 0.0,
        )
        rounds.start()
        await asyncio.wait_for(done.wait(), 20)
        await rounds.finish()

    asyncio.run(run())
    assert len(buried) >= 2


def test_a_new_interval_counts_at_once() -> None:
    interval = 3600.0
    done = asyncio.Event()

    async def run() -> None:
        nonlocal interval
        rounds = LivenessChecks(
            holders=lambda: HOLDERS[:1],
            is_alive=lambda _: False,
            end_holders=lambda _: done.set(),
            interval=lambda: interval,
        )
        rounds.start()
        await asyncio.sleep(0)
        interval = 0.01
        rounds.replan()
        await asyncio.wait_for(done.wait(), 20)
        await rounds.finish()

    asyncio.run(run())
