"""How long what outlives the leases is remembered, and how much of it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from styxy.core.books.events import AskForgotten, MoveForgotten
from styxy.core.books.remembered_ports import forgotten
from styxy.core.decisions.requests import Ruling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from styxy.core.books.remembered_ports import Place
    from styxy.core.books.state import State

DAY = 86400.0

AT_ONCE = 500
"""Entries of one table that one ruling forgets: 5 ms to write. The next ruling continues."""

Key = TypeVar("Key")


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
