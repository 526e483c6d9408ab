"""Moved binds: the interceptor's question over HTTP, and the list of moves."""

from __future__ import annotations

from styxy.core.decisions.requests import RunsAlready
from styxy.core.model.ports import Port
from styxy.core.protocol import reassignments as shapes
from styxy.core.protocol.leases import singleton_message
from styxy.core.protocol.wire import BindQuestion
from styxy.server.http.routes.call import Call, Route, living


def reassign(call: Call) -> shapes.ReassignAnswer:
    """Decide where a conflicting bind goes."""
    body: shapes.ReassignBody = call.body
    living(call, body.pid)
    question = BindQuestion(
        protocol=body.protocol,
        family=4,
        port=Port(body.port),
        address="127.0.0.1",
        reason=body.reason,
        lost=None if body.lost_port is None else Port(body.lost_port),
        image_id=body.server or f"{body.pid:016x}",
        instance_id=body.instance_id,
        service_type=body.service_type,
        project=body.project_path,
    )
    project = call.service.context.projects.resolve(body.project_path, pid=body.pid)
    answer = call.service.interception.move(question, pid=body.pid, project=project)
    words = call.service.interception.reasons.words(answer)
    running = _running(call, answer) if isinstance(answer, RunsAlready) else None
    return shapes.reassigned(answer, body.port, words=words, running=running)


def _running(call: Call, answer: RunsAlready) -> str | None:
    """Say of a singleton that has a lease the same as POST /allocate; None if it has none."""
    lease = call.service.desk.lease_index.on_port(answer.port)
    if lease is None:
        return None
    project = lease.owner.project
    shown = None if project is None else call.service.context.projects.shown(project)
    return singleton_message(lease, shown)


def reassignments(call: Call) -> shapes.ReassignmentsAnswer:
    """List the most recent moved binds."""
    recent = call.service.recent_moves()
    return shapes.ReassignmentsAnswer([shapes.reassignment(event) for event in recent])


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/reassign",
        handler=reassign,
        summary="Decide where a conflicting bind goes",
        body=shapes.ReassignBody,
        answer=shapes.ReassignAnswer,
        errors=(409,),
        example_body={"port": 8000, "pid": 4711},
    ),
    Route(
        method="GET",
        path="/reassignments",
        handler=reassignments,
        summary="List the most recent moved binds",
        answer=shapes.ReassignmentsAnswer,
    ),
)
