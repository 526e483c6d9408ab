"""Past events from the journal, and new ones as they happen."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime

from styxy.adapters.processes import user_name
from styxy.core.errors import InvalidInput
from styxy.core.messages import described
from styxy.core.protocol.audit import shapes
from styxy.core.protocol.audit.entries import KIND_OF_WORD, audit_entry
from styxy.core.protocol.audit.stats import AuditStatsAnswer, AuditTally
from styxy.server.http.routes.call import Call, Route
from styxy.server.service.event_stream import StreamAnswer

SLICE = 500
"""Events that are counted in one turn of the loop: 5 ms."""

LAST_SECOND = datetime.max.replace(tzinfo=UTC).timestamp()
"""The latest time that we can format."""


def audit(call: Call) -> shapes.AuditAnswer:
    """List past events, newest last."""
    wanted: shapes.AuditQuery = call.query
    found = call.service.context.journal.read_back(
        kind=KIND_OF_WORD[wanted.event].__name__ if wanted.event else None,
        since=moment(wanted.since) if wanted.since is not None else None,
        limit=wanted.limit,
    )
    return shapes.AuditAnswer(
        [audit_entry(event, seq=seq, name_of=user_name) for seq, event in found]
    )


async def stats(call: Call) -> AuditStatsAnswer:
    """Count what happened; the journal is read in slices, between which others are served."""
    journal, tally, seq = call.service.context.journal, AuditTally(), 0
    newest = journal.last_seq
    while events := [each for each in journal.read_on(seq, limit=SLICE) if each[0] <= newest]:
        seq = events[-1][0]
        for _, event in events:
            tally.add(event)
        await asyncio.sleep(0)
    return tally.answer()


def events(call: Call) -> StreamAnswer:
    """Stream every change as server-sent events."""
    wanted: shapes.EventsQuery = call.query
    follower = call.instruments.stream.follow(
        after=_last_seen(call.headers.get("last-event-id"), wanted.since_seq),
        word=wanted.event,
    )
    return StreamAnswer(follower)


def moment(text: str) -> float:
    """Parse a time: RFC 3339, or seconds since the epoch. Raises `InvalidInput`."""
    try:
        return _seconds(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            "since must be a time such as 2026-01-31T12:00:00Z, or seconds since the epoch, "
            f"not {described(text)}",
            suggestions=["2026-01-31T12:00:00Z", "1769860800"],
        ) from None


def _seconds(text: str) -> float:
    if not text.isascii() or "_" in text:  # Python also parses digits of any script, and 1_000
        raise ValueError("not a time")
    try:
        at = float(text)
    except ValueError:
        # A plus sign in a query decodes to a space; a client that does not encode it means a plus.
        read = datetime.fromisoformat(text.strip().replace(" ", "T" if "T" not in text else "+"))
        if read.tzinfo is None or len(text) < len("2026-01-31T12:00:00"):
            raise ValueError("not RFC 3339") from None
        at = read.timestamp()
    if not math.isfinite(at) or not 0 <= at <= LAST_SECOND:
        raise ValueError("out of range")
    return at


def _last_seen(header: str | None, since_seq: int | None) -> int | None:
    # The header wins: a browser sends it when it reconnects, with the original address.
    if not header:
        return since_seq
    if not (header.isascii() and header.isdigit() and len(header) < 19):
        raise InvalidInput("Last-Event-ID must be an event id, which is a whole number")
    return int(header)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/audit",
        handler=audit,
        summary="List past events, newest last",
        query=shapes.AuditQuery,
        answer=shapes.AuditAnswer,
        example="/audit?limit=20&event=released",
    ),
    Route(
        method="GET",
        path="/audit/stats",
        handler=stats,
        summary="Count past events by kind, service type and day",
        answer=AuditStatsAnswer,
    ),
    Route(
        method="GET",
        path="/events",
        handler=events,
        summary="Stream every change as server-sent events; Last-Event-ID resumes",
        query=shapes.EventsQuery,
        headers=("Last-Event-ID",),
        media=("text/event-stream",),
    ),
)
