"""The notify socket, on which guests report: one datagram for each socket that starts listening,
and one where a program has read the port of a socket that was moved.

The kernel identifies the sender (SCM_CREDENTIALS, unix(7)); datagrams from other users, or
malformed ones, are ignored. macOS names no sender of a datagram: there the report itself does, and
the directory of the socket lets nobody else send one.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from typing import TYPE_CHECKING

from styxy.core.errors import WORLDS_ERRORS, StyxyError
from styxy.core.protocol import wire
from styxy.server.net.auth import holder_of, is_allowed_user

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

log = logging.getLogger(__name__)

_UCRED = struct.Struct("3i")

BATCH = 64
SHARE_SECONDS = 0.004
"""Datagrams that are read in one turn of the loop, and what they may take: a flood of reports of
real sockets, 0.3 ms each, delays neither questions nor requests."""


class NotifySocket:
    """Reads the reports of guests; `on_listen` is called with each listener and its sender's pid,
    `on_name` with each program that has read where it was moved.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_listen: Callable[[wire.ListenNote, int], None],
        *,
        on_name: Callable[[wire.NameNote], None],
        names_senders: bool = hasattr(socket, "SO_PASSCRED"),
    ) -> None:
        self._sock = sock
        self._on_listen = on_listen
        self._on_name = on_name
        sock.setblocking(False)
        self._names_senders = names_senders
        if names_senders:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start reading."""
        loop.add_reader(self._sock, self.read)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop reading; the socket remains the caller's."""
        loop.remove_reader(self._sock)

    def read(self) -> None:
        """Process what has arrived, also before each answer: a report precedes its question."""
        end = time.perf_counter() + SHARE_SECONDS
        for number in range(BATCH):
            if number and time.perf_counter() >= end:
                return
            try:
                data, ancillary, _, _ = self._sock.recvmsg(
                    wire.MAX_LINE, socket.CMSG_SPACE(_UCRED.size)
                )
            except BlockingIOError:
                return
            pid, uid = _sender(ancillary)
            if self._names_senders and not is_allowed_user(uid):
                continue
            try:
                note = wire.parse_note(data)
                if not self._names_senders:
                    pid, uid = note.pid or -1, os.geteuid()
                if isinstance(note, wire.NameNote):
                    self._on_name(note)
                else:
                    self._on_listen(note, holder_of(pid, note.pid, uid=uid))
            except StyxyError as error:
                log.info("ignored a malformed datagram from pid %d: %s", pid, error.message)
            except WORLDS_ERRORS:  # of this report alone: whoever asks a question reads it, too
                log.exception("cannot process the report of pid %d", pid)


def _sender(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    """Read pid and uid of who sent a datagram; both are -1 where the kernel does not tell."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid, uid, _ = _UCRED.unpack(data[: _UCRED.size])
            return int(pid), int(uid)
    return -1, -1
