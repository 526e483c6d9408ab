"""A bound on open connections: those over TCP, which every user of the machine can open, and those
of the bind socket.

A client that sends half a request or nothing at all ties up a descriptor and some memory of the
daemon. Each has a deadline, and there are never more than `limit` at once: to make room for a new
one, the connection that has kept the daemon waiting longest is closed. Other users have a part of
the room, and each of them a part of that, so that they take it from each other and never from us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CONNECTIONS = 512
"""Half of the usual soft limit for descriptors (1,024): the other half is for pidfds and files."""

MAX_STRANGERS = 64
MAX_OF_ONE_STRANGER = 32
"""Connections of all other users, and of each of them: enough for some browsers and monitors."""

MAX_HELD = 32 << 20
"""Bytes of all requests that have not come completely: a hundred of the largest."""

HANG_UP = "styxy.hang_up"
"""Key of the function that closes the connection at once, in the ASGI state."""


class Connection(Protocol):
    """An open connection that can be closed."""

    def hang_up(self) -> None:
        """Close it at once."""


class ConnectionLimit:
    """The open connections, which of them keep the daemon waiting, and what they have sent."""

    def __init__(
        self,
        limit: int = MAX_CONNECTIONS,
        *,
        strangers: int = MAX_STRANGERS,
        of_one_stranger: int = MAX_OF_ONE_STRANGER,
        held: int = MAX_HELD,
    ) -> None:
        self._limit = limit
        self._strangers = strangers
        self._of_one_stranger = of_one_stranger
        self._most_held = held
        self._open: dict[Connection, int | None] = {}
        self._waiting: dict[Connection, None] = {}
        self._held: dict[Connection, int] = {}
        self.held = 0

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection, *, stranger: int | None = None) -> bool:
        """Admit a connection, if necessary in place of one that keeps the daemon waiting; or refuse
        it. `stranger` is the user that it is from, None for one of ours.
        """
        if stranger is not None:
            is_room = self._make_room(
                lambda uid: uid == stranger, self._of_one_stranger
            ) and self._make_room(_is_stranger, self._strangers)
            if not is_room:
                return False
        may_go = _is_any if stranger is None else _is_stranger
        if len(self._open) >= self._limit and not self._let_go(may_go):
            return False
        self._open[connection] = stranger
        self._waiting[connection] = None
        return True

    def _make_room(self, is_one: Callable[[int | None], bool], most: int) -> bool:
        """Close one of a kind if there are as many as may be; return whether there is room."""
        if len(self._open) < most or sum(map(is_one, self._open.values())) < most:
            return True
        return self._let_go(is_one)

    def _let_go(self, is_one: Callable[[int | None], bool]) -> bool:
        """Close the one of a kind that has kept the daemon waiting longest; False if none does."""
        longest = next((each for each in self._waiting if is_one(self._open[each])), None)
        if longest is None:
            return False
        self.leave(longest)
        longest.hang_up()
        return True

    def hold(self, connection: Connection, size: int) -> None:
        """Record how many bytes of unanswered requests are kept for a connection.

        If all together keep too many, the one with the most is closed.
        """
        self.held += size - self._held.pop(connection, 0)
        if size:
            self._held[connection] = size
        if self.held > self._most_held:
            largest = max(self._held, key=self._held.__getitem__)
            self.leave(largest)
            largest.hang_up()

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
        self._open.pop(connection, None)
        self._waiting.pop(connection, None)
        self.held -= self._held.pop(connection, 0)


def _is_any(_uid: int | None) -> bool:
    return True


def _is_stranger(uid: int | None) -> bool:
    return uid is not None
