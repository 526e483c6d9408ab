"""Who had a port until a moment ago: what a restarted server may have to make way for.

Listeners outside Styxy count as leases do. Only who is gone is kept, in memory, for a while: after
a restart of the daemon nobody has been anywhere, and a free port is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.books.events import Leased, Probed, Released
from styxy.core.decisions.requests import FormerHolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from styxy.core.books.events import Event
    from styxy.core.model.leases import Lease, Owner
    from styxy.core.model.ports import Port

MOST_PORTS = 1000
"""Ports of which somebody is remembered; the longest ago gives way."""

MOST_HOLDERS = 8
"""Projects that are remembered of one port."""


class FormerHolders:
    """Remember of each port who had it last. `clock`: seconds since the epoch."""

    def __init__(self, leases: Iterable[Lease], *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._leased = {lease.lease_id: lease.owner for lease in leases}
        self._left: dict[Port, dict[int, FormerHolder]] = {}

    def on_events(self, events: Sequence[Event]) -> None:
        """Take in which leases began and ended."""
        for event in events:
            match event:
                case Leased(lease=lease):
                    self._leased[lease.lease_id] = lease.owner
                case Probed(lease_id=lease_id):
                    self._leased.pop(lease_id, None)
                case Released(lease_id=lease_id, port=port, at=at):
                    owner = self._leased.pop(lease_id, None)
                    if owner is not None:
                        self.leave(port, owner, at=at)
                case _:
                    pass

    def leave(self, port: Port, owner: Owner, *, at: float | None = None) -> None:
        """Note that an owner's hold on a port has ended, by default just now."""
        if owner.is_on_trial:
            return
        until = self._clock() if at is None else at
        holders = self._left.pop(port, {})
        holders.pop(owner.key, None)
        holders[owner.key] = FormerHolder(owner=owner, until=until)
        self._left[port] = dict(list(holders.items())[-MOST_HOLDERS:])
        while len(self._left) > MOST_PORTS:
            del self._left[next(iter(self._left))]

    def other_than(self, owner: Owner, port: Port) -> FormerHolder | None:
        """Return who had the port last if that was not `owner`.

        Whoever has had it since then has settled the matter: it is not kept for anybody before.
        """
        holders = self._left.get(port, {}).values()
        last = max(holders, key=lambda each: each.until, default=None)
        return None if last is None or last.owner.is_same(owner) else last

    def forget(self) -> None:
        """Let every port be as if nobody had had it: the user has cleaned up."""
        self._left.clear()
