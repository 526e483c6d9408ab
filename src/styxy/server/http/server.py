"""uvicorn, adapted to a daemon that serves a whole machine: it accepts a few connections in each
turn, knows the user at the other end of each, bounds their number, and leaves signals alone.

How one connection is read and answered is in `connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from styxy.server.http.connection import BoundedProtocol, Shared
from styxy.server.net.acceptor import Acceptor, Newcomers
from styxy.server.net.auth import Peer
from styxy.server.net.connection_limit import ConnectionLimit
from styxy.server.net.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

SHUTDOWN_SECONDS = 2
"""How long an open connection may delay a stop."""

REQUEST_SECONDS = 10.0
"""Time for a whole request; the largest one takes a millisecond on loopback."""


class WebServer(uvicorn.Server):
    """Serves an application until told to stop.

    `on_ready` is called once it answers, `on_stop` before it waits for open connections; `patience`
    is the time in seconds for a request to arrive and for a response to be read. `owner_of` tells
    the user at the other end of a TCP connection, None if there is nobody any more.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        limit: ConnectionLimit | None = None,
        patience: float = REQUEST_SECONDS,
        owner_of: Callable[[socket.socket], int | None] = lambda _: os.geteuid(),
        turns: Turns | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
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
        self._limit = limit if limit is not None else ConnectionLimit()
        self._patience = patience
        self._turns = turns
        self._newcomers = Newcomers(owner_of)
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report it."""
        await super().startup([])
        turns = self._turns or Turns(asyncio.get_running_loop())
        shared = Shared(limit=self._limit, turns=turns, patience=self._patience)
        self._acceptors = [
            Acceptor(each, functools.partial(self._admit, shared)) for each in sockets or []
        ]
        self._on_ready()

    def _admit(
        self, shared: Shared, connection: socket.socket
    ) -> Callable[[], BoundedProtocol] | None:
        """Ask the kernel who is connecting; return what speaks to them, or None."""
        peer = stranger = None
        if connection.family == socket.AF_UNIX:
            peer = Peer(connection)
            if not peer.is_allowed:
                return None
        else:
            stranger = self._newcomers.stranger(connection)
            if stranger is not None and self._newcomers.are_too_many(stranger):
                return None
        return functools.partial(
            BoundedProtocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            shared=shared,
            peer=peer,
            stranger=stranger,
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what would delay the stop, then stop."""
        self._on_stop()
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[Any]:
        """Leave signals to the composition root."""
        yield
