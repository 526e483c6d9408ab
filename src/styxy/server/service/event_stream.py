"""Every change as it happens, for any number of followers, as server-sent events.

Theory of operation. The journal numbers the events, so a follower is a number: that of the last
event it was sent. What it is missing comes from a short buffer that all followers share, or, if it
has fallen further behind or reconnects with `Last-Event-ID`, from the journal. There is no queue
for each follower, so a slow one costs no memory; one that does not read at all is disconnected.

Two hundred that begin with the first event read the same pages of the journal, which are kept for
a while, and take turns: only so much is read in one turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.adapters.processes import user_name
from styxy.core.errors import Unavailable
from styxy.core.protocol.audit.entries import WORD_OF_KIND, audit_entry
from styxy.server.net.connection_limit import HANG_UP
from styxy.server.net.responses import ALWAYS, encoded
from styxy.server.net.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from styxy.adapters.journal.journal import Journal
    from styxy.core.books.events import Event

HEARTBEAT_SECONDS = 15.0
"""Maximum silence of a stream: less than the timeout of any proxy or browser."""

PATIENCE_SECONDS = 30.0
"""How long a follower may take to read what was sent before it is disconnected."""

MAX_FOLLOWERS = 200

MEMORY = 1000
"""Events that are kept in memory: a burst of grants in one turn of the loop is 500."""

BATCH = 100
"""Events in one piece of a stream: 30 KB, half of what a connection buffers."""

PAGES = 32
"""Pages of the journal that are kept: 1 MB."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    *((name.encode(), value.encode()) for name, value in ALWAYS.items()),
]

CHANGED = "changed"
"""The kind of message that says that something in GET /overview is new. It is in no journal: the
kernel's listeners come and go without an event."""

CHANGED_MESSAGE = b"event: changed\ndata: {}\n\n"

GREETING = b"retry: 1000\n\n: styxy\n\n"
HEARTBEAT = b": heartbeat\n\n"


class Message(Struct, frozen=True):
    """One event in the form in which it is sent."""

    seq: int
    word: str
    data: bytes


class EventStream:
    """Receives what is committed, and wakes the followers. Use it from the loop's thread.

    It must be the first of the service's subscribers: one that commits as well would otherwise
    report its own events before those that caused them.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._journal = journal
        self.heartbeat = heartbeat
        self.patience = patience
        self._memory: deque[Message] = deque(maxlen=MEMORY)
        self._pages: OrderedDict[int, list[Message]] = OrderedDict()
        self._turns: Turns | None = None
        self._followers: set[Follower] = set()
        self.changes = 0
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._followers)

    def on_events(self, events: Sequence[Event]) -> None:
        """Take in what was just committed."""
        if not self._followers:
            self._memory.clear()
            self._pages.clear()
            return
        first = self._journal.last_seq - len(events) + 1
        self._memory.extend(_message(event, first + offset) for offset, event in enumerate(events))
        for follower in self._followers:
            follower.wake.set()

    def announce(self) -> None:
        """Tell those who want to know that something in GET /overview is new."""
        self.changes += 1
        for follower in self._followers:
            if follower.word == CHANGED:
                follower.wake.set()

    @property
    def has_viewers(self) -> bool:
        """Whether anybody wants to know what is new in GET /overview."""
        return any(each.word == CHANGED for each in self._followers)

    def follow(self, *, after: int | None, word: str | None) -> Follower:
        """Start after the event with a number, or with the next one. Raises `Unavailable`.

        A number that the journal has not reached belongs to another journal: then start with the
        next one.
        """
        if len(self._followers) >= MAX_FOLLOWERS:
            raise Unavailable(f"{MAX_FOLLOWERS} clients already follow the events; close some")
        newest = self._journal.last_seq
        begin = newest if after is None or after > newest else after
        follower = Follower(self, begin, word)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Remove a follower."""
        self._followers.discard(follower)

    def close(self) -> None:
        """End every stream."""
        self.is_closed = True
        for follower in self._followers:
            follower.end()

    def after(self, seq: int) -> list[Message]:
        """List the next events after a number, at most `BATCH`."""
        memory = self._memory
        if memory and memory[0].seq <= seq + 1:
            begin = seq + 1 - memory[0].seq
            return list(islice(memory, begin, begin + BATCH))
        if seq >= self._journal.last_seq:
            return []
        return self._page(seq)

    async def next(self, seq: int, *, party: object) -> list[Message]:
        """List the next events after a number when it is the turn of a follower."""
        if self._turns is None:
            self._turns = Turns(asyncio.get_running_loop())
        return await self._turns.result(partial(self.after, seq), party=party)

    def _page(self, seq: int) -> list[Message]:
        """Read the events after a number from the journal, up to the end of their hundred."""
        page = self._pages.get(seq)
        if page is None:
            read = self._journal.read_on(seq, limit=BATCH - seq % BATCH)
            page = [_message(event, number) for number, event in read]
            if self._followers and page[-1:] and page[-1].seq % BATCH == 0:
                self._pages[seq] = page
                if len(self._pages) > PAGES:
                    self._pages.popitem(last=False)
        return page


