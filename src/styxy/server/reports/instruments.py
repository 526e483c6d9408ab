"""What the daemon knows of itself: its health, its last start, every change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styxy.server.reports.health import Health
    from styxy.server.service.event_stream import EventStream
    from styxy.server.upkeep.loop_watchdog import Stalls
    from styxy.server.upkeep.recovery import Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """Bundle the instruments; what is counted lies in the service."""

    health: Health
    recovery: Recovery
    stream: EventStream
    stalls: Stalls
