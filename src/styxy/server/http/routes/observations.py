"""What is listening on this machine's ports, and everything at once for those who show it."""

from __future__ import annotations

from styxy.core.protocol.views import observations as shapes
from styxy.core.protocol.views.overview import OverviewAnswer, OverviewQuery
from styxy.core.reports.port_report import PortReport, count
from styxy.server.http.routes.call import Call, Route, path_port


async def observe_all(call: Call) -> shapes.ObserveAllAnswer:
    """Show what is listening on every port."""
    seen = await _in_use(call)
    return shapes.ObserveAllAnswer(
        total=len(seen),
        observations=shapes.port_observations(seen),
        stats=shapes.statistics(count(seen)),
    )


def observe(call: Call) -> shapes.ObserveAnswer:
    """Show what is listening on one port."""
    port = path_port(call)
    seen = shapes.observation(call.service.report(port))
    if seen is None:
        return shapes.ObserveAnswer(
            port=port, bound=False, message=f"nothing is listening on {port}"
        )
    return shapes.ObserveAnswer(port=port, bound=True, observation=seen)


async def observation_stats(call: Call) -> shapes.Statistics:
    """Count the ports in use."""
    return shapes.statistics(count(await _in_use(call)))


async def overview(call: Call) -> OverviewAnswer:
    """Show everything, or what has changed since an answer.

    Whoever shows it live follows GET /events with `event=changed`, and when a message comes asks
    again, for what is newer than the last answer.
    """
    asked: OverviewQuery = call.query
    return await call.instruments.overview.answer(asked.since, first=asked.first)


async def _in_use(call: Call) -> list[PortReport]:
    return [each for each in await call.service.reports() if each.usage is not None]


ROUTES: tuple[Route, ...] = (
    # Before /observe/{port}, which would parse "all" as a port.
    Route(
        method="GET",
        path="/observe/all",
        handler=observe_all,
        summary="Show what is listening on every port",
        answer=shapes.ObserveAllAnswer,
    ),
    Route(
        method="GET",
        path="/observe/{port}",
        handler=observe,
        summary="Show what is listening on one port",
        answer=shapes.ObserveAnswer,
    ),
    Route(
        method="GET",
        path="/observation-stats",
        handler=observation_stats,
        summary="Count the ports in use by service type, instance and project",
        answer=shapes.Statistics,
    ),
    Route(
        method="GET",
        path="/overview",
        handler=overview,
        summary="Show everything that the page shows, or what is new in it",
        query=OverviewQuery,
        answer=OverviewAnswer,
    ),
)
