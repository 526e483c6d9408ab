"""How long what outlives the leases is remembered, and how much of it.

Tools that look for a free port (detect-port, get-port, portfinder) bind one, close it, and decide
then. Where such a bind was moved, nobody was served at the new place: it is neither a place that
the project's server comes back to, nor a move that people need to hear of.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from styxy.core.books.events import AskForgotten, MoveForgotten, Probed, RangeRemoved, Released
from styxy.core.books.remembered_ports import forgotten
from styxy.core.decisions.requests import Ruling
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from styxy.core.books.events import Event
    from styxy.core.books.remembered_ports import Place
    from styxy.core.books.state import State

DAY = 86400.0

AT_ONCE = 500
"""Entries of one table that one ruling forgets: 5 ms to write. The next ruling continues."""

TYPES_AT_ONCE = 100
"""Service types that one ruling forgets: with each, the catalogue is gathered again."""

Key = TypeVar("Key")


def decide_forget_types(state: State, *, now: float) -> Ruling[None]:
    """Decide which auto-allocated service types to forget: those that nobody used for a day.

    No server has ever listened on a lease of theirs, and none has a lease. One that the user has
    changed in the file is the user's. At most a bounded number per call; call again for the rest.
    """
    in_file = {each.name: each for each in state.settings.service_types}
    idle = (
        name
        for name, since in state.unproven.items()
        if now - since >= DAY
        and in_file.get(name, state.made[name]) == state.made[name]
        and not state.lease_index.of_type(name)
    )
    return Ruling(
        None, tuple(RangeRemoved(name=name, at=now) for name in islice(idle, TYPES_AT_ONCE))
    )


def decide_forget(state: State, *, now: float) -> Ruling[None]:
    """Decide which entries to forget: those unused for too long, then the oldest beyond the limit.

    At most a bounded number per call; call again for the rest.
    """
    memory, limits = state.remembered, state.settings.recovery.system_recovery
    before, most = now - limits.memory_days * DAY, limits.memory_entries
    services = (
        forgotten(key, place.port, now)
        for key, place in _overdue(memory.services, before=before, most=most)
    )
    moves = (
        MoveForgotten(owner_key=owner, asked=asked, port=place.port, at=now)
        for (owner, asked), place in _overdue(memory.moves, before=before, most=most)
    )
    asked = (
        AskForgotten(asker_key=asker, port=port, at=now)
        for (asker, port), _ in _overdue(memory.asked, before=before, most=most)
    )
    return Ruling(
        None,
        (*islice(services, AT_ONCE), *islice(moves, AT_ONCE), *islice(asked, AT_ONCE)),
    )


def _overdue(
    paths: Mapping[Key, Place], *, before: float, most: int
) -> Iterator[tuple[Key, Place]]:
    excess = len(paths) - most
    for number, (key, place) in enumerate(paths.items()):
        if number >= excess and place.left_at >= before:
            return
        yield key, place


def with_probes(ended: Iterable[Event], *, is_probe: Callable[[str], bool]) -> list[Event]:
    """Put a `Probed` before the end of each move that `is_probe` says of its lease id."""
    events: list[Event] = []
    for event in ended:
        match event:
            case Released(asked=int(asked), lease_id=lease_id) if is_probe(lease_id):
                events.append(
                    Probed(
                        lease_id=lease_id,
                        requested_port=Port(asked),
                        port=event.port,
                        at=event.at,
                    )
                )
            case _:
                pass
        events.append(event)
    return events
