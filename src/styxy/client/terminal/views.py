"""The views of the terminal: which columns each has, and which rows the facts give. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from styxy.client.terminal.facts import moment, number, text
from styxy.client.terminal.table import Column, Row
from styxy.client.text import audit_text
from styxy.client.text.render import local_time
from styxy.core.messages import counted
from styxy.core.model.leases import DEFAULT_INSTANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from styxy.client.terminal.facts import Entry, Facts, PortFacts, ProjectFacts
    from styxy.client.terminal.table import Cell, Tone

NO_PROJECT = "no project"


BAR = 10
"""Characters that show how full a range is."""

NEARLY_FULL, FILLING = 0.9, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and when the facts are looked at: the caller's project, if any, and seconds since the
    epoch.
    """

    project: str | None
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view: its name, its columns, its rows, and what it says where it has none."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Callable[[Facts, Place], Iterator[Row]]
    count: Callable[[Facts], int | None]
    empty: str


def age(since: float | None, now: float) -> str:
    """Say how long ago a time was, in its largest unit; empty if it is unknown."""
    if since is None:
        return ""
    seconds = max(0.0, now - since)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _ports(facts: Facts, place: Place) -> Iterator[Row]:
    groups: dict[str, list[PortFacts]] = {}
    for number_ in sorted(facts.ports):
        port = facts.ports[number_]
        groups.setdefault(port.project, []).append(port)

    own_repo = facts.project(place.project or "").repo or None

    def order(path: str) -> tuple[bool, bool, bool, str, bool, str]:
        project = facts.project(path)
        is_related = project.repo == own_repo
        is_here = path == place.project
        return (
            not is_here,
            not is_related,
            not path,
            project.repo or path,
            project.is_linked,
            path,
        )

    for path in sorted(groups, key=order):
        project = facts.project(path)
        yield _project_heading(project, groups[path], is_here=path == place.project)
        about = f" {project.shown} {project.branch}".lower()
        for port in groups[path]:
            yield Row(
                key=str(port.port),
                content=partial(_port_cells, port, place),
                words=port.words + about,
                port=port,
            )


def _project_heading(project: ProjectFacts, ports: Sequence[PortFacts], *, is_here: bool) -> Row:
    servers = sum(port.is_listening for port in ports)
    leases = sum(bool(port.lock_id) for port in ports)
    counts = [counted(servers, "server")] if servers else []
    counts += [counted(leases, "lease")] if leases else []
    branch = f"  {project.branch}" if project.branch else ""
    here = "  this project" if is_here else ""
    name: Cell = (project.shown or NO_PROJECT, "heading")
    return Row(
        key=None,
        content=(name, (branch, "good"), (here, "warning"), (f"  {', '.join(counts)}", "dim")),
    )


def _port_cells(port: PortFacts, place: Place) -> tuple[Cell, ...]:
    state, tone = _state(port)
    lease = f"{port.service_type} {port.lease}".strip() if port.lock_id else ""
    return (
        (str(port.port), "" if port.is_listening else "dim"),
        (port.server or state, tone),
        (str(port.asked) if port.asked else "", "warning"),
        (lease, "bad" if port.lease_project else ""),
        (port.instance if port.instance != DEFAULT_INSTANCE else "", "dim"),
        (age(port.since, place.now), "dim"),
        (str(port.pid) if port.pid else "", "dim"),
    )


def _state(port: PortFacts) -> tuple[str, Tone]:
    if port.is_listening:
        return (f"a process of {port.user}" if port.user else "a hidden process", "good")
    return ("reserved", "dim")


_PORT = Column(title="PORT", least=5, most=5, is_number=True)
_AGE = Column(title="SINCE", least=5, most=5, rank=2, is_number=True)
_PID = Column(title="PID", least=7, most=7, rank=5, is_number=True)

PORTS = View(
    name="ports",
    title="Ports",
    columns=(
        _PORT,
        Column(title="SERVER", least=14, most=32),
        Column(title="ASKED", least=5, most=5, rank=1, is_number=True),
        Column(title="LEASE", least=14, most=32, rank=3),
        Column(title="SESSION", least=14, most=36, rank=4),
        _AGE,
        _PID,
    ),
    rows=_ports,
    count=lambda facts: len(facts.ports),
    empty="Nothing listens, and nothing is leased.",
)


def _moves(facts: Facts, place: Place) -> Iterator[Row]:
    for number_ in sorted(facts.ports):
        port = facts.ports[number_]
        if port.asked:
            shown = facts.project(port.project).shown or NO_PROJECT
            yield Row(
                key=str(port.port),
                content=(
                    (str(port.asked), "warning"),
                    (str(port.port), ""),
                    (port.server or "reserved", "good" if port.is_listening else "dim"),
                    (shown, "heading"),
                    (age(port.since, place.now), "dim"),
                ),
                words=f"{port.words} {shown}".lower(),
                port=port,
            )


