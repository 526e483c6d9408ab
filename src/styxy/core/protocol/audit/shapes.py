"""The shapes of GET /audit and GET /events: one for each kind of event, with `event` as its tag.

The fields have the names that the rest of the API uses.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from styxy.core.protocol.leases import Allocation

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
"""Events in one answer: about 300 KB, and 3 ms of the loop's time."""

EventWord = Literal[
    "allocated", "released", "passed", "bound", "unbound", "dated", "reassigned", "probed",
    "port_remembered", "move_remembered", "port_forgotten", "move_forgotten", "port_asked",
    "port_ask_forgotten", "range_added", "range_removed", "instance_registered",
    "instance_heartbeat", "instance_gone", "process_attributed", "program_learned",
    "program_forgotten", "noted",
]  # fmt: skip
"""The API's name for each kind of event."""


class AuditQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /audit. `since` is RFC 3339 or seconds since the epoch."""

    since: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    event: EventWord | None = None


class EventsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /events. `since_seq`: start after this event instead of now.

    `event=changed` sends a message whenever something in GET /overview is new, and nothing else.
    """

    event: EventWord | Literal["changed"] | None = None
    since_seq: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None


class User(msgspec.Struct, kw_only=True):
    """A user of this machine; `name` is null if the machine knows none."""

    uid: int
    name: str | None


class AuditEntry(msgspec.Struct, kw_only=True, tag_field="event"):
    """What every event has: its sequence number in the journal and its time, RFC 3339 in UTC."""

    seq: int
    at: str
    user: User | None = None


class AllocatedEvent(Allocation, kw_only=True, tag_field="event", tag="allocated"):
    """A port was leased; the fields are those of an allocation."""

    seq: int
    at: str
    user: User | None = None


class ReleasedEvent(AuditEntry, tag="released"):
    """A lease ended."""

    lock_id: str
    port: int
    reason: str
    pid: int | None


class BoundEvent(AuditEntry, tag="bound"):
    """A leased port has a listener."""

    lock_id: str
    port: int


class PassedEvent(BoundEvent, tag="passed"):
    """A lease was passed to the process that now has its socket, or back to its project."""

    pid: int | None


class UnboundEvent(BoundEvent, tag="unbound"):
    """A leased port lost its listener."""

    expires_at: str | None


class DatedEvent(BoundEvent, tag="dated"):
    """A lease has a new expiry time."""

    expires_at: str


class ReassignedEvent(AuditEntry, tag="reassigned"):
    """A bind asked for one port and was moved to another."""

    requested_port: int
    port: int
    pid: int
    process: str
    service_type: str
    project: str | None
    instance_id: str


class ProbedEvent(AuditEntry, tag="probed"):
    """A moved bind was a probe: its socket is gone and has served nobody."""

    lock_id: str
    requested_port: int
    port: int


class PortRememberedEvent(AuditEntry, tag="port_remembered"):
    """A snapshot entry: the remembered port of a service."""

    port: int
    service_type: str
    service_name: str
    project: str


class MoveRememberedEvent(AuditEntry, tag="move_remembered"):
    """A snapshot entry: where a bind was moved."""

    requested_port: int
    port: int


class PortForgottenEvent(PortRememberedEvent, tag="port_forgotten"):
    """The port of a service is no longer remembered."""


class MoveForgottenEvent(MoveRememberedEvent, tag="move_forgotten"):
    """The target of a moved bind is no longer remembered."""


class PortAskedEvent(AuditEntry, tag="port_asked"):
    """A program asked for a port by its number, for the first time in its repo or for long."""

    port: int


class AskForgottenEvent(PortAskedEvent, tag="port_ask_forgotten"):
    """It is no longer remembered that a repo asked for a port."""


class RangeAddedEvent(AuditEntry, tag="range_added"):
    """A service type was auto-allocated, or its range grew."""

    service_type: str
    ranges: list[tuple[int, int]]
    placement: str
    chunk_size: int


class RangeRemovedEvent(AuditEntry, tag="range_removed"):
    """An auto-allocated service type was removed."""

    service_type: str


class InstanceRegisteredEvent(AuditEntry, tag="instance_registered"):
    """A client registered, or registered again."""

    instance_id: str
    pid: int | None
    working_directory: str | None
    project: str | None
    template: str | None


class InstanceHeartbeatEvent(AuditEntry, tag="instance_heartbeat"):
    """A client sent a heartbeat."""

    instance_id: str


class InstanceGoneEvent(AuditEntry, tag="instance_gone"):
    """A client left, died or stopped sending heartbeats."""

    instance_id: str
    reason: str


class ProgramLearnedEvent(AuditEntry, tag="program_learned"):
    """Something was learned of a program; `conduct` is null while there is too little evidence."""

    program: str
    executable: str
    script: str
    conduct: str | None


class ProgramForgottenEvent(AuditEntry, tag="program_forgotten"):
    """What was learned of a program was forgotten."""

    program: str
    executable: str
    script: str


class AttributedEvent(AuditEntry, tag="process_attributed"):
    """Processes turned out to be an agent session's; without an instance, that is forgotten."""

    pids: list[int]
    instance_id: str | None


class NotedEvent(AuditEntry, tag="noted"):
    """Something happened to the daemon itself."""

    subject: str
    message: str
    level: str


AuditEvent = (
    AllocatedEvent
    | ReleasedEvent
    | PassedEvent
    | BoundEvent
    | UnboundEvent
    | DatedEvent
    | ReassignedEvent
    | ProbedEvent
    | PortRememberedEvent
    | MoveRememberedEvent
    | PortForgottenEvent
    | MoveForgottenEvent
    | PortAskedEvent
    | AskForgottenEvent
    | RangeAddedEvent
    | RangeRemovedEvent
    | InstanceRegisteredEvent
    | InstanceHeartbeatEvent
    | InstanceGoneEvent
    | ProgramLearnedEvent
    | ProgramForgottenEvent
    | AttributedEvent
    | NotedEvent
)


class AuditAnswer(msgspec.Struct):
    """The answer of GET /audit, newest last."""

    events: list[AuditEvent]
