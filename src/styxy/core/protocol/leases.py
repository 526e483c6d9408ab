"""Leases, which the API calls allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from styxy.core.messages import counted
from styxy.core.model.leases import DEFAULT_INSTANCE, DEFAULT_NAME
from styxy.core.protocol.scalars import (
    AbsolutePath,
    LeasablePort,
    Name,
    Pid,
    Seconds,
    TypeName,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.decisions.requests import Grant
    from styxy.core.model.leases import Lease


class AllocateBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /allocate.

    `project_path` may be any directory of the project; the daemon resolves it to the canonical path
    of the worktree, or of the tree with a project file. Without it, the project is that of the
    working directory of `pid`, else that of the instance.
    """

    service_type: TypeName
    service_name: Name = DEFAULT_NAME
    preferred_port: LeasablePort | None = None
    instance_id: Name = DEFAULT_INSTANCE
    project_path: AbsolutePath | None = None
    pid: Pid | None = None
    ttl: Seconds | None = None
    dry_run: bool = False
    sticky: bool = True
    reuse: bool = False
    protocol: Literal["tcp", "udp", "both"] = "tcp"
    confirm: str | None = None


class ReleaseQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of DELETE /allocate/{lock_id}.

    With `project_path`, only a lease of that project is released, unless `force`.
    """

    project_path: AbsolutePath | None = None
    force: bool = False


class AllocationsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /allocations."""

    service_type: str | None = None
    project: AbsolutePath | None = None
    instance_id: str | None = None


class Allocation(msgspec.Struct, kw_only=True):
    """One lease. Times are RFC 3339 in UTC."""

    port: int
    lock_id: str
    service_type: str
    service_name: str
    instance_id: str
    project_path: str | None
    pid: int | None
    protocol: str
    allocated_at: str
    state: str
    last_seen: str
    expires_at: str | None
    requested_port: int | None


class AllocateAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer of POST /allocate.

    `preferred_reason` says why it is not the preferred port, `warning` what keeps the caller from
    using it.
    """

    success: bool
    port: int
    message: str
    service_type: str
    service_name: str
    instance_id: str
    lock_id: str | msgspec.UnsetType = msgspec.UNSET
    project_path: str | None = None
    pid: int | None = None
    expires_at: str | None = None
    dry_run: bool = False
    existing: bool = False
    existing_instance_id: str | msgspec.UnsetType = msgspec.UNSET
    existing_pid: int | msgspec.UnsetType | None = msgspec.UNSET
    allocated_at: str | msgspec.UnsetType = msgspec.UNSET
    auto_allocated: bool = False
    allocated_range: tuple[int, int] | None = None
    chunk_size: int | None = None
    placement: str | None = None
    preferred_reason: str | None = None
    warning: str | None = None


class ReleaseAnswer(msgspec.Struct, kw_only=True):
    """The answer of DELETE /allocate/{lock_id}."""

    success: bool
    port: int
    lock_id: str
    message: str


class AllocationsAnswer(msgspec.Struct):
    """The answer of GET /allocations."""

    allocations: list[Allocation]


class CleanupBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /cleanup; `force` ends every lease without a listener.

    `project_path` limits what is forced to one project, and without `force` everything.
    """

    force: bool = False
    project_path: AbsolutePath | None = None


class CleanupAnswer(msgspec.Struct, kw_only=True):
    """The answer of POST /cleanup: how many leases ended, and which."""

    success: bool
    cleaned: int
    released: list[Allocation]
    message: str


def allocation(lease: Lease) -> Allocation:
    """Convert a lease to the API's shape."""
    return Allocation(
        port=lease.port,
        lock_id=lease.lease_id,
        service_type=lease.service_type,
        service_name=lease.service_name,
        instance_id=lease.owner.instance_id,
        project_path=lease.owner.project,
        pid=lease.holder.pid if lease.holder else None,
        protocol=lease.protocol,
        allocated_at=rfc3339(lease.allocated_at),
        state=lease.state,
        last_seen=rfc3339(lease.last_seen),
        expires_at=None if lease.expires_at is None else rfc3339(lease.expires_at),
        requested_port=lease.asked,
    )


