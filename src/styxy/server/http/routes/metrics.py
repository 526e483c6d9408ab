"""The daemon's metrics, for Prometheus and for programs that read JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from styxy.core.protocol.daemon import MetricsAnswer, MetricsQuery
from styxy.server.http.routes.call import Call, Route
from styxy.server.net.responses import text_answer

if TYPE_CHECKING:
    from starlette.responses import Response


async def metrics(call: Call) -> MetricsAnswer | Response:
    """Return the daemon's metrics."""
    # Prometheus's library takes 60 ms to load, once: in a thread, so that the loop continues.
    await asyncio.to_thread(call.instruments.installation.load, "styxy.server.reports.metrics")
    from styxy.server.reports import metrics as numbers

    wanted: MetricsQuery = call.query
    families = numbers.families(call.service, call.instruments)
    if wanted.format == "json":
        return numbers.as_json(families)
    return text_answer(numbers.as_text(families), numbers.CONTENT_TYPE)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/metrics",
        handler=metrics,
        summary="Get the daemon's metrics, as Prometheus text or as JSON",
        query=MetricsQuery,
        answer=MetricsAnswer,
        media=("text/plain",),
        is_uncounted=True,
        example="/metrics?format=json",
    ),
)
