"""What happened, counted: by kind of event, by service type, by day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from styxy.core.books.events import Leased, RangeAdded, Reassigned
from styxy.core.protocol.audit.entries import WORD_OF_KIND

if TYPE_CHECKING:
    from styxy.core.books.events import Event


class AuditStatsAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /audit/stats. Days are in UTC; the largest count comes first.

    An event without a service type is not in `by_service_type`.
    """

    total: int
    by_event: dict[str, int]
    by_service_type: dict[str, int]
    by_day: dict[str, int]


class AuditTally:
    """Counts events one by one."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._types: Counter[str] = Counter()
        self._days: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        """Count an event."""
        self._events[WORD_OF_KIND[type(event)]] += 1
        self._days[datetime.fromtimestamp(event.at, UTC).date().isoformat()] += 1
        match event:
            case Leased(lease=lease):
                self._types[lease.service_type] += 1
            case Reassigned(service_type=service_type):
                self._types[service_type] += 1
            case RangeAdded(service=service):
                self._types[service.name] += 1
            case _:
                pass

    def answer(self) -> AuditStatsAnswer:
        """Return the counts so far."""
        return AuditStatsAnswer(
            total=self._events.total(),
            by_event=dict(self._events.most_common()),
            by_service_type=dict(self._types.most_common()),
            by_day=dict(sorted(self._days.items())),
        )
