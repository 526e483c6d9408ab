"""Clients that begin and do not go on, or that ask and do not read: each is let go in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from styxy.server.guests.bind_socket import BindSocket, Questions
from styxy.server.http.connection import READING_PATIENCE
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


async def hasty(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer without a look at the body, as a refusal does."""
    head = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 401, "headers": head})
    await send({"type": "http.response.body"})


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the request, and answer some turns of the loop later with its body."""
    body = (await receive())["body"]
    for _ in range(50):
        await asyncio.sleep(0)
    length = str(len(body)).encode()
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def with_server(
    play: Callable[[Interception, tuple[str, int]], Awaitable[None]],
    *,
    app: ASGIApp = large,
    patience: float = 0.1,
    keep_alive: int = 1,
) -> None:
    """Run a server with little patience on a port of its own, and a scene with it."""
    faults: list[dict[str, Any]] = []

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        ready = asyncio.Event()
        guests = Interception()
        server = WebServer(
            app, on_ready=ready.set, on_stop=lambda: None, limit=guests, patience=patience
        )
        server.config.timeout_keep_alive = keep_alive  # uvicorn counts in whole seconds
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            serving = asyncio.ensure_future(server.serve(sockets=[sock]))
            await ready.wait()
            await asyncio.wait_for(play(guests, sock.getsockname()), 10)
            server.should_exit = True
            await asyncio.wait_for(serving, 10)

    asyncio.run(scene())
    assert faults == []


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
        reading.exception()  # it is a reset where a byte crossed the close
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


@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_a_body_that_comes_after_its_answer_keeps_no_connection_open(method: bytes) -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(method + b" / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n")
        assert b" 401 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"late")
        assert await reader.read() == b""
        await guests.emptied.wait()
        writer.close()

    with_server(play, app=hasty)


def test_an_idle_connection_after_a_late_body_makes_room_and_is_served() -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
        for _ in range(3):
            writer.write(request)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"late")
        await guests.emptied.wait()
        writer.close()

    with_server(play, app=hasty)


@pytest.mark.parametrize("manner", [b"close", b"keep-alive"])
def test_an_answer_is_read_to_its_end_however_short_idle_connections_live(manner: bytes) -> None:
    async def play(_guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: " + manner + b"\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert len(await reader.readexactly(SIZE)) == SIZE
        writer.close()

    with_server(play, patience=10, keep_alive=0)


def test_a_connection_that_has_been_closed_is_left_alone() -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert len(await reader.read()) > SIZE
        await guests.emptied.wait()
        writer.close()
        late = asyncio.Event()
        asyncio.get_running_loop().call_later(2 * READING_PATIENCE * 0.05, late.set)
        await late.wait()

    with_server(play, patience=0.05)


def test_a_client_that_closes_its_half_gets_every_answer() -> None:
    async def play(guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
        writer.write(3 * request)
        writer.write_eof()
        assert (await reader.read()).count(b"\r\n\r\nbody") == 3
        await guests.emptied.wait()
        writer.close()

    with_server(play, app=slow, patience=10, keep_alive=10)


@pytest.mark.parametrize("field", [b"Upgrade", b"upgrade", b"UPGRADE"])
def test_an_offer_of_another_protocol_is_ignored_and_the_body_read(field: bytes) -> None:
    async def play(_guests: Interception, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            + field + b": h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 4\r\n\r\nbody"
        )  # fmt: skip
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.close()

    with_server(play, app=slow)


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
