"""What the daemon tells of all ports, kept up to date: the answers of GET /overview, one by one.

Pure: answers go in, values come out. What a field lacks, or has in another form than this version
knows, is left out, so that a newer daemon does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from styxy.client.text.render import objects, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

Entry = dict[str, object]


def text(entry: Mapping[str, object], name: str) -> str:
    """Return a field as one printable line; empty if it is missing."""
    value = entry.get(name)
    return "" if value in (None, "") else plain(value)


def number(entry: Mapping[str, object], name: str) -> int | None:
    """Return a field that is a whole number, else None."""
    value = entry.get(name)
    return value if type(value) is int else None


def moment(entry: Mapping[str, object], name: str) -> float | None:
    """Return a field that is an RFC 3339 time, in seconds since the epoch, else None."""
    try:
        return datetime.fromisoformat(str(entry.get(name))).timestamp()
    except (ValueError, OverflowError):
        return None


def _part(entry: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """What is on a port: a listener, a lease, or both; empty texts where there is nothing.

    `asked` is the port that the server asked for, if it was moved. `since` is seconds since the
    epoch, of the listener or else the lease.
    """

    port: int
    project: str
    service_type: str
    instance: str
    asked: int | None
    is_listening: bool
    server: str
    command: str
    addresses: str
    url: str
    pid: int | None
    user: str
    is_own: bool
    since: float | None
    lock_id: str
    lease: str
    lease_state: str
    lease_project: str
    words: str

    @classmethod
    def of(cls, entry: Mapping[str, object]) -> PortFacts | None:
        """Read an entry of `ports`; None if it has no port."""
        port = number(entry, "port")
        if port is None:
            return None
        listener, lease = _part(entry, "listener"), _part(entry, "lease")
        addresses = listener.get("addresses")
        named = {
            "project": text(entry, "project"),
            "service_type": text(entry, "service_type"),
            "instance": text(entry, "instance_id"),
            "server": text(listener, "program") or text(listener, "process"),
            "command": text(listener, "command"),
            "url": text(listener, "url"),
            "user": text(listener, "user"),
            "lease": text(lease, "service_name"),
            "lease_state": text(lease, "state"),
        }
        asked = number(entry, "requested_port")
        words = " ".join([str(port), *([str(asked)] if asked else []), *named.values()]).lower()
        return cls(
            port=port,
            asked=asked,
            is_listening=bool(listener),
            addresses=", ".join(map(plain, addresses)) if isinstance(addresses, list) else "",
            pid=number(listener, "pid"),
            is_own=listener.get("own") is True,
            since=moment(listener, "since") if listener else moment(lease, "allocated_at"),
            lock_id=text(lease, "lock_id"),
            lease_project=text(lease, "project"),
            words=words,
            **named,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """A project: `shown` is its path with `~`, `repo` what all worktrees of a repo share."""

    path: str
    shown: str
    repo: str
    branch: str
    is_linked: bool

    @classmethod
    def of(cls, entry: Mapping[str, object]) -> ProjectFacts:
        """Read an entry of `projects`."""
        path = text(entry, "path")
        return cls(
            path=path,
            shown=text(entry, "shown") or path,
            repo=text(entry, "repo"),
            branch=text(entry, "branch"),
            is_linked=entry.get("is_linked") is True,
        )


MOST_EVENTS = 200
"""Events that are kept; the audit has the others."""


@dataclass(slots=True)
class Facts:
    """Everything that is known now. `revision` is None before the first answer."""

    revision: int | None = None
    version: str = ""
    ports: dict[int, PortFacts] = field(default_factory=dict)
    projects: dict[str, ProjectFacts] = field(default_factory=dict)
    events: list[Entry] = field(default_factory=list)
    instances: list[Entry] = field(default_factory=list)
    ranges: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, answer: Mapping[str, object]) -> None:
        """Replace everything by a complete answer; change what a partial one has."""
        if answer.get("complete") is True:
            self.ports, self.projects, self.events = {}, {}, []
        self.revision = number(answer, "revision")
        self.version = text(answer, "version")
        gone = answer.get("gone")
        for port in gone if isinstance(gone, list) else []:
            if isinstance(port, int):
                self.ports.pop(port, None)
        found = (PortFacts.of(entry) for entry in objects(answer.get("ports")))
        self.ports.update((each.port, each) for each in found if each is not None)
        for project in map(ProjectFacts.of, objects(answer.get("projects"))):
            self.projects[project.path] = project
        self.events = [*self.events, *objects(answer.get("events"))][-MOST_EVENTS:]
        if "instances" in answer:
            self.instances = objects(answer["instances"])
        if "ranges" in answer:
            self.ranges = objects(answer["ranges"])
        warnings = answer.get("warnings")
        if isinstance(warnings, list):
            self.warnings = [plain(each) for each in warnings]

    def project(self, path: str) -> ProjectFacts:
        """Return what is known of a project, at least its path."""
        return self.projects.get(path) or ProjectFacts(
            path=path, shown=path, repo="", branch="", is_linked=False
        )
