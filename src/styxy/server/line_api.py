"""The door for the native library: one line in, one line out, over a Unix socket.

A guest has 250 ms for everything, so nothing here waits. Whatever goes wrong is answered with
`error`, and the guest's own result then stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

from styxy.core import wire
from styxy.core.errors import StyxyError
from styxy.server.guard import Peer
from styxy.server.spokesman import holder_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.server.service import Service

log = logging.getLogger(__name__)


class LineDoor(asyncio.Protocol):
    """Answer the questions of one guest. `catch_up` heeds what guests have said before it asked."""

    def __init__(self, service: Service, catch_up: Callable[[], None]) -> None:
        self._service = service
        self._catch_up = catch_up
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turn away other users, whatever the mode of the socket's directory."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = Peer(transport.get_extra_info("socket"))
        if not self._peer.is_allowed:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each whole line; hang up on one that never ends."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        if any(len(line) >= wire.MAX_LINE for line in (*lines, self._unread)):
            self._transport.abort()
            return
        for line in lines:
            self._transport.write(self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        started = time.perf_counter()
        answer = self._judged(line)
        self._service.counts.question_seconds.observe(time.perf_counter() - started)
        return answer

    def _judged(self, line: bytes) -> bytes:
        try:
            question = wire.parse_question(line)
            self._catch_up()
            pid = holder_of(self._peer.pid, question.pid)
            answer = self._service.guests.move(question, pid=pid)
        except StyxyError as error:
            log.info("a guest (pid %d) was refused: %s", self._peer.pid, error.message)
            return wire.format_error(error.message)
        return wire.format_answer(answer, local_time=datetime.now())
