"""Events of the audit for people, one per line.

Text goes in and out. An event that this version does not know is shown with all its fields.
"""

from __future__ import annotations

from styxy.client.text.layout import Blocks, Line, Lines
from styxy.client.text.render import local_time, plain, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_FRAME = ("seq", "at", "event", "user")
_KIND_WIDTH = 20  # `instance_registered` is the longest common one


def line(event: Mapping[str, object]) -> Lines:
    """Format one event as one line."""
    return lines([event])


def lines(events: Iterable[Mapping[str, object]]) -> Lines:
    """Format events, one per line, or report that there are none."""
    return Lines(*([_line(each) for each in events] or [Line("no events")]))


def _line(event: Mapping[str, object]) -> Line:
    kind = plain(event.get("event"))
    head = f"{local_time(event.get('at'))}  {kind.ljust(_KIND_WIDTH)}  "
    return Line(f"{head}{report(event)}".rstrip(), at=len(head))


def report(event: Mapping[str, object]) -> str:
    """Format what an event says, without its time and kind."""
    return _LINES.get(plain(event.get("event")), _all_fields)(event)


def _allocated(event: Mapping[str, object]) -> str:
    asked = event.get("requested_port")
    return _joined(
        f"{plain(event.get('port'))} to {plain(event.get('service_name'))}",
        plain(event.get("service_type")),
        f"asked for {plain(asked)}" if asked else None,
        *_who(event, project="project_path"),
    )


def _released(event: Mapping[str, object]) -> str:
    return _joined(plain(event.get("port")), plain(event.get("reason")), *_who(event))


def _reassigned(event: Mapping[str, object]) -> str:
    return _joined(
        f"{plain(event.get('requested_port'))} -> {plain(event.get('port'))}",
        plain(event.get("process")),
        plain(event.get("service_type")),
        *_who(event),
    )


def _on_port(event: Mapping[str, object]) -> str:
    until = event.get("expires_at")
    return _joined(
        plain(event.get("port")),
        f"lapses at {local_time(until)}" if until else None,
        *_who(event),
    )


def _noted(event: Mapping[str, object]) -> str:
    level = plain(event.get("level"))
    said = f"{plain(event.get('subject'))}: {plain(event.get('message'))}"
    return said if level == "info" else f"{level}: {said}"


def _all_fields(event: Mapping[str, object]) -> str:
    said = (
        f"{plain(name)} {plain(value)}"
        for name, value in event.items()
        if name not in _FRAME and value is not None
    )
    return _joined(*said, _by(event))


def _who(event: Mapping[str, object], *, project: str = "project") -> list[str | None]:
    return [
        f"pid {plain(event['pid'])}" if event.get("pid") else None,
        f"project {plain(event[project])}" if event.get(project) else None,
        _by(event),
    ]


def _by(event: Mapping[str, object]) -> str | None:
    user = event.get("user")
    if not isinstance(user, dict):
        return None
    return f"by {plain(user.get('name') or user.get('uid'))}"


def stats(answer: Mapping[str, object]) -> str:
    """Format the counts of past events: one table for each way of counting."""
    parts = [f"{plain(answer.get('total'))} events"]
    for title, field in (("EVENT", "by_event"), ("TYPE", "by_service_type"), ("DAY", "by_day")):
        counts = answer.get(field)
        if isinstance(counts, dict) and counts:
            parts.append(table([title, "COUNT"], list(counts.items())))
    return Blocks(*parts)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


_LINES: dict[str, Callable[[Mapping[str, object]], str]] = {
    "allocated": _allocated,
    "released": _released,
    "reassigned": _reassigned,
    "bound": _on_port,
    "unbound": _on_port,
    "dated": _on_port,
    "passed": _on_port,
    "noted": _noted,
}
