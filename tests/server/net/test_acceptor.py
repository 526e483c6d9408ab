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


def most_in_a_turn(
    count: int, admit: Callable[[], Callable[[], Visitor] | None], *, is_over: Callable[[], bool]
) -> int:
    """Accept from `count` clients until it is over; gives the most that one turn has looked at."""
    looked_at: list[int] = []
    seen = [0]

    def look(connection: socket.socket) -> Callable[[], Visitor] | None:
        looked_at.append(connection.fileno())
        return admit()

    async def scene(sock: socket.socket) -> None:
        acceptor = Acceptor(sock, look)
        while not is_over() or len(looked_at) < count:
            await asyncio.sleep(0)
            seen.append(len(looked_at))
        acceptor.close()

    with waiting(count) as sock:
        asyncio.run(asyncio.wait_for(scene(sock), 10))
    return max(after - before for before, after in pairwise(seen))


def test_a_turn_accepts_a_few_and_all_are_accepted_in_the_end() -> None:
    come: list[Visitor] = []
    count = 5 * AT_ONCE
    most = most_in_a_turn(count, lambda: lambda: Visitor(come), is_over=lambda: len(come) == count)
    assert 0 < most <= AT_ONCE


def test_a_turn_closes_only_so_many_that_are_not_welcome() -> None:
    most = most_in_a_turn(3 * MOST_LOOKED_AT, lambda: None, is_over=lambda: True)
    assert 0 < most <= MOST_LOOKED_AT


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
