"""The bind socket, on which guests ask where to bind: one line in, one line out.

A guest has 250 ms for everything, and a second where the daemon says `wait` in time. So questions
are read at once and answered one per turn of the loop, and whoever is far back in the queue, or may
get the very port in a moment, is told to wait. Any failure is answered with `error`, and the
guest's own result then stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from datetime import datetime
from functools import partial
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
looks at it."""

IDLE_SECONDS = 10.0
"""Seconds that a guest may be silent; a live one asks within a millisecond."""


WAIT = wire.VERSION.encode() + b" wait\n"

PROMPT_SECONDS = 0.1
"""A guest that will probably not have its answer within this time is told to wait."""

USUAL_SECONDS = 0.001
"""What an answer costs, before any has shown it."""

MOST_LINES = 16
"""Questions of one guest that may be unanswered; above that, no more of it is read."""


class Questions:
    """Runs answers in the order of their questions, one per turn of the loop, so that others are
    read meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._seconds = USUAL_SECONDS
        self._is_planned = False

    def add(self, answer: Callable[[], None]) -> bool:
        """Queue an answer; return whether its guest should be told to wait."""
        self._waiting.append(answer)
        if not self._is_planned:
            self._is_planned = True
            self._loop.call_soon(self._run)
        return len(self._waiting) * self._seconds > PROMPT_SECONDS

    def _run(self) -> None:
        began = time.perf_counter()
        try:
            self._waiting.popleft()()
        finally:
            took = time.perf_counter() - began
            self._seconds += (took - self._seconds) / 8  # a running mean
            self._is_planned = bool(self._waiting)
            if self._is_planned:
                self._loop.call_soon(self._run)


class BindSocket(asyncio.Protocol):
    """Answers the questions of one guest. `catch_up` takes in what guests reported before it asked.

    `limit` bounds how many guests are connected; `questions` is the queue of all of them.
    """

    def __init__(
        self,
        service: Service,
        catch_up: Callable[[], None],
        *,
        questions: Questions,
        limit: ConnectionLimit,
        patience: float,
    ) -> None:
        self._service = service
        self._catch_up = catch_up
        self._questions = questions
        self._limit = limit
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._unread = b""
        self._lines: deque[bytes] = deque()
        self._is_asking = False
        self._was_told = False

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
        self._lines += lines
        if len(self._lines) > MOST_LINES:
            self._transport.pause_reading()
        self._ask_next()

    def _ask_next(self) -> None:
        """Queue the next question; a guest's answers come in the order of its questions."""
        if self._is_asking or self._transport.is_closing():
            return
        if not self._lines:
            if not self._transport.is_reading():
                self._transport.resume_reading()
            return
        self._is_asking, self._was_told = True, False
        until = self._loop.time() + RESTART_SECONDS
        if self._questions.add(partial(self._reply, self._lines.popleft(), until)):
            self._tell_to_wait()

    def _tell_to_wait(self) -> None:
        if not self._was_told:
            self._was_told = True
            self._transport.write(WAIT)

    def _reply(self, line: bytes, until: float) -> None:
        """Answer a line, at the latest at `until` if the port is about to become free."""
        if self._transport.is_closing():
            return
        if self._loop.time() < until and self._is_early(line):
            self._tell_to_wait()
            self._loop.call_later(RESTART_PAUSE, self._reply, line, until)
            return
        self._transport.write(self._answer(line))
        self._is_asking = False
        self._ask_next()

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
        words = self._service.interception.reasons.words(answer)
        return wire.format_answer(answer, local_time=datetime.now(), words=words)
