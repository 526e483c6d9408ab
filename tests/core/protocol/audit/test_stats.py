"""The audit in numbers."""

from __future__ import annotations

from styxy.core.books.events import Leased, Noted, Released
from styxy.core.protocol.audit.stats import AuditTally
from tests.core.desk_harness import DeskHarness

DAY = 86400.0


def test_events_are_counted_by_kind_type_and_day() -> None:
    lease = DeskHarness().allocate("dev")
    tally = AuditTally()
    tally.add(Leased(lease=lease, at=0.0))
    tally.add(Leased(lease=lease, at=DAY))
    tally.add(Released(lease_id="a", port=lease.port, reason="released", at=DAY))
    tally.add(Noted(subject="daemon", message="started", at=DAY))
    answer = tally.answer()
    assert answer.total == 4
    assert answer.by_event == {"allocated": 2, "released": 1, "noted": 1}
    assert answer.by_service_type == {"dev": 2}
    assert answer.by_day == {"1970-01-01": 1, "1970-01-02": 3}
