"""What routes use beside the service, in one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from styxy.server.agents.loading import HooksLoader
    from styxy.server.net.browser_sessions import BrowserSessions
    from styxy.server.reports.health import Health
    from styxy.server.reports.installation import Installation
    from styxy.server.reports.overview import Overview
    from styxy.server.service.event_stream import EventStream
    from styxy.server.service.stopping import Stopping
    from styxy.server.upkeep.loop_watchdog import Stalls
    from styxy.server.upkeep.recovery import Recovery


class Instruments(Struct, frozen=True, kw_only=True):
    """Bundle what routes use beside the service: what the daemon knows of itself (its health, its
    last start, every change, stalls, the files that it runs from), everything at once for those who
    show it, the agents' hooks, who is signed in with a browser, and what stops servers.
    """

    health: Health
    recovery: Recovery
    stream: EventStream
    stalls: Stalls
    installation: Installation
    hooks: HooksLoader
    overview: Overview
    sessions: BrowserSessions
    stopping: Stopping
