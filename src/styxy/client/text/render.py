"""The API's answers for people: plain columns, one line per item.

Data goes in, text comes out; nothing is printed here. Text from another process (a command line, a
path) may contain anything, including terminal control sequences, so it passes through `plain`.
"""

from __future__ import annotations

from styxy.client.text.layout import Line, Lines, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOTHING = "-"


def plain(value: object) -> str:
    """Make one word or line from a value: no control characters, nothing if it is missing."""
    if value is None or value == "":
        return NOTHING
    text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Format rows under titles."""
    return Table(titles, [[plain(cell) for cell in row] for row in rows])


def local_time(moment: object) -> str:
    """Format an RFC 3339 time in the local time zone; return anything else unchanged."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return plain(moment)


def duration(seconds: object) -> str:
    """Format a length of time in its two largest units."""
    if not isinstance(seconds, int | float):
        return NOTHING
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def objects(value: object) -> list[dict[str, object]]:
    """Return the JSON objects in a list; everything else is dropped."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def granted(answer: Mapping[str, object], *, has_message: bool = True) -> str:
    """Format a granted lease: the port alone comes first, so that a script can take line one."""
    lines = [plain(answer.get("port"))]
    if has_message:
        lines.append(plain(answer.get("message")))
    lock_id = answer.get("lock_id")
    if lock_id and not answer.get(
        "existing"
    ):  # a lease that others use is not this caller's to end
        lines.append(f"lease {plain(lock_id)}; release it with: styxy release {plain(lock_id)}")
    return "\n".join(lines)


def made_type(answer: Mapping[str, object]) -> str | None:
    """Format that a service type was made for a request, and how to undo it."""
    span = answer.get("allocated_range")
    if not answer.get("auto_allocated") or answer.get("dry_run") or not isinstance(span, list):
        return None
    name = plain(answer.get("service_type"))
    ports = "-".join(plain(port) for port in span)
    return (
        f"New service type '{name}' auto-configured: {ports}; "
        f"to undo: styxy config undo-auto {name}"
    )


def occupied(answer: Mapping[str, object]) -> str | None:
    """Format that somebody else listens on a port that was leased before."""
    warning = answer.get("warning")
    return f"port {plain(answer.get('port'))} is yours, {plain(warning)}" if warning else None


def without_preferred(answer: Mapping[str, object], preferred_port: object) -> str | None:
    """Format that another port than the preferred one was leased, and why."""
    reason = answer.get("preferred_reason")
    if not reason:
        return None
    return f"port {plain(answer.get('port'))}, not {plain(preferred_port)}: {plain(reason)}"


def checked(answer: Mapping[str, object]) -> str:
    """Format whether a port is free, and who has it if not."""
    port = plain(answer.get("port"))
    if answer.get("available"):
        return f"{port} is free"
    lines = [Line(f"{port} is taken: {plain(answer.get('reason'))}")]
    for lease in objects([answer.get("allocated_to")]):
        lines.append(_fact("lease", _lease_line(lease)))
        lines.append(_fact("since", local_time(lease.get("allocated_at"))))
    for usage in objects([answer.get("system_usage")]):
        lines.append(_fact("listener", _usage_line(usage)))
        if usage.get("since"):
            lines.append(_fact("since", local_time(usage["since"])))
    return Lines(*lines)


def _fact(title: str, text: str) -> Line:
    head = f"  {title.ljust(8)}  "
    return Line(head + text, at=len(head))


def leases(answer: Mapping[str, object], *, verbose: bool) -> str:
    """Format leases as a table, ordered by port."""
    rows = sorted(
        objects(answer.get("allocations")), key=lambda lease: str(lease.get("port")).zfill(5)
    )
    if not rows:
        return "no leases"
    titles = ["PORT", "TYPE", "NAME", "STATE", "PID", "INSTANCE", "PROJECT"]
    fields = ["port", "service_type", "service_name", "state", "pid", "instance_id", "project_path"]
    if not verbose:
        return table(titles, ([lease.get(field) for field in fields] for lease in rows))
    titles += ["LEASE", "SINCE", "SEEN", "EXPIRES"]
    times = ("allocated_at", "last_seen", "expires_at")
    return table(
        titles,
        (
            [
                *(lease.get(field) for field in [*fields, "lock_id"]),
                *(local_time(lease[name]) if lease.get(name) else None for name in times),
            ]
            for lease in rows
        ),
    )


def scanned(answer: Mapping[str, object]) -> str:
    """Format the ports in use as a table, each with its lease and its listener."""
    rows = objects(answer.get("ports_in_use"))
    if not rows:
        return "no port is leased or in use"
    return table(
        ["PORT", "PROTO", "TYPE", "LEASE", "PID", "PROCESS", "ADDRESSES", "PROJECT"],
        (_scanned_row(row) for row in rows),
    )


def _scanned_row(row: Mapping[str, object]) -> list[object]:
    (lease,) = objects([row.get("allocated_to")]) or [{}]
    (usage,) = objects([row.get("system_usage")]) or [{}]
    addresses = usage.get("addresses")
    return [
        row.get("port"),
        usage.get("protocol") or lease.get("protocol"),
        lease.get("service_type"),
        lease.get("service_name"),
        usage.get("pid") or lease.get("pid"),
        usage.get("process"),
        " ".join(plain(each) for each in addresses) if isinstance(addresses, list) else None,
        usage.get("project") or lease.get("project_path"),
    ]


def abandoned(servers: Sequence[Mapping[str, object]]) -> str:
    """Format the servers that nobody has any more as a table."""
    if not servers:
        return "no server is left of a session, worktree or directory that is gone"
    return table(
        ["PORT", "PID", "PROCESS", "SINCE", "WHY"],
        (
            [row["port"], row["pid"], row["process"], local_time(row["since"]), row["why"]]
            for row in servers
        ),
    )


def instances(answer: Mapping[str, object]) -> str:
    """Format the registered instances as a table."""
    rows = objects(answer.get("instances"))
    if not rows:
        return "no instances are registered"
    return table(
        ["INSTANCE", "AGE", "HEARD", "PID", "TEMPLATE", "PORTS", "DIRECTORY"],
        (
            [
                row.get("instance_id"),
                duration(row.get("age")),
                local_time(row.get("last_heartbeat")),
                row.get("pid"),
                row.get("template"),
                " ".join(plain(lease.get("port")) for lease in objects(row.get("leases"))),
                row.get("working_directory") or row.get("project_path"),
            ]
            for row in rows
        ),
    )


def cleaned(answer: Mapping[str, object]) -> str:
    """Format the result of a cleanup: the message, then one lease per line."""
    lines = [f"  {lease_row(lease)}" for lease in objects(answer.get("released"))]
    return "\n".join([plain(answer.get("message")), *lines])


def suggested(answer: Mapping[str, object]) -> str:
    """Format free ports, one per line; the message follows only if it says more."""
    ports = answer.get("suggestions")
    lines = [plain(port) for port in ports] if isinstance(ports, list) else []
    if answer.get("fallback") or not lines:
        lines.append(plain(answer.get("message")))
    return "\n".join(lines)


def reassignments(answer: Mapping[str, object]) -> str:
    """Format moved binds as a table, newest last."""
    rows = objects(answer.get("reassignments"))
    if not rows:
        return "no binds have been moved"
    return table(
        ["AT", "ASKED", "GOT", "PID", "PROCESS", "TYPE", "PROJECT"],
        (
            [
                local_time(row.get("at")),
                *(
                    row.get(name)
                    for name in ("requested_port", "port", "pid", "process", "service_type")
                ),
                row.get("project"),
            ]
            for row in rows
        ),
    )


def running(answer: Mapping[str, object], *, port: int | None, socket: str | None) -> str:
    """Format the state of a running daemon in one line, with its warnings below."""
    parts = [f"pid {plain(answer.get('pid'))}"]
    if port:
        parts.append(f"port {port}")
    if socket:
        parts.append(f"socket {plain(socket)}")
    parts.append(f"up {duration(answer.get('uptime'))}")
    parts.append(f"leases {plain(answer.get('allocations'))}")
    line = f"styxy {plain(answer.get('version'))} is running: {', '.join(parts)}"
    warnings = answer.get("warnings")
    shown_warnings = warnings if isinstance(warnings, list) else []
    return "\n".join([line, *(f"warning: {plain(each)}" for each in shown_warnings)])


def lease_row(lease: Mapping[str, object]) -> str:
    """Format one lease in a line, its port first."""
    return f"{plain(lease.get('port'))}  {_lease_line(lease)}"


def _lease_line(lease: Mapping[str, object]) -> str:
    who = f"{plain(lease.get('service_type'))} {plain(lease.get('service_name'))}"
    if lease.get("pid"):
        who += f", pid {plain(lease['pid'])}"
    if lease.get("project_path"):
        who += f", project {plain(lease['project_path'])}"
    elif lease.get("instance_id"):
        who += f", instance {plain(lease['instance_id'])}"
    return f"{who} ({plain(lease.get('lock_id'))})"


def _usage_line(usage: Mapping[str, object]) -> str:
    who = plain(usage.get("process") or "a process that is not visible")
    if usage.get("pid"):
        who += f", pid {plain(usage['pid'])}"
    addresses = usage.get("addresses")
    if isinstance(addresses, list) and addresses:
        who += f", on {' '.join(plain(address) for address in addresses)}"
    if usage.get("project"):
        who += f", project {plain(usage['project'])}"
    if usage.get("command"):
        who += f": {plain(usage['command'])}"
    return who
