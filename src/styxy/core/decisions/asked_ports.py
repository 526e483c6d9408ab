"""Which numbers a repo asks for: where its worktrees can be mistaken for each other.

A client that says `localhost:3000` means the server that asked for 3000. So a sibling must not
answer at a number that any worktree of the repo has ever asked for, and a move does not go there.
At the place that Styxy gave to a server, or the kernel, nobody else of the repo expects one of its
own: whoever connects there means that very server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.books.events import Asked
from styxy.core.decisions.requests import Ruling
from styxy.core.decisions.retention import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from styxy.core.books.state import State
    from styxy.core.model.leases import Lease
    from styxy.core.model.ports import Port, PortRange

REFRESHED_AFTER = DAY
"""Seconds after which a number that is asked for again is written down again: one event a day."""


class Place(Struct, frozen=True, kw_only=True):
    """A server on a port. `said` is the number that its program bound, as it reported; None if it
    did not, or does not know. `lease` is its own project's lease on the port."""

    port: Port
    said: Port | None = None
    lease: Lease | None = None


def asked_at(
    place: Place, *, ephemeral: PortRange, is_default: Callable[[Port], bool]
) -> Port | None:
    """Return the number that a server asked for; None if its port was given to it.

    The number of a lease is given, in PORT. A server that says nothing, on one of the `ephemeral`
    ports that the kernel gives to a bind of port 0, has asked for none, but for a known default.
    """
    if place.lease is not None:
        return place.lease.asked
    if place.said is not None:
        return place.said
    return place.port if place.port not in ephemeral or is_default(place.port) else None


def decide_asked(state: State, asked: Iterable[tuple[int, Port]], *, now: float) -> Ruling[None]:
    """Remember what repos and projects (their keys) have asked for, each once a day."""
    known = state.remembered.asked
    never = -REFRESHED_AFTER
    events = (
        Asked(asker_key=asker, port=port, at=now)
        for asker, port in dict.fromkeys(asked)
        if now - (known[asker, port].left_at if (asker, port) in known else never)
        >= REFRESHED_AFTER
    )
    return Ruling(None, tuple(events))
