"""Instances: agent sessions and terminals that register."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from styxy.core.protocol.leases import Allocation, allocation
from styxy.core.protocol.scalars import AbsolutePath, Name, Pid, PortNumber, TypeName, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.model.instances import Instance
    from styxy.core.model.leases import Lease


class RegisterBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /instance/register; `template` is main, dev, staging or features."""

    instance_id: Name
    working_directory: AbsolutePath | None = None
    project_path: AbsolutePath | None = None
    template: str | None = None
    pid: Pid | None = None
    metadata: dict[str, Any] | None = None


class InterceptorBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /register-instance: what an intercepted program reports about itself.

    Without an `instance_id` the program is registered as ldpreload-PID.
    """

    pid: Pid | None = None
    port: PortNumber | None = None
    service_type: TypeName | None = None
    instance_id: Name | None = None
    project_path: AbsolutePath | None = None


class LeaveQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of DELETE /instance/{id}."""

    keep_leases: bool = False


class RegisterAnswer(msgspec.Struct, kw_only=True):
    """The answer of both ways to register."""

    success: bool
    instance_id: str
    message: str


class HeartbeatAnswer(msgspec.Struct, kw_only=True):
    """The answer of PUT /instance/{id}/heartbeat."""

    success: bool
    instance_id: str
    last_heartbeat: str


class LeaveAnswer(msgspec.Struct, kw_only=True):
    """The answer of DELETE /instance/{id}, with the leases that ended."""

    success: bool
    instance_id: str
    released: list[Allocation]
    message: str


class RegisteredInstance(msgspec.Struct, kw_only=True):
    """One instance with the leases that name it. `age` is in seconds."""

    instance_id: str
    working_directory: str | None
    project_path: str | None
    template: str | None
    pid: int | None
    port: int | None
    service_type: str | None
    metadata: dict[str, Any] | None
    registered_at: str
    last_heartbeat: str
    age: float
    leases: list[Allocation]


class SessionProcess(msgspec.Struct, kw_only=True):
    """A process of an agent session: a server, or what has started one.

    `start_time` is in clock ticks since boot (proc(5)) and tells it from a later one with its pid.
    """

    pid: int
    start_time: int
    instance_id: str


class InstancesAnswer(msgspec.Struct):
    """The answer of GET /instance/list, oldest first.

    `session_processes` live; the session of some may have ended.
    """

    instances: list[RegisteredInstance]
    session_processes: list[SessionProcess]


def metadata_text(metadata: dict[str, Any] | None) -> str | None:
    """Encode metadata as the JSON text that an instance keeps."""
    return None if metadata is None else json.dumps(metadata)


def registered(instance: Instance, leases: Sequence[Lease], *, now: float) -> RegisteredInstance:
    """Convert an instance to the API's shape."""
    return RegisteredInstance(
        instance_id=instance.instance_id,
        working_directory=instance.working_directory,
        project_path=instance.project,
        template=instance.template,
        pid=instance.holder.pid if instance.holder else None,
        port=instance.port,
        service_type=instance.service_type,
        metadata=None if instance.metadata is None else json.loads(instance.metadata),
        registered_at=rfc3339(instance.registered_at),
        last_heartbeat=rfc3339(instance.last_heartbeat),
        age=round(max(now - instance.registered_at, 0.0), 3),
        leases=[allocation(lease) for lease in leases],
    )


def left(instance_id: str, ended: Sequence[Lease]) -> LeaveAnswer:
    """Report that an instance left, and which leases ended with it."""
    released = sorted(ended, key=lambda lease: lease.port)
    ports = ", ".join(str(lease.port) for lease in released)
    more = f" and its leases ended: {ports}" if ports else ""
    return LeaveAnswer(
        success=True,
        instance_id=instance_id,
        released=[allocation(lease) for lease in released],
        message=f"Instance {instance_id} left{more}",
    )