class Follower:
    """How far one client has come; `wake` is set when there may be more.

    `hang_up` closes its connection at once, where a normal close would wait forever for a client
    that does not read.
    """

    def __init__(self, stream: EventStream, seq: int, word: str | None) -> None:
        self._stream = stream
        self._seq = seq
        self.word = word
        self._changes = stream.changes
        self._is_sending = False
        self.wake = asyncio.Event()
        self.hang_up: Callable[[], None] = self.left
        self.is_gone = False

    @property
    def is_done(self) -> bool:
        """Whether the client has left or the daemon is stopping."""
        return self.is_gone or self._stream.is_closed

    def left(self) -> None:
        """Record that the client has disconnected."""
        self.is_gone = True
        self.wake.set()

    def end(self) -> None:
        """End the stream, whether the client reads or not."""
        self.wake.set()
        if self._is_sending:
            self.hang_up()

    def close(self) -> None:
        """Leave the stream."""
        self._stream.leave(self)

    async def pour(self, send: Send) -> None:
        """Send the stream to its end, or disconnect if nobody reads it."""
        loop = asyncio.get_running_loop()
        piece = GREETING
        while piece:
            # A timer, because `wait_for` would create a task for each piece and each follower.
            deadline = loop.call_later(self._stream.patience, self.hang_up)
            self._is_sending = True
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            self._is_sending = False
            deadline.cancel()
            piece = await self.next_piece()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def next_piece(self) -> bytes:
        """Wait for the next piece of the stream: events, or a heartbeat; empty at its end."""
        while not self.is_done:
            self.wake.clear()
            piece = await self._waiting_piece()
            if piece is None and await self._is_silent():
                return HEARTBEAT
            if piece:
                return piece
        return b""

    async def _waiting_piece(self) -> bytes | None:
        """Return what there is to send, empty if it concerns others; None if there is nothing."""
        if self.word == CHANGED:
            if self._changes == self._stream.changes:
                return None
            self._changes = self._stream.changes
            return CHANGED_MESSAGE
        messages = await self._stream.next(self._seq, party=self)
        if not messages:
            return None
        self._seq = messages[-1].seq
        return b"".join(each.data for each in messages if self.word in (None, each.word))

    async def _is_silent(self) -> bool:
        """Wait until there may be more; return whether it took so long that the stream has to give
        a sign of life."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        beat = loop.call_later(self._stream.heartbeat, self.wake.set)
        await self.wake.wait()
        beat.cancel()
        return loop.time() - begun >= self._stream.heartbeat and not self.is_done


class StreamAnswer:
    """A response whose stream ends when the client disconnects or the daemon stops."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; an ASGI application."""
        follower = self._follower
        follower.hang_up = scope["state"][HANG_UP]
        leaving = asyncio.ensure_future(_until_gone(receive, follower))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if scope["method"] == "HEAD":
                follower.left()
            await follower.pour(send)
        finally:
            follower.close()
            leaving.cancel()


async def _until_gone(receive: Receive, follower: Follower) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.left()


def _message(event: Event, seq: int) -> Message:
    word = WORD_OF_KIND[type(event)]
    data = encoded(audit_entry(event, seq=seq, name_of=user_name))
    return Message(seq, word, b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, word.encode(), data))
