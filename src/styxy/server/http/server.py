"""uvicorn, adapted to a daemon that serves a whole machine: it identifies the peer of a Unix
socket, bounds requests and connections, gives all errors one shape, and leaves signals alone.

Theory of operation. A request has `REQUEST_SECONDS` to arrive completely, and so does the first one
of a new connection; uvicorn itself closes connections that stay idle after a response. What the
parser rejects never reaches the application, so that error is written here.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from styxy.core.errors import InvalidInput
from styxy.core.protocol.decoding import ErrorAnswer
from styxy.server.net.auth import MAX_BODY, PEER, Peer
from styxy.server.net.connection_limit import HANG_UP, ConnectionLimit
from styxy.server.net.responses import ALWAYS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

SHUTDOWN_SECONDS = 2
"""How long an open connection may delay a stop."""

REQUEST_SECONDS = 10.0
"""Time for a whole request; the largest one takes a millisecond on loopback."""

MAX_HEAD = 32 * 1024
"""Bytes of request line and headers: a path of 4 KiB, percent-encoded, in the query, twice."""

MAX_UNREAD = MAX_HEAD + 4 * MAX_BODY
"""Bytes of one request that are read and discarded after it was refused, so that its sender sees
the response and not a broken connection; if more is sent, the connection is closed."""

NO_REQUEST = "not a valid HTTP/1.1 request (RFC 9112)"
LONG_HEAD = f"the request line and headers exceed {MAX_HEAD} bytes; send less"
FOREIGN_TARGET = "the request target must be a path that starts with '/'"


class BoundedProtocol(HttpToolsProtocol):
    """Reads requests within bounds, and adds the peer of a Unix socket to the state of each."""

    def __init__(self, *args: Any, limit: ConnectionLimit, patience: float, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limit = limit
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._received = 0
        self._is_whole = False
        self._has_head = False
        self._has_cycle = False
        self._complaint = NO_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn types it so, too
        """Ask the kernel who is connecting, and accept them if there is room."""
        connection = transport.get_extra_info("socket")
        self.app_state = {**self.app_state, HANG_UP: transport.abort}
        super().connection_made(transport)
        if connection.family == socket.AF_UNIX:
            peer = Peer(connection)
            self.app_state[PEER] = peer
            is_welcome = peer.is_allowed
        else:
            is_welcome = self._limit.admit(self)
        if is_welcome:
            self._expect_request()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection's resources."""
        self._limit.leave(self)
        self._stop_deadline()
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """Close the connection at once, whatever is in progress."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read more, within the bounds."""
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

    def on_message_complete(self) -> None:
        """Finish a request: the daemon owes the next step."""
        self._is_whole = True
        self._limit.work(self)
        self._stop_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Finish a response: the client owes the next step."""
        super().on_response_complete()
        self._limit.wait(self)
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            # Closed, but the client does not read the rest; a closed transport waits forever.
            self.loop.call_later(self._patience, self.hang_up)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that stays idle, or whose client does not read."""
        self.hang_up()

    def send_400_response(self, msg: str) -> None:
        """Reject an invalid request in the usual shape; earlier ones get their responses first."""
        if self._has_cycle and not self._has_head and not self.cycle.response_complete:
            self.cycle.keep_alive = False
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

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class WebServer(uvicorn.Server):
    """Serves an application until told to stop.

    `on_ready` is called once it answers, `on_stop` before it waits for open connections; `patience`
    is the time in seconds for a request to arrive and for a response to be read.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        limit: ConnectionLimit | None = None,
        patience: float = REQUEST_SECONDS,
    ) -> None:
        protocol = functools.partial(
            BoundedProtocol,
            limit=limit if limit is not None else ConnectionLimit(),
            patience=patience,
        )
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,  # type: ignore[arg-type]  # any factory does
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                # On by default, and it would trust any local client's X-Forwarded-For.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report it."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what would delay the stop, then stop."""
        self._on_stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[Any]:
        """Leave signals to the composition root."""
        yield


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