def granted(grant: Grant, *, dry_run: bool) -> AllocateAnswer:
    """Report that a lease was granted, or with `dry_run` that it would be."""
    lease = grant.lease
    verb = "Would allocate" if dry_run else "Allocated"
    answer = _answer(lease, f"{verb} port {lease.port} for service '{lease.service_name}'")
    answer.dry_run = dry_run
    if dry_run:
        answer.lock_id = msgspec.UNSET
    if grant.made is not None and grant.made.is_new:
        span = grant.made.made
        if not dry_run:
            answer.message = grant.made.announcement
        answer.auto_allocated = True
        answer.allocated_range = (span.first, span.last)
        answer.chunk_size = grant.made.chunk_size
        answer.placement = grant.made.placement
    return answer


def without_preferred(answer: AllocateAnswer, preferred_port: int, reason: str) -> AllocateAnswer:
    """Add to an answer that it is not the preferred port, and why."""
    answer.preferred_reason = reason
    answer.message = f"{answer.message}; not {preferred_port}: {reason}"
    return answer


def with_stranger(answer: AllocateAnswer, who: str) -> AllocateAnswer:
    """Add to an answer that somebody else listens on the port: `who` it is."""
    answer.warning = f"but {who}; see: styxy who {answer.port}"
    answer.message = f"{answer.message}, {answer.warning}"
    return answer


def shared(
    lease: Lease, *, is_singleton: bool, project: str | None = None, dry_run: bool = False
) -> AllocateAnswer:
    """Report an existing lease: a singleton's, or with `reuse` the caller's own.

    `project` is the lease's project as it is shown to people.
    """
    answer = _answer(
        lease,
        singleton_message(lease, project)
        if is_singleton
        else f"Port {lease.port} is already yours for service '{lease.service_name}'",
    )
    answer.existing = True
    answer.dry_run = dry_run
    if dry_run:
        answer.lock_id = msgspec.UNSET
    answer.existing_instance_id = lease.owner.instance_id
    answer.existing_pid = answer.pid
    answer.allocated_at = rfc3339(lease.allocated_at)
    return answer


def singleton_message(lease: Lease, project: str | None) -> str:
    """Say which lease of a singleton serves everybody, and how to use it."""
    kind = lease.service_type
    pid = f"pid {lease.holder.pid}" if lease.holder else None
    who = ", ".join(part for part in (pid, project) if part is not None)
    name = f"{lease.service_name} ({who})" if who else lease.service_name
    return (
        f"Service '{kind}' only allows single instance: {name} runs on port {lease.port}; "
        f"use that one: styxy use {kind}"
    )


def cleaned(ended: Sequence[Lease], *, force: bool) -> CleanupAnswer:
    """Report which leases a cleanup has ended."""
    released = sorted(ended, key=lambda lease: lease.port)
    ports = ", ".join(str(lease.port) for lease in released)
    count = counted(len(released), "lease")
    what = f"Released {count}: {ports}" if ports else "Nothing to clean up"
    hint = "" if force or ports else "; to end leases that nobody listens on: styxy cleanup -f"
    return CleanupAnswer(
        success=True,
        cleaned=len(released),
        released=[allocation(lease) for lease in released],
        message=what + hint,
    )


def _answer(lease: Lease, message: str) -> AllocateAnswer:
    return AllocateAnswer(
        success=True,
        port=lease.port,
        lock_id=lease.lease_id,
        message=message,
        service_type=lease.service_type,
        service_name=lease.service_name,
        instance_id=lease.owner.instance_id,
        project_path=lease.owner.project,
        pid=lease.holder.pid if lease.holder else None,
        expires_at=None if lease.expires_at is None else rfc3339(lease.expires_at),
    )
