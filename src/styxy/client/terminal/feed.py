"""What keeps the view up to date: the daemon says that something is new, and is asked what.

There is no polling. The stream of `GET /events?event=changed` wakes us, and `GET /overview` with
the revision that is known answers with what has changed since. If the daemon goes away, the facts
stay as they are, the view says so, and another one is followed as soon as it listens.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from styxy.client.daemon.connection import SILENCE_PATIENCE, request
from styxy.client.daemon.http_reply import MalformedReply
from styxy.client.daemon.sse import StreamReader
from styxy.core.errors import DaemonUnreachable, StyxyError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from styxy.client.daemon.connection import Connection
    from styxy.client.terminal.facts import Facts

STREAM = "/events?event=changed"

LOOK_INTERVAL = 0.25
"""Seconds between two looks whether a daemon listens again."""

QUIET = 0.1
"""Seconds between two questions: a hundred servers that start at once are one change."""

REST = 2
"""How much longer than the drawing of a change the rest after it is: with ten thousand leases that
come and go, keys must not wait for the drawing."""


class Feed:
    """Follows the daemon. `on_facts` is called when facts have changed, `on_state` with why they
    cannot be followed at the moment, or with None when they can. `connection` starts no daemon.
    """

    def __init__(
        self,
        connection: Connection,
        facts: Facts,
        *,
        on_facts: Callable[[], None],
        on_state: Callable[[str | None], None],
    ) -> None:
        self._connection = connection
        self._facts = facts
        self._on_facts = on_facts
        self._on_state = on_state

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
                self._on_state("the daemon has gone; waiting for it: styxy daemon start -d")
            except StyxyError as failure:
                self._on_state(failure.message)
            await asyncio.sleep(LOOK_INTERVAL)

    async def _follow(self) -> None:
        """Follow one daemon until it ends."""
        self._facts.revision = None  # another daemon counts anew
        async with aclosing(changes(self._connection)) as stream:
            async for _ in stream:
                answer = await self._ask()
                began = time.monotonic()
                self._facts.take(answer)
                self._on_facts()
                self._on_state(None)
                await asyncio.sleep(pause_after(time.monotonic() - began))

    async def _ask(self) -> Mapping[str, object]:
        known = self._facts.revision
        query = "" if known is None else f"?since={known}"
        answer = await asyncio.to_thread(self._connection.ask, "GET", f"/overview{query}")
        return answer.data


def pause_after(seconds: float) -> float:
    """Return how long to rest after a change that took that long to draw, both in seconds."""
    return max(QUIET, REST * seconds)


async def changes(connection: Connection) -> AsyncGenerator[None, None]:
    """Yield once when the stream begins, and whenever it has said something since; end with it.

    Raises what the daemon answered instead of a stream, and `DaemonUnreachable`.
    """
    link = await asyncio.to_thread(connection.try_connect)
    if link is None:
        return
    reading, writing = await asyncio.open_unix_connection(
        sock=socket.socket(fileno=link.detach()), limit=1 << 20
    )
    try:
        writing.write(request("GET", STREAM))
        stream = StreamReader()
        is_begun = False
        while data := await asyncio.wait_for(reading.read(65536), SILENCE_PATIENCE):
            has_news = bool(stream.feed(data))
            if stream.refusal is not None:
                connection.parse(stream.refusal)
                raise DaemonUnreachable("the daemon sends no events; try: styxy daemon restart")
            if has_news or not is_begun:
                is_begun = True
                yield
    except TimeoutError:
        raise DaemonUnreachable(
            f"the daemon has said nothing for {SILENCE_PATIENCE:g} s; try: styxy daemon restart"
        ) from None
    except MalformedReply as error:
        raise DaemonUnreachable(f"the daemon does not answer like Styxy: {error}") from None
    except OSError:
        return  # ECONNRESET or EPIPE: the daemon was killed
    finally:
        writing.close()
