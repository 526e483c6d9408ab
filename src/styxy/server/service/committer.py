"""Writing down: the one path by which anything becomes true.

Events go into the journal first, then into the books and the port map, then to whoever follows
them. No `await` lies between a decision and its commit, so grants are race-free without a lock.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from styxy.core.books.events import Event, Noted
from styxy.core.errors import Unavailable
from styxy.server.world.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from styxy.core.decisions.desk import Desk
    from styxy.core.decisions.requests import Answer, Ruling
    from styxy.core.model.ports import Port
    from styxy.server.world.context import Context
    from styxy.server.world.live_config import Level

log = logging.getLogger(__name__)


class Committer:
    """Hold the desk and the world, and change them together."""

    def __init__(self, desk: Desk, context: Context) -> None:
        self.desk = desk
        self.context = context
        self.counts = Counts()
        self._subscribers: list[Callable[[Sequence[Event]], None]] = []

    def subscribe(self, subscriber: Callable[[Sequence[Event]], None]) -> None:
        """Have each batch of events told, after it is true."""
        self._subscribers.append(subscriber)

    def commit(self, events: Sequence[Event]) -> None:
        """Write down, then make true, then tell. Raises `JournalFailed`; then nothing changed."""
        if not events:
            return
        started = time.perf_counter()
        self.context.journal.append(events)
        self.counts.commit_seconds.observe(time.perf_counter() - started)
        self.counts.note(events)
        for event in events:
            self.desk.apply(event)
        self.context.port_map_sync.on_events(events)
        self.context.port_map.mark(self.context.journal.last_seq)
        for subscriber in self._subscribers:
            subscriber(events)

    def note(self, message: str, level: Level, *, subject: str) -> None:
        """Say something about the daemon itself, in the log and for the audit."""
        log.log(logging.getLevelNamesMapping()[level.upper()], "%s: %s", subject, message)
        noted = Noted(subject=subject, message=message, level=level, at=self.context.clock())
        try:
            self.commit([noted])
        except Unavailable as error:
            log.warning("that could not be written down: %s", error.message)

    def try_and_commit(
        self,
        decide: Callable[[Collection[int]], Ruling[Answer]],
        *,
        is_free: Callable[[Port], bool],
        commit: Callable[[Sequence[Event]], None],
    ) -> Answer:
        """Decide, try, and decide again without the port that turned out to be in use."""
        taken: set[int] = set()
        while True:
            ruling = decide(taken)
            port = ruling.candidate
            if port is None or is_free(port):
                commit(ruling.events)
                return ruling.answer
            self.counts.conflicts.add()
            taken.add(port)
