"""Instances: register, heartbeat, list, leave."""

from __future__ import annotations

from styxy.core.decisions.requests import InstanceRequest
from styxy.core.errors import InvalidInput
from styxy.core.model.ports import Port
from styxy.core.protocol import instances as shapes
from styxy.core.protocol.scalars import rfc3339
from styxy.server.http.routes.call import Call, Route, living


def register(call: Call) -> shapes.RegisterAnswer:
    """Register an instance, or refresh it."""
    body: shapes.RegisterBody = call.body
    directory = body.working_directory or body.project_path
    request = InstanceRequest(
        instance_id=body.instance_id,
        holder=living(call, body.pid),
        working_directory=directory,
        project=call.service.context.projects.resolve(directory),
        template=body.template,
        metadata=shapes.metadata_text(body.metadata),
    )
    return _registered(call, request)


def register_program(call: Call) -> shapes.RegisterAnswer:
    """Register an intercepted program."""
    body: shapes.InterceptorBody = call.body
    if body.instance_id is None and body.pid is None:
        raise InvalidInput("send an instance_id or a pid")
    context = call.service.context
    holder = living(call, body.pid)
    request = InstanceRequest(
        instance_id=body.instance_id or f"ldpreload-{body.pid}",
        holder=holder,
        working_directory=context.processes.directory(body.pid) if body.pid is not None else None,
        project=context.projects.resolve(body.project_path, pid=body.pid),
        port=None if body.port is None else Port(body.port),
        service_type=body.service_type,
    )
    return _registered(call, request)


def _registered(call: Call, request: InstanceRequest) -> shapes.RegisterAnswer:
    is_known = request.instance_id in call.service.desk.instances
    call.service.instances.register(request)
    done = "refreshed" if is_known else "registered"
    return shapes.RegisterAnswer(
        success=True,
        instance_id=request.instance_id,
        message=f"Instance {request.instance_id} {done}",
    )


def heartbeat(call: Call) -> shapes.HeartbeatAnswer:
    """Record that an instance is alive."""
    instance = call.service.instances.heartbeat(call.path["id"])
    return shapes.HeartbeatAnswer(
        success=True,
        instance_id=instance.instance_id,
        last_heartbeat=rfc3339(instance.last_heartbeat),
    )


def instances(call: Call) -> shapes.InstancesAnswer:
    """List the instances with their leases, and the processes of agent sessions."""
    desk, is_alive = call.service.desk, call.service.context.processes.is_alive
    now = call.service.context.clock()
    known = sorted(desk.instances.values(), key=lambda each: (each.registered_at, each.instance_id))
    return shapes.InstancesAnswer(
        [
            shapes.registered(each, desk.lease_index.of_instance(each.instance_id), now=now)
            for each in known
        ],
        [
            shapes.SessionProcess(pid=each.pid, start_time=each.start_time, instance_id=name)
            for each, name in desk.session_processes.items()
            if is_alive(each)
        ],
    )


def leave(call: Call) -> shapes.LeaveAnswer:
    """Remove an instance."""
    instance_id = call.path["id"]
    ended = call.service.instances.leave(instance_id, keep_leases=call.query.keep_leases)
    return shapes.left(instance_id, ended)


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/instance/register",
        handler=register,
        summary="Register an instance, or refresh it",
        body=shapes.RegisterBody,
        example_body={"instance_id": "agent-1", "working_directory": "/home/me/shop"},
        answer=shapes.RegisterAnswer,
    ),
    Route(
        method="PUT",
        path="/instance/{id}/heartbeat",
        handler=heartbeat,
        summary="Record that an instance is alive",
        answer=shapes.HeartbeatAnswer,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/instance/list",
        handler=instances,
        summary="List the instances with their leases",
        answer=shapes.InstancesAnswer,
    ),
    Route(
        method="DELETE",
        path="/instance/{id}",
        handler=leave,
        summary="Remove an instance and release its leases",
        query=shapes.LeaveQuery,
        answer=shapes.LeaveAnswer,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/register-instance",
        handler=register_program,
        summary="Register an intercepted program",
        body=shapes.InterceptorBody,
        example_body={"instance_id": "agent-1", "port": 3000, "service_type": "dev"},
        answer=shapes.RegisterAnswer,
    ),
)
