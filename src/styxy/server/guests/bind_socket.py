"""The bind socket, on which guests ask where to bind: one line in, one line out.

A guest has 250 ms for everything, and a second where the daemon says `wait` in time. So questions
are read at once and answered a few in each turn of the loop, and whoever is far back in the queue,
or may get the very port in a moment, is told to wait. Any failure is answered with `error`, and the
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

from msgspec import Struct

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

SHARE_SECONDS = 0.004
"""What answers may take in one turn of the loop; one at least is given in each."""

MOST_LINES = 16
"""Questions of one guest that may be unanswered; above that, no more of it is read."""


class Asked(Struct, frozen=True, kw_only=True):
    """A question, the process that asks, and its project."""

    question: wire.BindQuestion
    pid: int
    project: str | None


class Questions:
    """Runs answers in the order of their questions, for `SHARE_SECONDS` in a turn of the loop, so
    that others are read meanwhile."""

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

    @property
    def are_waiting(self) -> bool:
        """Whether a guest waits for its answer."""
        return bool(self._waiting)

    def _run(self) -> None:
        end = time.perf_counter() + SHARE_SECONDS
        try:
            while self._waiting:
                self._run_next()
                if time.perf_counter() >= end:
                    break
        finally:
            self._is_planned = bool(self._waiting)
            if self._is_planned:
                self._loop.call_soon(self._run)

    def _run_next(self) -> None:
        began = time.perf_counter()
        try:
            self._waiting.popleft()()
        finally:
            took = time.perf_counter() - began
            self._seconds += (took - self._seconds) / 8  # a running mean


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
        started = time.perf_counter()
        try:
            asked = self._read(line)
        except (StyxyError, *WORLDS_ERRORS) as error:
            self._say(self._refusal(error), started)
        else:
            self._answer_by(until, asked, started)

    def _read(self, line: bytes) -> Asked:
        question = wire.parse_question(line)
        pid = holder_of(self._peer.pid, question.pid, uid=self._peer.uid)
        project = self._service.context.projects.resolve(question.project)
        return Asked(question=question, pid=pid, project=project)

    def _answer_by(self, until: float, asked: Asked, started: float) -> None:
        if self._transport.is_closing():
            return
        try:
            answer = self._answer(asked, may_wait=self._loop.time() < until)
        except (StyxyError, *WORLDS_ERRORS) as error:
            answer = self._refusal(error)
        if answer is None:
            self._tell_to_wait()
            self._loop.call_later(RESTART_PAUSE, self._look_again, until, asked)
            return
        self._say(answer, started)

    def _look_again(self, until: float, asked: Asked) -> None:
        """Try once more; what the port was waited for is no work, and not measured."""
        self._answer_by(until, asked, time.perf_counter())

    def _answer(self, asked: Asked, *, may_wait: bool) -> bytes | None:
        """Decide; None if there may be a better answer in a moment."""
        interception = self._service.interception
        self._catch_up()
        if may_wait and interception.may_be_free_soon(
            asked.question, pid=asked.pid, project=asked.project
        ):
            return None
        with self._service.committer.asked_by(self._peer.uid):
            answer = interception.move(asked.question, pid=asked.pid, project=asked.project)
        words = interception.reasons.words(answer)
        return wire.format_answer(answer, local_time=datetime.now(), words=words)

    def _refusal(self, error: Exception) -> bytes:
        if isinstance(error, StyxyError):
            log.info("refused a guest (pid %d): %s", self._peer.pid, error.message)
            return wire.format_error(error.message)
        log.error("cannot answer a guest (pid %d)", self._peer.pid, exc_info=error)
        return wire.format_error("the daemon could not answer; see: styxy daemon logs")

    def _say(self, answer: bytes, started: float) -> None:
        self._service.context.counts.question_seconds.observe(time.perf_counter() - started)
        if not self._transport.is_closing():
            self._transport.write(answer)
            self._is_asking = False
            self._ask_next()

    def _expect_question(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(self._patience, self.hang_up)
