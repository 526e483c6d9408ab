"""One HTTP connection: requests within bounds, one at a time, and all errors in one shape.

Theory of operation. A request has `patience` seconds to arrive completely, and so does the first
one of a new connection; connections that stay idle after a response are closed. What the parser
rejects never reaches the application, so that error is written here.

A client may send requests faster than they are answered. One at a time is parsed; the rest stays
as it came, and nothing more is read until it is used up, so that the client has to wait and the
daemon's memory does not grow. Parsing takes its turn (`turns`), for it begins what comes after it.

At any moment there is a deadline: for a request that has not come whole, for a client that does not
read, or for one that stays idle. A request may be answered before its body has come, as a refused
one is; it is over when both have.
"""

from __future__ import annotations

import asyncio
import functools
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from styxy.core.errors import InvalidInput
from styxy.core.protocol.decoding import ErrorAnswer
from styxy.server.net.auth import MAX_BODY, PEER, STRANGER
from styxy.server.net.connection_limit import HANG_UP
from styxy.server.net.responses import ALWAYS

if TYPE_CHECKING:
    from styxy.server.net.auth import Peer
    from styxy.server.net.connection_limit import ConnectionLimit
    from styxy.server.net.turns import Turns

MAX_HEAD = 32 * 1024
"""Bytes of request line and headers: a path of 4 KiB, percent-encoded, in the query, twice."""

MAX_UNREAD = MAX_HEAD + 4 * MAX_BODY
"""Bytes of one request that are read and discarded after it was refused, so that its sender sees
the response and not a broken connection; if more is sent, the connection is closed."""

READ_AT_ONCE = 16 * 1024
"""Bytes that are read of a connection before others have their turn."""

PIECE = 4 * 1024
"""Bytes that are parsed in one go: 1 ms if every sixth is a chunk of its own (RFC 9112, 7.1)."""

STRANGERS_UNREAD = 16 * 1024
"""Bytes of responses that are kept for another user's connection that does not read them."""

READING_PATIENCE = 3
"""How many times the time for a request a client may take to read a response."""

HEAD_END = b"\r\n\r\n"

_UPGRADE = re.compile(rb"^upgrade(?=[ \t]*:)", re.IGNORECASE | re.MULTILINE)
IGNORED_UPGRADE = b"x-ignored-upgrade"
"""What the parser sees for a field that a server may ignore (RFC 9110, 7.8). It would take the body
of such a request, as clients of HTTP/2 send it, for the other protocol."""

NO_REQUEST = "not a valid HTTP/1.1 request (RFC 9112)"
LONG_HEAD = f"the request line and headers exceed {MAX_HEAD} bytes; send less"
FOREIGN_TARGET = "the request target must be a path that starts with '/'"


class Shared(Struct, frozen=True, kw_only=True):
    """What all connections share; `patience` is in seconds."""

    limit: ConnectionLimit
    turns: Turns
    patience: float
    buffer: bytearray = field(default_factory=lambda: bytearray(READ_AT_ONCE))


