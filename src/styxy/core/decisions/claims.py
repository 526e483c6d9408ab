"""Whose a lease is: found again by its name, lent to a process, and kept from strangers.

A named lease of a project is one, whichever of its sessions asks. A process that takes it over has
it on loan: when the process is gone, the project has the lease as before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from styxy.core.books.events import Dated, Passed
from styxy.core.decisions.requests import Grant, Ruling
from styxy.core.errors import NotYours

if TYPE_CHECKING:
    from collections.abc import Collection

    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.decisions.requests import LeaseRequest
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.service_types import ServiceType


def find_existing(
    lease_index: LeaseIndex, request: LeaseRequest, kind: ServiceType
) -> Lease | None:
    """Find the lease that a request would share: a singleton's, or with `reuse` its own by name.

    Of several, the one that the asking process has, else one that it can take over, else the
    oldest.
    """
    if kind.is_singleton:
        return next(iter(lease_index.of_type(kind.name)), None)
    if not request.reuse:
        return None
    named = lease_index.of_service(kind.name, request.service_name)
    claims = [lease for lease in named if is_same_claim(lease, request)]
    if request.holder is not None:
        claims.sort(key=lambda lease: (lease.holder != request.holder, not _is_idle(lease)))
    return next(iter(claims), None)


def is_same_claim(lease: Lease, request: LeaseRequest) -> bool:
    """Tell whether a lease is the one that a request names.

    Where no project is known, sessions are strangers, and the holder must be the same, too.
    """
    return (
        lease.service_name == request.service_name
        and lease.owner.is_same(request.owner)
        and not lease.was_made_for_bind
        and (request.owner.project is not None or lease.holder == request.holder)
    )


def share(
    lease: Lease,
    request: LeaseRequest,
    *,
    expires_at: float | None,
    now: float,
    taken: Collection[int],
) -> Ruling[Grant]:
    """Answer with a lease that exists; one that is the asker's own is lent to it or renewed.

    `expires_at` is the end of a lease that nobody holds, counted from now.
    """
    if not (request.reuse and is_same_claim(lease, request)) or not _is_idle(lease):
        return Ruling(Grant(lease, existing=True))
    if request.holder is not None:
        return _lent(lease, request, request.holder, now=now, taken=taken)
    if expires_at is None or lease.expires_at is None:
        return Ruling(Grant(lease, existing=True))
    renewed = Dated(lease_id=lease.lease_id, port=lease.port, expires_at=expires_at, at=now)
    events = () if request.dry_run else (renewed,)
    return Ruling(Grant(replace(lease, expires_at=expires_at), existing=True), events)


def _lent(
    lease: Lease, request: LeaseRequest, holder: Holder, *, now: float, taken: Collection[int]
) -> Ruling[Grant]:
    if lease.port in taken:  # something listens there that the last look did not show
        return Ruling(Grant(lease, existing=True))
    lent = replace(lease, holder=holder, is_lent=True, expires_at=None, last_seen=now)
    passed = Passed(lease_id=lease.lease_id, port=lease.port, holder=holder, is_lent=True, at=now)
    events = () if request.dry_run else (passed,)
    return Ruling(Grant(lent, existing=True), events, candidate=lease.port)


def returned(lease: Lease, *, expires_at: float, now: float) -> Passed:
    """Give a lease that was lent back to its project."""
    return Passed(
        lease_id=lease.lease_id, port=lease.port, holder=None, expires_at=expires_at, at=now
    )


def check_own(lease: Lease, project: str) -> None:
    """Let only the project of a lease, or nobody's lease, pass. Raises `NotYours`."""
    owner = lease.owner
    if owner.project == project or (owner.project is None and owner.is_nobody):
        return
    whose = owner.project or f"instance {owner.instance_id}"
    raise NotYours(
        f"port {lease.port} is on lease to {lease.service_name} ({lease.service_type}) of {whose}, "
        f"not to this project; to end it all the same: styxy release --port {lease.port} --force",
        port=lease.port,
        lease_id=lease.lease_id,
        project_path=owner.project,
        instance_id=owner.instance_id,
        suggestions=[
            f"styxy who {lease.port}",
            f"styxy release --port {lease.port} --force",
        ],
    )


def _is_idle(lease: Lease) -> bool:
    """Tell whether nobody uses a lease: no process holds it, and nothing listens there."""
    return lease.holder is None and lease.state == "reserved"
