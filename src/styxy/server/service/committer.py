"""Committing: the one path by which state changes.

Events are written to the journal first, then applied to the state, then passed to the subscribers
in the order in which they subscribed. There is no `await` between a decision and its commit, so
grants are race-free without a lock.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from styxy.core.books.events import Event, Noted
from styxy.core.decisions.requests import Answer, Ruling
from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from styxy.core.decisions.desk import Desk
    from styxy.core.model.ports import Port
    from styxy.server.world.counts import Counts
    from styxy.server.world.live_config import Level

    Subscriber = Callable[[Sequence[Event]], None]

log = logging.getLogger(__name__)


class EventLog(Protocol):
    """Where events are written before anything is promised."""

    def append(self, events: Sequence[Event], /) -> None:
        """Write events, all or none. Raises `JournalFailed`; then nothing was written."""


class Decide(Protocol[Answer]):
    """A decision that can be repeated without ports that turned out to be in use."""

    def __call__(self, *, taken: Collection[int]) -> Ruling[Answer]:
        """Decide, and change nothing."""


class Committer:
    """Changes the desk and its journal together. `clock`: seconds since the epoch."""

    def __init__(
        self, desk: Desk, journal: EventLog, *, counts: Counts, clock: Callable[[], float]
    ) -> None:
        self.desk = desk
        self.clock = clock
        self._journal = journal
        self._counts = counts
        self._subscribers: list[tuple[Subscriber, frozenset[type[Event]]]] = []
        self._asker: int | None = None

    def subscribe(self, subscriber: Subscriber, *kinds: type[Event]) -> None:
        """Call `subscriber` with each batch of events once it is true, after earlier subscribers.

        With `kinds`, only with batches in which there is one of them. A subscriber that commits
        itself must come after all that have to see events in their order.
        """
        self._subscribers.append((subscriber, frozenset(kinds)))

    def commit(self, events: Sequence[Event]) -> None:
        """Write events to the journal, apply them, then notify the subscribers.

        Raises `JournalFailed`; then nothing has changed.
        """
        if not events:
            return
        if self._asker is not None:
            events = [replace(event, uid=self._asker) for event in events]
        started = time.perf_counter()
        self._journal.append(events)
        self._counts.commit_seconds.observe(time.perf_counter() - started)
        for event in events:
            self.desk.apply(event)
        happened = {type(event) for event in events}
        for subscriber, kinds in self._subscribers:
            if not (kinds and kinds.isdisjoint(happened)):
                subscriber(events)

    @contextmanager
    def asked_by(self, uid: int | None) -> Iterator[None]:
        """Commit in the name of a user; nothing in the block may `await`."""
        self._asker = uid
        try:
            yield
        finally:
            self._asker = None

    def note(self, message: str, level: Level, *, subject: str) -> None:
        """Record a message about the daemon itself, in the log and for the audit."""
        log.log(logging.getLevelNamesMapping()[level.upper()], "%s: %s", subject, message)
        try:
            self.commit([Noted(subject=subject, message=message, level=level, at=self.clock())])
        except Unavailable as error:
            log.warning(
                "the previous message could not be written to the journal: %s", error.message
            )

    def try_and_commit(
        self,
        decide: Decide[Answer],
        *,
        is_free: Callable[[Port], bool],
        taken: Collection[int] = (),
        commit: Callable[[Sequence[Event]], None] | None = None,
    ) -> Answer:
        """Decide, probe, and decide again without the port that turned out to be in use.

        `taken` are ports of which that is known already.
        """
        taken = set(taken)
        for _ in taken:
            self._counts.conflicts.add()
        while True:
            ruling = decide(taken=taken)
            port = ruling.candidate
            if port is None or is_free(port):
                (commit or self.commit)(ruling.events)
                return ruling.answer
            self._counts.conflicts.add()
            taken.add(port)
