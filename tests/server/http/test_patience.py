"""Clients that begin and do not go on, or that ask and do not read: each is let go in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from styxy.server.guests.bind_socket import BindSocket, Questions
from styxy.server.http.server import WebServer
from styxy.server.net.connection_limit import Connection, ConnectionLimit

SIZE = 8 << 20
"""Bytes of an answer that no buffer of the kernel takes."""


class Interception(ConnectionLimit):
    """Many clients, with a way to know that the last one has left."""

    def __init__(self) -> None:
        super().__init__()
        self.emptied = asyncio.Event()

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        super().leave(connection)
        if not len(self):
            self.emptied.set()


async def large(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request, then answer at length."""
    while (await receive()).get("more_body"):
        pass
    length = str(SIZE).encode()
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    await send(start)
    await send({"type": "http.response.body", "body": bytes(SIZE)})


def with_server(play: Callable[[Interception, tuple[str, int]], Awaitable[None]]) -> None:
    """Run a server with little patience on a port of its own, and a scene with it."""

    async def scene() -> None:
        ready = asyncio.Event()
        guests = Interception()
        server = WebServer(
            large, on_ready=ready.set, on_stop=lambda: None, limit=guests, patience=0.1
        )
        server.config.timeout_keep_alive = 1  # uvicorn counts in whole seconds
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            serving = asyncio.ensure_future(server.serve(sockets=[sock]))
            await ready.wait()
            await asyncio.wait_for(play(guests, sock.getsockname()), 10)
            server.should_exit = True
            await asyncio.wait_for(serving, 10)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_a_request_that_does_not_come_whole_is_let_go(begun: bytes) -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(begun)
        assert await reader.read() == b""
        await guests.emptied.wait()
        writer.close()

    with_server(play)


def test_a_drop_now_and_then_does_not_buy_more_time() -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        reading = asyncio.ensure_future(reader.read())
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1000:
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait([reading], timeout=0.01)
            if done:
                break
        assert reading.done()
        await guests.emptied.wait()
        writer.close()

    with_server(play)


@pytest.mark.parametrize("manner", [b"close", b"keep-alive"])
def test_an_answer_that_nobody_reads_is_thrown_away(manner: bytes) -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        with socket.create_connection(address) as link:
            link.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: " + manner + b"\r\n\r\n"
            )
            await guests.emptied.wait()

    with_server(play)


def test_a_guest_that_asks_nothing_is_let_go() -> None:
    nobody: Any = None  # no question comes, so none is answered

    async def scene() -> None:
        guests = Interception()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(
                lambda: BindSocket(
                    nobody,
                    lambda: None,
                    questions=Questions(loop),
                    limit=guests,
                    patience=0.1,
                ),
                theirs,
            )
            assert len(guests) == 1
            ours.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(ours, 1), 10) == b""
            await asyncio.wait_for(guests.emptied.wait(), 10)

    asyncio.run(scene())
