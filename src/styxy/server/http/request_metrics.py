"""The outermost layer of HTTP: counts requests, and keeps stack traces out of responses."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from styxy.core.errors import StyxyError
from styxy.server.net.responses import error_answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from styxy.server.world.counts import Counts

log = logging.getLogger(__name__)

ROUTE = "styxy.route"
"""Key in the scope where the application stores the template of the route that it used."""

NO_ROUTE = "none"

STREAM = b"text/event-stream"


class RequestMetrics:
    """Measures an application."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, and count its response."""
        started = time.perf_counter()
        status, is_stream = 0, False

        async def noting(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = (b"content-type", STREAM) in message["headers"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            log.exception("%s failed", scope["method"])
            if not status:
                error = StyxyError("internal error in the daemon; see: styxy daemon logs")
                await error_answer(error)(scope, receive, noting)
        route = scope.get(ROUTE, NO_ROUTE)
        self._counts.requests.add(scope["method"], route, str(status))
        if not is_stream:  # a stream lasts as long as somebody follows it
            seconds = time.perf_counter() - started
            self._counts.request_seconds.observe(seconds, scope["method"], route)
