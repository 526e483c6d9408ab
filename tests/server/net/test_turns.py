"""Turns: few things in each turn of the loop, and one party's never hold up another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise

import pytest

from styxy.server.net.turns import MOST_AT_ONCE, Turns


def in_a_loop(play: Callable[[Turns], Awaitable[None]]) -> None:
    """Play a scene with turns in a loop of its own."""

    async def scene() -> None:
        await asyncio.wait_for(play(Turns(asyncio.get_running_loop())), 10)

    asyncio.run(scene())


def test_what_comes_first_is_done_at_once() -> None:
    async def play(turns: Turns) -> None:
        done: list[int] = []
        turns.do(partial(done.append, 1), party=0)
        assert done == [1]

    in_a_loop(play)


def test_a_turn_has_an_end_and_the_rest_is_done_in_order() -> None:
    async def play(turns: Turns) -> None:
        done: list[int] = []
        for number in range(5 * MOST_AT_ONCE):
            turns.do(partial(done.append, number), party=0)
        seen = [len(done)]
        while len(done) < 5 * MOST_AT_ONCE:
            await asyncio.sleep(0)
            seen.append(len(done))
        steps = [after - before for before, after in pairwise(seen)]
        assert max(steps) <= MOST_AT_ONCE
        assert done == sorted(done)

    in_a_loop(play)


def test_a_flood_waits_for_itself_and_not_others_for_it() -> None:
    async def play(turns: Turns) -> None:
        done: list[str] = []
        for _ in range(100 * MOST_AT_ONCE):
            turns.do(partial(done.append, "flood"), party="many")
        turns.do(partial(done.append, "one"), party="few")
        before = len(done)
        while "one" not in done:
            await asyncio.sleep(0)
        assert done.index("one") - before <= 1

    in_a_loop(play)


def fail() -> None:
    """Raise something."""
    raise ValueError


def test_what_fails_costs_the_rest_nothing() -> None:
    async def play(turns: Turns) -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, said: failures.append(said))
        for _ in range(MOST_AT_ONCE):
            turns.do(lambda: None, party=0)
        turns.do(fail, party=0)
        assert await turns.result(lambda: 1, party=0) == 1
        assert len(failures) == 1

    in_a_loop(play)


@pytest.mark.parametrize("is_hurried", [False, True])
def test_however_hurried_something_is_done_in_each_turn(is_hurried: bool) -> None:
    async def scene() -> None:
        turns = Turns(asyncio.get_running_loop(), is_hurried=lambda: is_hurried)
        for _ in range(3 * MOST_AT_ONCE):
            assert await turns.result(lambda: 1, party=0) == 1

    asyncio.run(asyncio.wait_for(scene(), 10))


def test_what_is_waited_for_may_fail() -> None:
    async def play(turns: Turns) -> None:
        with pytest.raises(ValueError):
            await turns.result(fail, party=0)

    in_a_loop(play)


def test_nothing_is_done_for_whoever_does_not_wait_any_more() -> None:
    async def play(turns: Turns) -> None:
        done: list[int] = []
        for _ in range(3 * MOST_AT_ONCE):
            turns.do(lambda: None, party=0)
        waiting = asyncio.ensure_future(turns.result(partial(done.append, 1), party=1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await turns.result(lambda: None, party=2)
        assert done == []

    in_a_loop(play)
