"""The report on a port for people: one block per server, one line per fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.client.text.layout import Line, Lines
from styxy.client.text.render import local_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.reports.who_report import Server, Stop, TreeProcess, WhoReport, Worktree

WIDTH = 10
LONGEST_COMMAND = 120
"""Characters of a command line in the tree; the server's own is shown in full."""


def shown(report: WhoReport) -> Lines:
    """Format a report."""
    lines = [Line(plain(report.summary))]
    for server in report.servers:
        if len(report.servers) > 1:
            title = f"{server.process or server.user}, on {_addresses(server)}"
            lines += [Line(""), Line(plain(title))]
        lines += [_row(title, text) for title, text in _about(server)]
        lines += _tree(server.tree)
        lines += _stops(server.stop)
        if server.caution is not None:
            lines.append(_row("but", plain(server.caution)))
    if report.lease is not None:
        lines += [_row(title, text) for title, text in _lease(report.lease, report.asked)]
    for move in report.moved:
        who = "this project's own server" if move.is_own else f"a server of {plain(move.project)}"
        lines.append(_row("moved", f"{who} asked for {report.port} and is on {move.port}"))
    lines += _stops(report.stop)
    if report.notice is not None:
        lines.append(_row("leases", f"unknown: {plain(report.notice)}"))
    return Lines(*lines)


def _about(server: Server) -> Iterator[tuple[str, str]]:
    known = {
        "command": server.command,
        "directory": server.directory,
        "project": server.project,
        "worktree": _worktree(server.worktree) if server.worktree else None,
        "container": _container(server),
        "service": f"{server.unit.name} ({server.unit.scope})" if server.unit else None,
        "user": server.user,
        "instance": server.instance_id,
        "since": local_time(server.since) if server.since else None,
        "addresses": f"{_addresses(server)} ({server.protocol})" if server.addresses else None,
        "this is": server.meaning,
    }
    yield from ((title, plain(text)) for title, text in known.items() if text)


def _worktree(worktree: Worktree) -> str:
    branch = worktree.branch or "an unknown branch"
    return f"{branch}, a linked worktree of {worktree.repo}" if worktree.is_linked else branch


def _container(server: Server) -> str | None:
    found = server.container
    if found is None:
        return None
    text = f"{found.name} of {found.image} ({found.engine})"
    if found.compose_project:
        text += f", compose project {found.compose_project}"
        text += f", service {found.compose_service}" if found.compose_service else ""
    return text


def _addresses(server: Server) -> str:
    return " ".join(server.addresses) or "no address"


def _tree(tree: Sequence[TreeProcess]) -> Iterator[Line]:
    depth: dict[int, int] = {}
    for index, process in enumerate(tree):
        depth[process.pid] = depth.get(process.parent, -1) + 1
        text = plain(process.command or process.name)
        if len(text) > LONGEST_COMMAND:
            text = text[:LONGEST_COMMAND] + "…"
        note = "  <- listening" if process.listens else ""
        yield _row(
            "" if index else "tree", f"{'  ' * depth[process.pid]}{process.pid} {text}{note}"
        )


def _lease(lease: Mapping[str, object], asked: int | None) -> Iterator[tuple[str, str]]:
    who = f"{plain(lease.get('service_type'))} {plain(lease.get('service_name'))}"
    state = plain(lease.get("state"))
    since = local_time(lease.get("allocated_at"))
    yield "lease", f"{who}, {state} since {since} ({plain(lease.get('lock_id'))})"
    yield "holder", _holder(lease)
    if asked is not None:
        yield "asked for", f"{asked}; it was moved here"


def _holder(lease: Mapping[str, object]) -> str:
    parts = [f"instance {plain(lease.get('instance_id'))}"]
    if lease.get("pid"):
        parts.insert(0, f"pid {plain(lease['pid'])}")
    if lease.get("project_path"):
        parts.append(f"project {plain(lease['project_path'])}")
    return ", ".join(parts)


def _stops(stops: Sequence[Stop]) -> Iterator[Line]:
    for index, stop in enumerate(stops):
        # The command in one piece, to be copied.
        command = _row("or" if index else "to stop", f"{plain(stop.command)}   ")
        below = command.at
        yield Line(f"{command.text}# {plain(stop.effect)}", at=len(command.text), below=below)


def _row(title: str, text: str) -> Line:
    head = f"  {title.ljust(WIDTH)} "
    return Line(head + text, at=len(head))
