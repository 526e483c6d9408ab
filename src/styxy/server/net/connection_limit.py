"""A bound on open connections: those over TCP, which every user of the machine can open, and those
of the bind socket.

A client that sends half a request and waits, or none at all, holds a descriptor and some memory of
the daemon's. Each has a deadline, and there are never more than `limit` at once: for a new one the
one is turned away that has kept the daemon waiting for the longest time.
"""

from __future__ import annotations

from typing import Protocol

MAX_CONNECTIONS = 512
"""Half of the usual soft limit for descriptors (1,024): the other half is for pidfds and files."""


HANG_UP = "styxy.hang_up"
"""Key of what ends the connection at once, in the ASGI state."""


class Connection(Protocol):
    """An open connection that can be closed."""

    def hang_up(self) -> None:
        """Close it at once."""


class ConnectionLimit:
    """Hold the connections that are open, and know which of them keep the daemon waiting."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> bool:
        """Let a connection in, where there is no room in the place of one that waits; or refuse."""
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
        """Note that a connection owes the daemon a request, or the rest of one."""
        if connection in self._open:
            self._waiting.setdefault(connection)

    def work(self, connection: Connection) -> None:
        """Note that the daemon owes a connection an answer."""
        self._waiting.pop(connection, None)

    def hang_up(self) -> None:
        """End every connection, as the daemon stops."""
        for connection in list(self._open):
            connection.hang_up()

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
