"""Accepting: few in each turn, and another user is counted by what the kernel says that he is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

from styxy.server.net.acceptor import AT_ONCE, MOST_LOOKED_AT, OPENED, UNKNOWN, Acceptor, Newcomers


class Visitor(asyncio.Protocol):
    """A connection that notes its beginning."""

    def __init__(self, come: list[Visitor]) -> None:
        self._come = come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it, and let the client go."""
        self._come.append(self)
        transport.close()


@contextmanager
def waiting(count: int) -> Iterator[socket.socket]:
    """Listen, and have `count` clients wait to be accepted."""
    with socket.create_server(("127.0.0.1", 0), backlog=count) as sock, ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(sock.getsockname()))
        yield sock


def test_a_turn_accepts_a_few_and_all_are_accepted_in_the_end() -> None:
    async def scene(sock: socket.socket) -> None:
        admitted: list[socket.socket] = []
        come: list[Visitor] = []

        def admit(connection: socket.socket) -> Callable[[], Visitor]:
            admitted.append(connection)
            return lambda: Visitor(come)

        acceptor = Acceptor(sock, admit)
        seen = [0]
        while len(come) < 5 * AT_ONCE:
            await asyncio.sleep(0)
            seen.append(len(admitted))
        acceptor.close()
        assert max(b - a for a, b in pairwise(seen)) <= AT_ONCE

    with waiting(5 * AT_ONCE) as sock:
        asyncio.run(asyncio.wait_for(scene(sock), 10))


def test_who_is_not_welcome_is_closed_in_a_bounded_crowd() -> None:
    async def scene(sock: socket.socket) -> None:
        refused: list[int] = []

        def refuse(connection: socket.socket) -> None:
            refused.append(connection.fileno())

        acceptor = Acceptor(sock, refuse)
        seen = [0]
        while len(refused) < 3 * MOST_LOOKED_AT:
            await asyncio.sleep(0)
            seen.append(len(refused))
        acceptor.close()
        assert max(b - a for a, b in pairwise(seen)) <= MOST_LOOKED_AT

    with waiting(3 * MOST_LOOKED_AT) as sock:
        asyncio.run(asyncio.wait_for(scene(sock), 10))


def test_our_own_users_open_as_many_as_they_like() -> None:
    newcomers = Newcomers(lambda _: 0)
    with socket.socket() as connection:
        assert newcomers.stranger(connection) is None


def test_another_user_opens_so_many_in_a_moment_and_no_other_pays_for_it() -> None:
    newcomers = Newcomers(lambda _: 4711)
    with socket.socket() as connection:
        assert newcomers.stranger(connection) == 4711
    allowed = [not newcomers.are_too_many(4711) for _ in range(10 * OPENED.requests)]
    assert allowed[: OPENED.requests] == [True] * OPENED.requests
    assert not all(allowed)
    assert not newcomers.are_too_many(4712)


def test_a_closed_connection_is_nobodys_and_not_roots() -> None:
    with socket.socket() as connection:
        assert Newcomers(lambda _: None).stranger(connection) == UNKNOWN
