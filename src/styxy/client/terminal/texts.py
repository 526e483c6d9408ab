"""Facts as plain text: the whole of one row, the keys, and all ports at once. Needs no Textual."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from styxy.client.terminal.facts import Facts
from styxy.client.terminal.views import NO_PROJECT, PORTS, Place
from styxy.client.text.layout import Blocks
from styxy.client.text.render import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.client.terminal.facts import PortFacts
    from styxy.client.terminal.table import Row
    from styxy.client.terminal.views import View

Lines = list[tuple[str, str]]

KEYS: tuple[tuple[str, str], ...] = (
    ("1-6, Tab", "another view"),
    ("↑ ↓ j k", "choose a row; Page Up, Page Down, Home, End"),
    ("/", "filter: each word must be in the row; Enter keeps it, Esc ends it"),
    ("Enter", "everything about the row"),
    ("s", "stop the server, after a question"),
    ("r", "release the lease, after a question"),
    ("c", "copy the URL, or else the port"),
    ("q", "quit"),
)

TITLES = ("PORT", "PROCESS", "ASKED", "LEASED", "INSTANCE", "SINCE", "PID", "PROJECT")
"""Those of `text.layout` whose values may be shortened are named as there."""


def keys() -> Lines:
    """List the keys."""
    return list(KEYS)


def details_of(row: Row, view: View, facts: Facts) -> tuple[str, Lines]:
    """Return a title and everything that is known of a row."""
    if row.port is not None:
        return f"Port {row.port.port}", _port_lines(row.port, facts)
    return view.title, _cell_lines(row, view)


def _cell_lines(row: Row, view: View) -> Lines:
    cells: Sequence[tuple[str, str]] = [
        (column.title.lower(), said)
        for column, (said, _) in zip(view.columns, row.cells, strict=True)
    ]
    return [(name, said) for name, said in cells if said]


def _port_lines(port: PortFacts, facts: Facts) -> Lines:
    project = facts.project(port.project)
    owner = facts.project(port.lease_project)
    lease = f"{port.service_type} {port.lease}, {port.lease_state}" if port.lock_id else ""
    process = f"{port.server or 'a process'} (pid {port.pid})" if port.pid else port.server
    known = (
        ("url", port.url),
        ("server", process),
        ("command", port.command),
        ("addresses", port.addresses),
        ("project", project.shown),
        ("branch", project.branch),
        ("asked for", str(port.asked) if port.asked else ""),
        ("since", _clock(port.since)),
        ("lease", lease),
        ("lease of", owner.shown if port.lease_project else ""),
        ("lease id", port.lock_id),
        ("session", port.instance),
        ("user", "" if port.is_own else port.user),
        ("more", f"styxy who {port.port}"),
    )
    return [(name, said) for name, said in known if said]


def _clock(since: float | None) -> str:
    return "" if since is None else f"{datetime.fromtimestamp(since):%Y-%m-%d %H:%M:%S}"


def as_text(answer: Mapping[str, object], *, project: str | None) -> Blocks:
    """Format an answer of GET /overview: a table of all ports by project, then the warnings."""
    facts = Facts()
    facts.take(answer)
    place = Place(project=project, now=time.time())
    rows = [
        [*(said for said, _ in row.cells), facts.project(row.port.project).shown or NO_PROJECT]
        for row in PORTS.rows(facts, place)
        if row.port is not None
    ]
    return Blocks(
        table(TITLES, rows) if rows else PORTS.empty,
        *(f"warning: {each}" for each in facts.warnings),
    )
