"""Everything that the page and the terminal view show, in one answer, or what has changed of it."""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING, Annotated

import msgspec

from styxy.core.model.ports import LAST_PORT
from styxy.core.protocol.audit.shapes import AuditEvent
from styxy.core.protocol.scalars import rfc3339
from styxy.core.reports.overview import url_of
from styxy.core.reports.ownership import AGENTS, is_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from styxy.core.model.instances import Instance
    from styxy.core.model.leases import Lease
    from styxy.core.reports.overview import RangeUse
    from styxy.core.reports.port_report import PortReport, Usage


class OverviewQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /overview. `since`: the `revision` of the answer that is known already.

    `first`: give at most so many ports, of those on which something listens the ones that a list by
    project begins with. A first look needs no ten thousand.
    """

    since: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    first: Annotated[int, msgspec.Meta(ge=1, le=LAST_PORT)] | None = None


class OverviewListener(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What listens on a port; a field without a value is left out.

    `program` is what people call it: `vite` where `process` is `node`. `own`: it is a process of
    the daemon's own user. `url` is where a browser on this machine finds it.
    """

    protocol: str
    addresses: list[str]
    url: str | None = None
    pid: int | None = None
    process: str | None = None
    program: str | None = None
    command: str | None = None
    since: str | None = None
    user: str | None = None
    own: bool = False


class OverviewLease(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The lease of a port. `project` is there where another project is listening."""

    lock_id: str
    service_name: str
    state: str
    allocated_at: str
    protocol: str = "tcp"
    pid: int | None = None
    expires_at: str | None = None
    project: str | None = None


class OverviewPort(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A port that is leased, or has a listener, or both; a field without a value is left out.

    `requested_port` is the one that the server asked for, if it was moved.
    """

    port: int
    service_type: str | None = None
    project: str | None = None
    instance_id: str | None = None
    requested_port: int | None = None
    listener: OverviewListener | None = None
    lease: OverviewLease | None = None


class OverviewProject(msgspec.Struct, kw_only=True):
    """A project: `shown` is its path with `~`. `repo` is the directory that has a worktree's repo,
    and the same for all worktrees of it.
    """

    path: str
    shown: str
    repo: str | None
    branch: str | None
    is_linked: bool


class OverviewInstance(msgspec.Struct, kw_only=True):
    """A registered instance; `agent` is the coding agent whose session it is. `ports` are those of
    its leases and listeners.
    """

    instance_id: str
    agent: str | None
    project: str | None
    working_directory: str | None
    pid: int | None
    registered_at: str
    last_heartbeat: str
    ports: list[int]


class OverviewRange(msgspec.Struct, kw_only=True):
    """A service type and how full it is: `used` ports are leased, or have a listener, or both."""

    service_type: str
    ranges: list[tuple[int, int]]
    description: str
    is_singleton: bool
    size: int
    leased: int
    listening: int
    used: int


class OverviewAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer of GET /overview.

    If it is `complete`, it has everything. Otherwise it has what is new since the revision that was
    asked for: `ports`, `projects` and `events` to be added or replaced, the ports that are `gone`,
    and those of the other lists that have changed, whole. Ports are in ascending order, events are
    the most recent ones, newest last.
    """

    revision: int
    complete: bool
    version: str
    pid: int
    started_at: str
    ports: list[OverviewPort]
    gone: list[int]
    projects: list[OverviewProject]
    events: list[AuditEvent]
    instances: list[OverviewInstance] | msgspec.UnsetType = msgspec.UNSET
    ranges: list[OverviewRange] | msgspec.UnsetType = msgspec.UNSET
    warnings: list[str] | msgspec.UnsetType = msgspec.UNSET


def overview_port(report: PortReport, *, user: str | None, is_own: bool) -> OverviewPort:
    """Convert what is on a port to the API's shape. `user` has the listener."""
    lease = report.lease
    asked = lease.asked if lease is not None else None
    return OverviewPort(
        port=report.port,
        service_type=report.service_type,
        project=report.project,
        instance_id=report.instance_id,
        requested_port=asked if asked != report.port else None,
        listener=_listener(report.usage, user=user, is_own=is_own) if report.usage else None,
        lease=_lease(lease, shown_project=report.project) if lease is not None else None,
    )


def listed_first(
    ports: Iterable[OverviewPort], projects: Mapping[str, OverviewProject], most: int
) -> list[OverviewPort]:
    """Return the ports with which a list by project begins: repos first, by name, in each the main
    worktree before the linked ones; then the other projects, then what belongs to none.
    """
    place = {path: _place(path, project) for path, project in projects.items()}

    def key(each: OverviewPort) -> tuple[bool, str, int]:
        path = each.project
        return path is None, place.get(path or "") or _place(path or "", None), each.port

    return sorted((each for each in ports if each.listener is not None), key=key)[:most]


def _place(path: str, project: OverviewProject | None) -> str:
    """Return what a project is sorted by; the page's model.js sorts by the same."""
    if project is None:
        return f"1{path}".lower()
    name = basename(project.repo or path) or "/"
    return f"{1 if project.repo is None else 0}{name}\0{project.is_linked:d}\0{path}".lower()


def _listener(usage: Usage, *, user: str | None, is_own: bool) -> OverviewListener:
    return OverviewListener(
        protocol=usage.protocol,
        addresses=list(usage.addresses),
        url=url_of(usage.port, usage.addresses) if usage.protocol != "udp" else None,
        pid=usage.pid,
        process=usage.process,
        program=usage.program or usage.process,
        command=usage.command,
        since=None if usage.since is None else rfc3339(usage.since),
        user=user,
        own=is_own,
    )


def _lease(lease: Lease, *, shown_project: str | None) -> OverviewLease:
    project = lease.owner.project
    return OverviewLease(
        lock_id=lease.lease_id,
        service_name=lease.service_name,
        state=lease.state,
        allocated_at=rfc3339(lease.allocated_at),
        protocol=lease.protocol,
        pid=lease.holder.pid if lease.holder else None,
        expires_at=None if lease.expires_at is None else rfc3339(lease.expires_at),
        project=project if project != shown_project else None,
    )


def overview_instance(instance: Instance, ports: Iterable[int]) -> OverviewInstance:
    """Convert an instance and the ports that it has to the API's shape."""
    name = instance.instance_id
    agent = name.partition("-")[0]
    return OverviewInstance(
        instance_id=name,
        agent=agent if is_session(name) and agent in AGENTS else None,
        project=instance.project,
        working_directory=instance.working_directory,
        pid=instance.holder.pid if instance.holder else None,
        registered_at=rfc3339(instance.registered_at),
        last_heartbeat=rfc3339(instance.last_heartbeat),
        ports=sorted(set(ports)),
    )


def overview_range(use: RangeUse) -> OverviewRange:
    """Convert how full a service type is to the API's shape."""
    return OverviewRange(
        service_type=use.kind.name,
        ranges=[(span.first, span.last) for span in use.kind.ranges],
        description=use.kind.description,
        is_singleton=use.kind.is_singleton,
        size=use.size,
        leased=use.leased,
        listening=use.listening,
        used=use.used,
    )
