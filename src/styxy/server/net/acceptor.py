"""Accepting connections: a few in each turn of the loop, and none from whoever opens too many.

asyncio's own servers accept the whole backlog in one turn, a thousand connections at 0.2 ms each.
Here a turn accepts `AT_ONCE`, and who is not welcome is closed before anything is made for them,
at a tenth of the cost, so that the backlog is short and honest clients do not wait in it.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import time
from typing import TYPE_CHECKING

from styxy.adapters.fd_limits import is_want
from styxy.core.config.configuration import RateLimit
from styxy.server.net.auth import is_allowed_user
from styxy.server.net.rate_limit import RateLimiter

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    Factory = Callable[[], asyncio.BaseProtocol]

AT_ONCE = 8
"""Connections made in one turn of the loop: 2 ms."""

MOST_LOOKED_AT = 64
"""Connections accepted in one turn, those included that are closed at once: 3 ms."""

OPENED = RateLimit(requests=100, window=1.0)
"""Connections that another user may open; a browser opens six and keeps them."""

_OF_THE_CONNECTION = frozenset({
    errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET,
    errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH,
})  # fmt: skip
"""Errors of the network that accept(2) passes on from the new connection."""

RETRY_SECONDS = 1.0
"""Until the next attempt after descriptors ran out, as in asyncio."""

SHORT_PAUSE = 0.05
"""Between two connections for as long as some wait since then: whoever is served needs
descriptors, too, and those that gave up meanwhile are closed in that time."""

SPARE = 16
"""Descriptors that have to be free again before connections are accepted without a pause."""

UNKNOWN = -1
"""The user of a connection whose other end is closed already."""


class Newcomers:
    """Says from whom connections over TCP are; others than our users may open only so many.

    `owner_of` asks the kernel for the user at the other end, None if there is nobody any more.
    """

    def __init__(self, owner_of: Callable[[socket.socket], int | None]) -> None:
        self._owner_of = owner_of
        self._opened = RateLimiter(lambda: OPENED, time.monotonic)

    def stranger(self, connection: socket.socket) -> int | None:
        """Return the other user that a connection is from; None if it is from one of ours."""
        uid = self._owner_of(connection)
        if uid is None:
            return UNKNOWN
        return None if is_allowed_user(uid) else uid

    def are_too_many(self, stranger: int) -> bool:
        """Count a connection of a stranger; return whether it is one too many."""
        allowance = self._opened.take(stranger)
        return allowance is not None and allowance.is_spent


class Acceptor:
    """Accepts connections of one listening socket.

    `admit` returns what makes the protocol of a connection, or None to close it.
    """

    def __init__(
        self, sock: socket.socket, admit: Callable[[socket.socket], Factory | None]
    ) -> None:
        self._sock = sock
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._making: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._is_short = False
        sock.setblocking(False)
        self._loop.add_reader(sock, self._accept)

    def close(self) -> None:
        """Accept no more; the socket remains the caller's."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._sock)
        for each in self._making:
            each.cancel()

    def _accept(self) -> None:
        made = looked_at = 0
        while made < AT_ONCE and looked_at < MOST_LOOKED_AT:
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                self._is_short = False
                return
            except OSError as error:
                if error.errno in _OF_THE_CONNECTION:
                    continue
                self._report_shortage(error)
                return
            looked_at += 1
            # The kernel gives the lowest number that is free (open(2)).
            self._is_short = self._is_short and connection.fileno() >= _soft_limit() - SPARE
            made += self._begin(connection)
            if self._is_short:
                self._pause(SHORT_PAUSE)
                return

    def _begin(self, connection: socket.socket) -> bool:
        """Begin to speak to a client, or close the connection; return whether it is welcome."""
        factory = self._admit(connection)
        if factory is None:
            connection.close()
            return False
        task = self._loop.create_task(self._make(factory, connection))
        self._making.add(task)
        task.add_done_callback(self._making.discard)
        return True

    async def _make(self, factory: Factory, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(factory, connection)
        except (OSError, asyncio.CancelledError):
            connection.close()  # the client has closed it meanwhile, or nobody serves it any more

    def _report_shortage(self, error: OSError) -> None:
        if not is_want(error):
            raise error
        self._is_short = True
        self._pause(RETRY_SECONDS)
        self._loop.call_exception_handler(
            {"message": "no descriptor is left to accept with", "exception": error}
        )

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._sock)
        self._retry = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._loop.add_reader(self._sock, self._accept)
        self._accept()


def _soft_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