class BoundedProtocol(HttpToolsProtocol, asyncio.BufferedProtocol):
    """Reads requests within bounds, and adds the peer of a Unix socket to the state of each.

    `peer` is None over TCP, and `stranger` the other user that a connection is from.
    """

    def __init__(
        self,
        *args: Any,
        shared: Shared,
        peer: Peer | None = None,
        stranger: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self._shared = shared
        self._limit = shared.limit
        self._patience = shared.patience
        self._peer = peer
        self._stranger = stranger
        self._deadline: asyncio.TimerHandle | None = None
        self._until_read: asyncio.TimerHandle | None = None
        self._is_lost = False
        self._has_ended = False
        self._unread = b""
        self._has_turn_coming = False
        self._is_behind = False
        self._received = 0
        self._is_whole = False
        self._has_head = False
        self._has_cycle = False
        self._complaint = NO_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn types it so, too
        """Accept a client if there is room."""
        self.app_state = {**self.app_state, HANG_UP: functools.partial(_abort, transport)}
        super().connection_made(transport)
        if self._stranger is not None:
            transport.set_write_buffer_limits(high=STRANGERS_UNREAD)
            self.app_state[STRANGER] = self._stranger
        if self._peer is not None:
            self.app_state[PEER] = self._peer
            self._expect_request()
        elif self._limit.admit(self, stranger=self._stranger):
            self._expect_request()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection's resources."""
        self._is_lost = True
        self._limit.leave(self)
        self._stop_deadline()
        self._stop_waiting_for_reader()
        self._unread = b""
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """Close the connection at once, whatever is in progress."""
        if not self._is_lost:
            self.transport.abort()

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Return where to read to: a buffer of all, because it is emptied at once."""
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what was read."""
        self.data_received(bytes(memoryview(self._shared.buffer)[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Take in more, and read no further until it is parsed."""
        self._unread += data
        if not self._has_turn_coming:
            self._ask_for_turn()
        if self._unread and not self.transport.is_closing():
            self.flow.pause_reading()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads it (Protocol)
        """Answer a client that has closed its half of the connection (shutdown(2)) after it asked.

        Return whether the other half stays open. Who follows a stream has gone.
        """
        self._has_ended = True
        return self._owes_response() and not (
            self.cycle.response_started and self.cycle.chunked_encoding
        )

    def _ask_for_turn(self) -> None:
        self._has_turn_coming = True
        party = self._stranger if self._peer is None else self._peer.uid
        self._shared.turns.do(self._parse, party=party)

    def _parse(self) -> None:
        """Parse a piece, which has one head of a request at most, unless an answer is owed."""
        self._has_turn_coming = False
        if self.transport.is_closing():
            return
        if self._unread and not self._owes_response():
            end = self._unread.find(HEAD_END, 0, PIECE)
            size = PIECE if end < 0 else end + len(HEAD_END)
            piece, self._unread = self._unread[:size], self._unread[size:]
            is_in_body = self._has_head and not self._is_whole
            self._feed(piece if is_in_body else _UPGRADE.sub(IGNORED_UPGRADE, piece))
        if self.transport.is_closing():
            return
        self._limit.hold(self, len(self._unread) + self._received)
        if not self._unread:
            self.flow.resume_reading()
        elif not self._owes_response():
            self._ask_for_turn()

    def _owes_response(self) -> bool:
        return self._has_cycle and self._is_whole and not self.cycle.response_complete

    def _feed(self, data: bytes) -> None:
        """Parse some bytes, within the bounds of one request."""
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_whole:
            self._received = 0
            return
        if self._deadline is None:
            self._expect_request()
        if not self._has_head and self._received > MAX_HEAD:
            self.send_400_response(LONG_HEAD)
        elif self._received > MAX_UNREAD:
            self.hang_up()

    def pause_writing(self) -> None:
        """Give a client that does not read some time, and its place to others who need it."""
        super().pause_writing()
        self._limit.wait(self)
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Go on with a client that reads."""
        super().resume_writing()
        self._stop_waiting_for_reader()
        if self.transport.is_closing():
            self._wait_for_reader()
        elif self._is_answered():
            self._stay_idle()
        else:
            self._limit.work(self)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_whole = self._has_head = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field; a trailer field is none, whatever its name (RFC 9110, 6.5.1)."""
        if not self._has_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the request target; raises what the parser turns into an error."""
        if not self.url.startswith(b"/"):
            # An absolute target would override Host (RFC 9112, 3.2.2), which authentication checks.
            self._complaint = FOREIGN_TARGET
            raise InvalidInput(FOREIGN_TARGET)
        if self._received > MAX_HEAD and _head_size(self.url, self.headers) > MAX_HEAD:
            self._complaint = LONG_HEAD
            raise InvalidInput(LONG_HEAD)
        super().on_headers_complete()
        self._has_head = self._has_cycle = True
        self._is_behind = False

    def on_message_complete(self) -> None:
        """Finish a request: the daemon owes the next step."""
        self._is_whole = True
        self._stop_deadline()
        super().on_message_complete()
        if self._is_answered():  # before its body had come: nothing more is owed
            self._stay_idle()
        else:
            self._limit.work(self)

    def on_response_complete(self) -> None:
        """Finish a response: the client owes the next step."""
        super().on_response_complete()
        self._limit.wait(self)
        if self._unread and not self._has_turn_coming and not self.transport.is_closing():
            self._is_behind = True
            self.flow.pause_reading()
            self._ask_for_turn()
        if self._has_ended and not self._unread and self._is_answered():
            self.transport.close()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            # Closed, but the client does not read the rest; a closed transport waits forever.
            self._wait_for_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that stays idle; one whose client still reads has longer."""
        self.timeout_keep_alive_task = None
        if not self.transport.get_write_buffer_size():
            self.hang_up()
        elif self._until_read is None:
            self._wait_for_reader()

    def send_400_response(self, msg: str) -> None:
        """Reject an invalid request in the usual shape; earlier ones get their responses first."""
        if self._is_behind and not self._has_head:
            self.transport.close()  # whoever sends so ahead waits for no answer to garbage
            return
        complaint = self._complaint if msg != LONG_HEAD else LONG_HEAD
        if self._has_head and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_refusal(complaint))
        self.transport.close()

    def _expect_request(self) -> None:
        self._limit.wait(self)
        self._deadline = self.loop.call_later(self._patience, self.hang_up)

    def _is_answered(self) -> bool:
        return self._has_cycle and self._is_whole and self.cycle.response_complete

    def _stay_idle(self) -> None:
        """Let the client keep the connection for a while, until it is needed by another."""
        self._limit.wait(self)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _wait_for_reader(self) -> None:
        self._stop_waiting_for_reader()
        patience = READING_PATIENCE * self._patience
        self._until_read = self.loop.call_later(patience, self._end_patience)

    def _end_patience(self) -> None:
        self._until_read = None
        if self._is_lost:
            return
        if self.transport.get_write_buffer_size():
            self.hang_up()
        elif self._is_answered():
            self._stay_idle()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_waiting_for_reader(self) -> None:
        if self._until_read is not None:
            self._until_read.cancel()
            self._until_read = None


def _abort(transport: asyncio.Transport) -> None:
    """Close a connection at once, if it is not closed. Not a method: what requests know of must not
    keep their connection, which would wait for the collector."""
    if not transport.is_closing() or transport.get_write_buffer_size():
        transport.abort()


def _head_size(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def _refusal(sentence: str) -> bytes:
    answer = ErrorAnswer(
        error=sentence, code=InvalidInput.code, context={"suggestions": ["GET /openapi.json"]}
    )
    body = msgspec.json.encode(answer)
    fields = {
        **ALWAYS,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 400 Bad Request\r\n{lines}\r\n".encode() + body
