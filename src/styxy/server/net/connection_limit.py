"""A bound on open connections: those over TCP, which every user of the machine can open, and those
of the bind socket.

A client that sends half a request or nothing at all ties up a descriptor and some memory of the
daemon. Each has a deadline, and there are never more than `limit` at once: to make room for a new
one, the connection that has kept the daemon waiting longest is closed.
"""

from __future__ import annotations

from typing import Protocol

MAX_CONNECTIONS = 512
"""Half of the usual soft limit for descriptors (1,024): the other half is for pidfds and files."""


HANG_UP = "styxy.hang_up"
"""Key of the function that closes the connection at once, in the ASGI state."""


class Connection(Protocol):
    """An open connection that can be closed."""

    def hang_up(self) -> None:
        """Close it at once."""


class ConnectionLimit:
    """The open connections, and which of them keep the daemon waiting."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> bool:
        """Admit a connection, if necessary in place of one that keeps the daemon waiting; or refuse
        it.
        """
        if len(self._open) >= self._limit:
            longest = next(iter(self._waiting), None)
            if longest is None:
                return False
            self.leave(longest)
            longest.hang_up()
        self._open.add(connection)
        self._waiting[connection] = None
        return True

    def wait(self, connection: Connection) -> None:
        """Record that a connection owes the daemon a request, or the rest of one."""
        if connection in self._open:
            self._waiting.setdefault(connection)

    def work(self, connection: Connection) -> None:
        """Record that the daemon owes a connection a response."""
        self._waiting.pop(connection, None)

    def hang_up(self) -> None:
        """Close every connection, as the daemon stops."""
        for connection in list(self._open):
            connection.hang_up()

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
