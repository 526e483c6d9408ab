"""The bind socket, on which guests ask where to bind: one line in, one line out.

A guest has 250 ms for everything, so nothing here waits. Any failure is answered with `error`, and
the guest's own result then stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

from styxy.core.errors import WORLDS_ERRORS, StyxyError
from styxy.core.protocol import wire
from styxy.server.net.auth import Peer, holder_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.server.net.connection_limit import ConnectionLimit
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)


RESTART_SECONDS = 0.2
RESTART_PAUSE = 0.01
"""Seconds that a restarted program waits for its predecessor to let go of the port, and between two
looks at it. The guest's own deadline is 0.25."""

IDLE_SECONDS = 10.0
"""Seconds that a guest may be silent; a live one asks within a millisecond."""


class BindSocket(asyncio.Protocol):
    """Answers the questions of one guest. `catch_up` takes in what guests reported before it asked.

    `limit` bounds how many guests are connected.
    """

    def __init__(
        self,
        service: Service,
        catch_up: Callable[[], None],
        *,
        limit: ConnectionLimit,
        patience: float,
    ) -> None:
        self._service = service
        self._catch_up = catch_up
        self._limit = limit
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turn away other users, whatever the mode of the socket's directory."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._peer = Peer(transport.get_extra_info("socket"))
        if self._peer.is_allowed and self._limit.admit(self):
            self._expect_question()
        else:
            transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        """Release the connection's resources."""
        self._limit.leave(self)
        if self._deadline is not None:
            self._deadline.cancel()

    def hang_up(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each complete line; close the connection if a line is too long."""
        self._expect_question()
        *lines, self._unread = (self._unread + data).split(b"\n")
        if any(len(line) >= wire.MAX_LINE for line in (*lines, self._unread)):
            self._transport.abort()
            return
        for line in lines:
            self._reply(line, self._loop.time() + RESTART_SECONDS)

    def _reply(self, line: bytes, until: float) -> None:
        """Answer a line, at the latest at `until` if the port is about to become free."""
        if self._transport.is_closing():
            return
        if self._loop.time() < until and self._is_early(line):
            self._loop.call_later(RESTART_PAUSE, self._reply, line, until)
            return
        self._transport.write(self._answer(line))

    def _is_early(self, line: bytes) -> bool:
        try:
            question = wire.parse_question(line)
            self._catch_up()
            pid = holder_of(self._peer.pid, question.pid)
            project = self._service.context.projects.resolve(question.project)
            return self._service.interception.may_be_free_soon(question, pid=pid, project=project)
        except (StyxyError, *WORLDS_ERRORS):
            return False  # the answer says why

    def _expect_question(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(self._patience, self.hang_up)

    def _answer(self, line: bytes) -> bytes:
        started = time.perf_counter()
        answer = self._parse(line)
        self._service.context.counts.question_seconds.observe(time.perf_counter() - started)
        return answer

    def _parse(self, line: bytes) -> bytes:
        try:
            question = wire.parse_question(line)
            self._catch_up()
            pid = holder_of(self._peer.pid, question.pid)
            project = self._service.context.projects.resolve(question.project)
            with self._service.committer.asked_by(self._peer.uid):
                answer = self._service.interception.move(question, pid=pid, project=project)
        except StyxyError as error:
            log.info("refused a guest (pid %d): %s", self._peer.pid, error.message)
            return wire.format_error(error.message)
        except WORLDS_ERRORS:
            log.exception("cannot answer a guest (pid %d)", self._peer.pid)
            return wire.format_error("the daemon could not answer; see: styxy daemon logs")
        words = self._service.interception.words(answer)
        return wire.format_answer(answer, local_time=datetime.now(), words=words)
