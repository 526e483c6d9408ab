"""Moved binds: what the interceptor asks, and what was moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, assert_never

import msgspec

from styxy.core.decisions.requests import Kept, Moved, RunsAlready, Taken
from styxy.core.model.leases import DEFAULT_INSTANCE
from styxy.core.protocol.move_words import move_sentence
from styxy.core.protocol.scalars import AbsolutePath, LeasablePort, Name, Pid, TypeName, rfc3339

if TYPE_CHECKING:
    from styxy.core.books.events import Reassigned
    from styxy.core.decisions.requests import MoveAnswer
    from styxy.core.protocol.move_words import MoveWords

ServerId = Annotated[
    str,
    msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z", description="16 hex digits (0-9 and a-f)"),
]


class ReassignBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /reassign: a program whose bind of `port` met a conflict.

    `server` identifies the program image, so that its workers and both address families get one
    answer; without it, the process does. `lost_port` is the previous answer, if its bind failed
    too.
    """

    port: LeasablePort
    pid: Pid
    protocol: Literal["tcp", "udp"] = "tcp"
    reason: Literal["promised", "inuse", "shadowed", "placed", "returned"] = "inuse"
    server: ServerId | None = None
    instance_id: Name = DEFAULT_INSTANCE
    service_type: TypeName | None = None
    project_path: AbsolutePath | None = None
    lost_port: LeasablePort | None = None


class ReassignAnswer(msgspec.Struct, kw_only=True):
    """The answer of POST /reassign.

    `action`: keep (the bind's first result stands), move (bind `port`), single (a singleton is
    running on `port`, and the bind fails), taken (the bind fails, and the program finds another
    port by itself). `reassigned`: the program has not been told before.
    """

    success: bool
    action: Literal["keep", "move", "single", "taken"]
    requested_port: int
    port: int
    reassigned: bool
    service_type: str | None
    lock_id: str | None
    message: str


class Reassignment(msgspec.Struct, kw_only=True):
    """One bind that asked for one port and was moved to another."""

    requested_port: int
    port: int
    pid: int
    service_type: str
    project: str | None
    process: str
    at: str


class ReassignmentsAnswer(msgspec.Struct):
    """The answer of GET /reassignments, newest last."""

    reassignments: list[Reassignment]


def reassigned(
    answer: MoveAnswer, requested: int, *, words: MoveWords | None, running: str | None = None
) -> ReassignAnswer:
    """Convert a decision about a bind to the API's shape; `running` says where a singleton is."""
    match answer:
        case Kept():
            said = _unmoved("keep", requested, f"The bind of port {requested} is not moved")
        case Moved(lease=lease, is_new=is_new):
            said = ReassignAnswer(
                success=True,
                action="move",
                requested_port=requested,
                port=lease.port,
                reassigned=is_new,
                service_type=lease.service_type,
                lock_id=lease.lease_id,
                message=move_sentence(words, requested=requested, port=lease.port),
            )
        case RunsAlready(port=port, service_type=kind, pid=pid):
            who = f"pid {pid} runs" if pid else "it runs"
            said = ReassignAnswer(
                success=True,
                action="single",
                requested_port=requested,
                port=port,
                reassigned=False,
                service_type=kind,
                lock_id=None,
                message=running
                or f"Service '{kind}' only allows single instance: {who} on port {port}",
            )
        case Taken(advice=advice):
            why = advice or "stays taken: its program finds another"
            said = _unmoved("taken", requested, f"Port {requested} {why}")
        case _:
            assert_never(answer)
    return said


def _unmoved(action: Literal["keep", "taken"], requested: int, message: str) -> ReassignAnswer:
    return ReassignAnswer(
        success=True,
        action=action,
        requested_port=requested,
        port=requested,
        reassigned=False,
        service_type=None,
        lock_id=None,
        message=message,
    )


def reassignment(event: Reassigned) -> Reassignment:
    """Convert a moved bind to the API's shape."""
    return Reassignment(
        requested_port=event.requested_port,
        port=event.port,
        pid=event.pid,
        service_type=event.service_type,
        project=event.owner.project,
        process=event.process,
        at=rfc3339(event.at),
    )
