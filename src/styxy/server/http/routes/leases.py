"""Leases: grant, release, list."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from styxy.core.decisions.requests import LeaseRequest
from styxy.core.model.leases import Owner
from styxy.core.model.ports import Port
from styxy.core.protocol import leases as shapes
from styxy.server.http.routes.call import Call, Route, living

if TYPE_CHECKING:
    from styxy.server.service.service import Service

SLICE = 500
"""Leases that are encoded in one turn of the loop: 3 ms."""


def allocate(call: Call) -> shapes.AllocateAnswer:
    """Lease a port."""
    body: shapes.AllocateBody = call.body
    service = call.service
    grant = service.allocate(_request(call, body))
    lease, project, wished = grant.lease, grant.lease.owner.project, body.preferred_port
    if not grant.existing:
        answer = shapes.granted(grant, dry_run=body.dry_run)
        if wished is None or wished == lease.port:
            return answer
        return shapes.without_preferred(answer, wished, _why_not(service, Port(wished)))
    is_singleton = service.desk.catalogue.get(lease.service_type).is_singleton
    answer = shapes.shared(
        lease,
        is_singleton=is_singleton,
        project=None if project is None else service.context.projects.shown(project),
        dry_run=body.dry_run,
    )
    if is_singleton:
        return answer
    if wished is not None and wished != lease.port:
        answer = shapes.without_preferred(answer, wished, f"this service has port {lease.port}")
    stranger = _stranger(service, lease.port)
    return answer if stranger is None else shapes.with_stranger(answer, stranger)


def _stranger(service: Service, port: Port) -> str | None:
    """Say who listens on a leased port, if that is nobody whom the lease promises it to."""
    context = service.context
    usage = context.port_usage.port(port, now=context.clock())
    if usage is None or port not in service.strangers_on([port]):
        return None
    whose = f" of {context.projects.shown(usage.project)}" if usage.project else ""
    return f"{usage.process} (pid {usage.pid}){whose} is listening there"


def _why_not(service: Service, port: Port) -> str:
    """Say why a preferred port could not be leased."""
    report = service.report(port, probe=True)
    return "it was in use a moment ago" if report.is_available else report.reason


def _request(call: Call, body: shapes.AllocateBody) -> LeaseRequest:
    return LeaseRequest(
        service_type=body.service_type.lower(),
        service_name=body.service_name,
        owner=Owner(project=_project(call.service, body), instance_id=body.instance_id),
        holder=living(call, body.pid),
        preferred_port=None if body.preferred_port is None else Port(body.preferred_port),
        ttl=body.ttl,
        protocol=body.protocol,
        sticky=body.sticky,
        reuse=body.reuse,
        dry_run=body.dry_run,
        confirm=body.confirm,
    )


def _project(service: Service, body: shapes.AllocateBody) -> str | None:
    """Return the project: the caller's choice, else the process's, else the instance's."""
    if body.project_path is None and body.pid is None:
        instance = service.desk.instances.get(body.instance_id)
        return instance.project if instance else None
    return service.context.projects.resolve(body.project_path, pid=body.pid)


def release(call: Call) -> shapes.ReleaseAnswer:
    """Release a lease."""
    asked: shapes.ReleaseQuery = call.query
    project = None
    if asked.project_path is not None and not asked.force:
        project = call.service.context.projects.at(asked.project_path)
    lease = call.service.release(call.path["lock_id"], project=project)
    return shapes.ReleaseAnswer(
        success=True,
        port=lease.port,
        lock_id=lease.lease_id,
        message=f"Released port {lease.port}",
    )


async def allocations(call: Call) -> shapes.AllocationsAnswer:
    """List the leases by port; a long list is encoded in slices."""
    wanted: shapes.AllocationsQuery = call.query
    projects = call.service.context.projects
    project = projects.at(wanted.project) if wanted.project is not None else None
    leases = [
        lease
        for lease in call.service.desk.lease_index
        if wanted.service_type in (None, lease.service_type)
        and project in (None, lease.owner.project)
        and wanted.instance_id in (None, lease.owner.instance_id)
    ]
    leases.sort(key=lambda lease: lease.port)
    said: list[shapes.Allocation] = []
    for begin in range(0, len(leases), SLICE):
        if begin:
            await asyncio.sleep(0)  # 10,000 leases take 50 ms, during which others would wait
        said += [shapes.allocation(lease) for lease in leases[begin : begin + SLICE]]
    return shapes.AllocationsAnswer(said)


def cleanup(call: Call) -> shapes.CleanupAnswer:
    """End the leases that nobody needs."""
    body: shapes.CleanupBody = call.body
    project = None
    if body.project_path is not None:
        project = call.service.context.projects.at(body.project_path)
    ended = call.service.cleanup(force=body.force, project=project)
    return shapes.cleaned(ended, force=body.force)


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/allocate",
        handler=allocate,
        summary="Lease a port",
        body=shapes.AllocateBody,
        example_body={"service_type": "dev", "service_name": "web", "project_path": "/tmp/shop"},
        answer=shapes.AllocateAnswer,
        errors=(404, 409),
    ),
    Route(
        method="DELETE",
        path="/allocate/{lock_id}",
        handler=release,
        summary="Release a lease",
        query=shapes.ReleaseQuery,
        answer=shapes.ReleaseAnswer,
        errors=(404, 409),
    ),
    Route(
        method="GET",
        path="/allocations",
        handler=allocations,
        summary="List leases",
        query=shapes.AllocationsQuery,
        example="/allocations?service_type=dev",
        answer=shapes.AllocationsAnswer,
    ),
    Route(
        method="POST",
        path="/cleanup",
        handler=cleanup,
        summary="End the leases of dead holders and unused leases that have lapsed",
        body=shapes.CleanupBody,
        example_body={"force": False},
        answer=shapes.CleanupAnswer,
    ),
)
