"""The view under Textual's own pilot, and ways to read what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.pilot import Pilot
from textual.widgets import Static

from styxy.client.daemon.connection import Connection
from styxy.client.terminal.app import Top
from styxy.client.terminal.dialogs import Page, Question
from tests.daemon import LONGEST, PAUSE

HERE = "/home/ada/shop"


@dataclass(frozen=True, slots=True)
class Piloted:
    """A running view and its pilot."""

    top: Top
    pilot: Pilot[None]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, while the view does its work."""
        async with asyncio.timeout(LONGEST):
            while not condition():
                await asyncio.sleep(PAUSE)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def lines(self) -> list[str]:
        """The screen, without what stands right of the text."""
        width, height = self.top.size
        strips = self.top.screen._compositor.render_strips()[:height]
        return [strip.crop(0, width).text.rstrip() for strip in strips]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    @property
    def chosen(self) -> int | None:
        """The chosen port."""
        row = self.top.rows.chosen
        return row.port.port if row is not None and row.port is not None else None

    @property
    def ports(self) -> list[int]:
        """The ports that are listed, those beyond the screen, too."""
        return [row.port.port for row in self.top.rows.shown if row.port is not None]

    @property
    def question(self) -> str | None:
        """What is asked, if anything is."""
        screen = self.top.screen
        if not isinstance(screen, Question):
            return None
        return str(screen.query_one("#question", Static).content)

    @property
    def has_page(self) -> bool:
        """Whether details or keys are shown."""
        return isinstance(self.top.screen, Page)

    @property
    def said(self) -> list[str]:
        """The notices that are shown."""
        return [each.message for each in self.top._notifications]


@asynccontextmanager
async def piloted(
    connection: Connection,
    *,
    env: Mapping[str, str] | None = None,
    size: tuple[int, int] = (100, 24),
    project: str | None = HERE,
) -> AsyncGenerator[Piloted]:
    """Run the view until the block ends; it knows the facts when the block begins."""
    top = Top(connection, env or {}, project=project)
    async with top.run_test(size=size, notifications=True) as pilot:
        view = Piloted(top, pilot)
        await view.until(lambda: top.facts.revision is not None)
        yield view


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run one test to its end."""

    async def bounded() -> None:
        async with asyncio.timeout(LONGEST):
            await work()

    asyncio.run(bounded())
