"""What the daemon reports about itself."""

from __future__ import annotations

import time

from styxy import __version__
from styxy.core.errors import Unavailable
from styxy.core.messages import counted
from styxy.core.protocol.daemon import HealthAnswer, HealthPart, StatusAnswer
from styxy.server.http.routes.call import Call, Route

CHEAP_PARTS = ("doors", "authentication")
"""Parts of /health that are checked for each GET /status as well; the others cost more."""


def status(call: Call) -> StatusAnswer:
    """Report that the daemon is running, and any warnings.

    Any user of the machine may ask; paths and ports are shown only to the daemon's own user.
    """
    context = call.service.context
    warnings, failing = call.instruments.recovery.warnings, context.journal.failing
    if failing is not None and not any(failing in warning for warning in warnings):
        warnings.append(failing)
    changed = call.instruments.installation.problem
    if changed is not None:
        warnings.append(changed)
    if context.live_config.problems and context.live_config.summary not in warnings:
        warnings.append(context.live_config.summary)
    warnings += call.instruments.health.warnings(*CHEAP_PARTS)
    return StatusAnswer(
        status="running",
        version=__version__,
        uptime=_uptime(call),
        allocations=len(call.service.desk.lease_index),
        instances=len(call.service.desk.instances),
        pid=context.pid,
        warnings=warnings if call.is_known else _counted(warnings),
    )


def health(call: Call) -> HealthAnswer:
    """Report the state of each part of the daemon. Raises `Unavailable` if it grants no leases."""
    started = time.perf_counter()
    report = call.instruments.health.report()
    answer = HealthAnswer(
        status=report.state,
        version=__version__,
        uptime=_uptime(call),
        parts={
            name: HealthPart(state=part.state, message=part.message)
            for name, part in report.parts.items()
        },
        warnings=report.warnings,
        response_time_ms=round((time.perf_counter() - started) * 1000, 3),
    )
    if not report.can_grant:
        raise Unavailable(
            f"cannot grant leases: {'; '.join(report.warnings)}",
            suggestions=["styxy doctor", "styxy daemon logs"],
            health=answer,
        )
    return answer


def _counted(warnings: list[str]) -> list[str]:
    if not warnings:
        return []
    return [
        f"{counted(len(warnings), 'warning')}; to read them, send the token or use the Unix socket"
    ]


def _uptime(call: Call) -> float:
    return round(call.service.context.clock.uptime(), 3)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/status",
        handler=status,
        summary="Check that the daemon is running",
        answer=StatusAnswer,
        is_open=True,
        is_uncounted=True,
    ),
    Route(
        method="GET",
        path="/health",
        handler=health,
        summary="Show the health of each part of the daemon; 503 only if no lease can be granted",
        answer=HealthAnswer,
        is_uncounted=True,
    ),
)
