"""Which moves are only probes so far: nobody has been served where they went.

A move is a server's once its socket has listened for a second, or somebody has connected to it. In
memory alone: what was moved before the daemon started counts as a server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.books.events import Bound, Leased, Probed, Reassigned, Released, Unbound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from styxy.core.books.events import Event
    from styxy.core.model.ports import Port

SERVING_SECONDS = 1.0
"""How long a socket listens that is a server's: probes close theirs within milliseconds."""

_INEXACT_SECONDS = 0.01
"""How far the kernel may be off in when a connection ended: a tick of its clock."""

KINDS = (Bound, Leased, Probed, Reassigned, Released, Unbound)
"""The events that say something of a move."""


class _Move(Struct):
    """A move of which it is not known yet; `bound_at` is when its socket began to listen, `since`
    when nobody can have been connected to it before. Seconds since the epoch.
    """

    port: Port
    since: float
    bound_at: float | None = None
    was_seen: bool = False


class Probes:
    """Follow moves until they have proved to be a server's.

    `connected_ago`: how many seconds ago somebody was last connected to a port, None if nobody was.
    """

    def __init__(
        self, *, connected_ago: Callable[[Port], float | None], clock: Callable[[], float]
    ) -> None:
        self._connected_ago = connected_ago
        self._clock = clock
        self._moves: dict[str, _Move] = {}

    def on_events(self, events: Sequence[Event]) -> None:
        """Take in which moves began and ended."""
        for event in events:
            match event:
                case Leased(lease=lease, at=at) if lease.asked not in (None, lease.port):
                    self._moves[lease.lease_id] = _Move(lease.port, since=at)
                case Reassigned(adopted=str(lease_id), port=port, at=at):
                    self._moves[lease_id] = _Move(port, since=at)
                case Bound(lease_id=lease_id, at=at):
                    self._bind(lease_id, at)
                case Unbound(lease_id=lease_id):
                    self._bind(lease_id, None)
                case Released(lease_id=lease_id):
                    self._moves.pop(lease_id, None)
                case _:
                    pass

    def look(self, listening: Collection[Port], now: float) -> None:
        """Compare with the ports that have listeners; what serves is no probe."""
        for lease_id, move in list(self._moves.items()):
            move.was_seen = move.bound_at is not None and move.port in listening
            # To look for connections takes a millisecond, and nobody has any before it listens.
            if move.bound_at is not None and self._serves(move, now):
                del self._moves[lease_id]

    def is_probe(self, lease_id: str, now: float) -> bool:
        """Return whether a move that ends now was only a probe."""
        move = self._moves.get(lease_id)
        return move is not None and not self._serves(move, now)

    def was_connected(self, port: Port, since: float) -> bool:
        """Return whether somebody is connected to a port, or was after `since`: whom an earlier
        server there served says nothing of this one.
        """
        ago = self._connected_ago(port)
        # The clock is read last: what was still connected when it was asked must count.
        return ago is not None and self._clock() - ago >= since - _INEXACT_SECONDS

    def _bind(self, lease_id: str, at: float | None) -> None:
        move = self._moves.get(lease_id)
        if move is not None:
            move.bound_at, move.was_seen = at, False

    def _serves(self, move: _Move, now: float) -> bool:
        # A server may be gone before it was seen to listen; what it served is still to be seen.
        return _has_lasted(move, now) or self.was_connected(move.port, move.since)


def _has_lasted(move: _Move, now: float) -> bool:
    if move.bound_at is None or not move.was_seen:
        return False
    return now - move.bound_at >= SERVING_SECONDS