MOVES = View(
    name="moves",
    title="Moved",
    columns=(
        Column(title="ASKED", least=5, most=5, is_number=True),
        Column(title="IS AT", least=5, most=5, is_number=True),
        Column(title="SERVER", least=10, most=30, rank=1),
        Column(title="PROJECT", least=16, most=0),
        _AGE,
    ),
    rows=_moves,
    count=lambda facts: sum(port.asked is not None for port in facts.ports.values()),
    empty="Every server has the port that it asked for.",
)


def _sessions(facts: Facts, place: Place) -> Iterator[Row]:
    for entry in facts.instances:
        ports = entry.get("ports")
        held = ", ".join(map(str, ports)) if isinstance(ports, list) and ports else "none"
        name, agent = text(entry, "instance_id"), text(entry, "agent")
        project = facts.project(text(entry, "project")).shown
        yield Row(
            key=name,
            content=(
                (name, ""),
                (agent, "good"),
                (held, "" if ports else "dim"),
                (project, "heading"),
                (age(moment(entry, "registered_at"), place.now), "dim"),
                (text(entry, "pid"), "dim"),
            ),
            words=f"{name} {agent} {held} {project}".lower(),
        )


SESSIONS = View(
    name="sessions",
    title="Sessions",
    columns=(
        Column(title="SESSION", least=14, most=44),
        Column(title="AGENT", least=8, most=8, rank=3),
        Column(title="PORTS", least=10, most=30),
        Column(title="PROJECT", least=14, most=0, rank=1),
        _AGE,
        _PID,
    ),
    rows=_sessions,
    count=lambda facts: len(facts.instances),
    empty="No agent session or terminal is registered.",
)


def _events(facts: Facts, _place: Place) -> Iterator[Row]:
    for entry in reversed(facts.events):
        word = text(entry, "event")
        said = audit_text.report(entry)
        yield Row(
            key=text(entry, "seq"),
            content=(
                (local_time(entry.get("at"))[11:], "dim"),
                (word, _tone_of(entry)),
                (said, ""),
            ),
            words=f"{word} {said}".lower(),
        )


def _tone_of(entry: Entry) -> Tone:
    if entry.get("level") in ("warning", "error"):
        return "bad"
    return "good" if entry.get("event") in ("allocated", "reassigned") else ""


EVENTS = View(
    name="events",
    title="Events",
    columns=(
        Column(title="TIME", least=8, most=8, rank=1),
        Column(title="EVENT", least=12, most=20),
        Column(title="", least=20, most=0),
    ),
    rows=_events,
    count=lambda _facts: None,
    empty="Nothing has happened yet.",
)


def _ranges(facts: Facts, _place: Place) -> Iterator[Row]:
    for entry in facts.ranges:
        name = text(entry, "service_type")
        size, used = number(entry, "size") or 0, number(entry, "used") or 0
        share = used / size if size else 0.0
        tone: Tone = "bad" if share >= NEARLY_FULL else "warning" if share >= FILLING else "good"
        full = round(share * BAR) or (1 if used else 0)
        spans = entry.get("ranges")
        shown = ", ".join(
            f"{each[0]}-{each[1]}" for each in spans if isinstance(each, list) and len(each) == 2
        ) if isinstance(spans, list) else ""  # fmt: skip
        about = text(entry, "description")
        yield Row(
            key=name,
            content=(
                (name, "heading"),
                ("█" * full + "·" * (BAR - full), tone),
                (f"{used}/{size}", ""),
                (text(entry, "leased") or "0", "dim"),
                (text(entry, "listening") or "0", "dim"),
                (shown, ""),
                (about, "dim"),
            ),
            words=f"{name} {shown} {about}".lower(),
        )


RANGES = View(
    name="ranges",
    title="Ranges",
    columns=(
        Column(title="TYPE", least=14, most=16),
        Column(title="FULL", least=BAR, most=BAR, rank=2),
        Column(title="USED", least=7, most=9, is_number=True),
        Column(title="LEASED", least=6, most=6, rank=4, is_number=True),
        Column(title="LISTEN", least=6, most=6, rank=4, is_number=True),
        Column(title="PORTS", least=11, most=13, rank=1),
        Column(title="", least=20, most=0, rank=3),
    ),
    rows=_ranges,
    count=lambda _facts: None,
    empty="There are no service types.",
)


def _warnings(facts: Facts, _place: Place) -> Iterator[Row]:
    for at, sentence in enumerate(facts.warnings):
        yield Row(key=str(at), content=((sentence, "warning"),), words=sentence.lower())


WARNINGS = View(
    name="warnings",
    title="Warnings",
    columns=(Column(title="WARNING", least=20, most=0),),
    rows=_warnings,
    count=lambda facts: len(facts.warnings),
    empty="Nothing to warn of; styxy doctor looks at more.",
)

VIEWS: tuple[View, ...] = (PORTS, MOVES, SESSIONS, EVENTS, RANGES, WARNINGS)
"""In the order of their keys, 1 to 6."""
