"""Requests sent ahead of their answers: one is read at a time, and their sender has to wait."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from styxy.server.http.connection import READ_AT_ONCE
from styxy.server.http.server import WebServer
from styxy.server.net.connection_limit import ConnectionLimit
from tests.daemon import Daemon

AHEAD = 7000
GET = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Counting:
    """An application that counts how many requests it has at once, and answers when it may."""

    def __init__(self) -> None:
        self.at_once = 0
        self.highest = 0
        self.may_answer = asyncio.Event()
        self.has_begun = asyncio.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the path."""
        self.at_once += 1
        self.highest = max(self.highest, self.at_once)
        self.has_begun.set()
        await self.may_answer.wait()
        body = scope["path"][1:].encode() + b" "
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.at_once -= 1
        await send({"type": "http.response.body", "body": body})


def with_server(
    play: Callable[[Counting, ConnectionLimit, tuple[str, int]], Awaitable[None]],
) -> None:
    """Run a server with an application that counts, and a scene with it."""

    async def scene() -> None:
        ready, app, limit = asyncio.Event(), Counting(), ConnectionLimit()
        server = WebServer(app, on_ready=ready.set, on_stop=lambda: None, limit=limit)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            serving = asyncio.ensure_future(server.serve(sockets=[sock]))
            await ready.wait()
            await asyncio.wait_for(play(app, limit, sock.getsockname()), 30)
            server.should_exit = True
            await asyncio.wait_for(serving, 10)

    asyncio.run(scene())


def test_thousands_of_requests_ahead_are_answered_one_by_one_and_in_order() -> None:
    async def play(app: Counting, _limit: ConnectionLimit, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address, limit=1 << 22)
        app.may_answer.set()
        writer.writelines(GET % number for number in range(AHEAD))
        last = b"%d " % (AHEAD - 1)
        said = await reader.readuntil(b"\r\n\r\n" + last)
        bodies = [each.partition(b" ")[0] for each in said.split(b"\r\n\r\n")[1:]]
        assert [int(each) for each in bodies] == list(range(AHEAD))
        assert app.highest == 1
        writer.close()

    with_server(play)


def test_what_is_sent_ahead_stays_with_its_sender() -> None:
    async def play(app: Counting, limit: ConnectionLimit, address: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        with socket.create_connection(address) as link:
            link.setblocking(False)
            sending = asyncio.ensure_future(loop.sock_sendall(link, GET % 1 * 500_000))
            await app.has_begun.wait()
            done, _ = await asyncio.wait([sending], timeout=0.2)
            assert not done
            assert app.highest == 1
            assert 0 < limit.held <= 2 * READ_AT_ONCE
            sending.cancel()
        app.may_answer.set()

    with_server(play)


def test_a_request_behind_a_body_is_no_part_of_it(daemon: Daemon) -> None:
    body = b'{"service_type": "dev",\r\n\r\n "dry_run": true}'
    head = b"POST /allocate HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    last = b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with daemon.connect_unix(daemon.facts["socket"]) as link, link.makefile("rb") as answers:
        link.sendall((head + body) * 40 + last)
        said = answers.read()
    assert said.count(b"HTTP/1.1 200") == 41
    assert said.count(b'"dry_run":true') == 40
