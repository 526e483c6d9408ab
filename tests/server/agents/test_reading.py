"""Text that takes long to read, and hooks that do not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from styxy.server.agents.reading import LONG, THREADS, Reader


def test_a_result_and_an_error_come_back() -> None:
    async def run() -> None:
        reader = Reader()
        assert await reader.read(int, "7f", base=16) == 127
        with pytest.raises(ValueError, match="invalid literal"):
            await reader.read(int, "x")

    asyncio.run(run())


def test_what_nobody_waits_for_is_not_read_any_more() -> None:
    go_on = threading.Event()
    read: list[str] = []

    def slow(text: str) -> None:
        read.append(text)
        go_on.wait()

    async def run() -> None:
        reader = Reader(patience=0.05)
        calls = [reader.read(slow, str(number)) for number in range(THREADS + 3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(each) for each in results} == {TimeoutError}
        go_on.set()
        while "end" not in read:
            with contextlib.suppress(TimeoutError):
                await reader.read(read.append, "end")

    asyncio.run(run())
    assert set(read) == {"end", *map(str, range(THREADS))}


def test_short_text_does_not_wait_for_long_text() -> None:
    go_on = threading.Event()

    def slow(_text: str) -> None:
        go_on.wait()

    async def run() -> None:
        reader = Reader()
        long = [
            asyncio.create_task(reader.read(slow, "x" * (LONG + 1))) for _ in range(THREADS + 3)
        ]
        assert await reader.read(len, "x" * LONG) == LONG
        go_on.set()
        await asyncio.gather(*long, return_exceptions=True)

    asyncio.run(run())
