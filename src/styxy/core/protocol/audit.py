"""Journal events in the form that GET /audit and GET /events use.

One shape per kind of event, with `event` as its tag; the fields have the names that the rest of the
API uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, assert_never

import msgspec

from styxy.core.books.events import (
    Asked,
    AskForgotten,
    Attributed,
    Bound,
    Dated,
    Forgotten,
    Heard,
    InstanceGone,
    InstanceSeen,
    Leased,
    MoveForgotten,
    MoveRemembered,
    Noted,
    Passed,
    RangeAdded,
    RangeRemoved,
    Reassigned,
    Released,
    Remembered,
    Unbound,
)
from styxy.core.protocol.leases import Allocation, allocation
from styxy.core.protocol.scalars import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.books.events import Event

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
"""Events in one answer: about 300 KB, and 3 ms of the loop's time."""

EventWord = Literal[
    "allocated", "released", "passed", "bound", "unbound", "dated", "reassigned", "port_remembered",
    "move_remembered", "port_forgotten", "move_forgotten", "port_asked", "port_ask_forgotten",
    "range_added", "range_removed", "instance_registered", "instance_heartbeat", "instance_gone",
    "attributed", "noted",
]  # fmt: skip
"""The API's name for each kind of event."""


class AuditQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /audit. `since` is RFC 3339 or seconds since the epoch."""

    since: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    event: EventWord | None = None


class EventsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /events. `since_seq`: start after this event instead of now."""

    event: EventWord | None = None
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


class DatedEvent(AuditEntry, tag="dated"):
    """A lease has a new expiry time."""

    lock_id: str
    port: int
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


class AttributedEvent(AuditEntry, tag="attributed"):
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
    | AttributedEvent
    | NotedEvent
)


class AuditAnswer(msgspec.Struct):
    """The answer of GET /audit, newest last."""

    events: list[AuditEvent]


KIND_OF_WORD: dict[EventWord, type[Event]] = {
    "allocated": Leased,
    "released": Released,
    "passed": Passed,
    "bound": Bound,
    "unbound": Unbound,
    "dated": Dated,
    "reassigned": Reassigned,
    "port_remembered": Remembered,
    "move_remembered": MoveRemembered,
    "port_forgotten": Forgotten,
    "move_forgotten": MoveForgotten,
    "port_asked": Asked,
    "port_ask_forgotten": AskForgotten,
    "range_added": RangeAdded,
    "range_removed": RangeRemoved,
    "instance_registered": InstanceSeen,
    "instance_heartbeat": Heard,
    "instance_gone": InstanceGone,
    "attributed": Attributed,
    "noted": Noted,
}

WORD_OF_KIND = {kind: word for word, kind in KIND_OF_WORD.items()}


def audit_entry(
    event: Event, *, seq: int, name_of: Callable[[int], str | None] | None = None
) -> AuditEvent:
    """Convert an event to the API's shape, with the user who asked for it.

    `name_of` names a user by the uid.
    """
    entry = _entry(event, seq=seq)
    if event.uid is not None:
        entry.user = User(uid=event.uid, name=name_of(event.uid) if name_of else None)
    return entry


def _entry(event: Event, *, seq: int) -> AuditEvent:
    at = rfc3339(event.at)
    match event:
        case Leased(lease=lease):
            return AllocatedEvent(seq=seq, at=at, **msgspec.structs.asdict(allocation(lease)))
        case Released(lease_id=lease_id, port=port, reason=reason, holder=holder):
            pid = holder.pid if holder else None
            return ReleasedEvent(
                seq=seq, at=at, lock_id=lease_id, port=port, reason=reason, pid=pid
            )
        case Passed(lease_id=lease_id, port=port, holder=heir):
            pid = heir.pid if heir else None
            return PassedEvent(seq=seq, at=at, lock_id=lease_id, port=port, pid=pid)
        case Bound(lease_id=lease_id, port=port):
            return BoundEvent(seq=seq, at=at, lock_id=lease_id, port=port)
        case Unbound(lease_id=lease_id, port=port, expires_at=expires_at):
            until = None if expires_at is None else rfc3339(expires_at)
            return UnboundEvent(seq=seq, at=at, lock_id=lease_id, port=port, expires_at=until)
        case Dated(lease_id=lease_id, port=port, expires_at=end):
            return DatedEvent(seq=seq, at=at, lock_id=lease_id, port=port, expires_at=rfc3339(end))
        case Reassigned():
            return _reassigned(event, seq=seq, at=at)
        case Remembered() | MoveRemembered() | Forgotten() | MoveForgotten():
            return _remembered(event, seq=seq, at=at)
        case Asked(port=port) | AskForgotten(port=port):
            asked = PortAskedEvent if isinstance(event, Asked) else AskForgottenEvent
            return asked(seq=seq, at=at, port=port)
        case RangeAdded() | RangeRemoved():
            return _of_range(event, seq=seq, at=at)
        case InstanceSeen() | Heard() | InstanceGone():
            return _of_instance(event, seq=seq, at=at)
        case Attributed(holders=holders, instance_id=name):
            pids = [each.pid for each in holders]
            return AttributedEvent(seq=seq, at=at, pids=pids, instance_id=name)
        case Noted(subject=subject, message=message, level=level):
            return NotedEvent(seq=seq, at=at, subject=subject, message=message, level=level)
        case _:
            assert_never(event)


def _reassigned(event: Reassigned, *, seq: int, at: str) -> ReassignedEvent:
    return ReassignedEvent(
        seq=seq,
        at=at,
        requested_port=event.requested_port,
        port=event.port,
        pid=event.pid,
        process=event.process,
        service_type=event.service_type,
        project=event.owner.project,
        instance_id=event.owner.instance_id,
    )


def _remembered(
    event: Remembered | MoveRemembered | Forgotten | MoveForgotten, *, seq: int, at: str
) -> AuditEvent:
    if isinstance(event, MoveRemembered | MoveForgotten):
        move = MoveRememberedEvent if isinstance(event, MoveRemembered) else MoveForgottenEvent
        return move(seq=seq, at=at, requested_port=event.asked, port=event.port)
    service = PortRememberedEvent if isinstance(event, Remembered) else PortForgottenEvent
    return service(
        seq=seq,
        at=at,
        port=event.port,
        service_type=event.service_type,
        service_name=event.service_name,
        project=event.project,
    )


def _of_range(event: RangeAdded | RangeRemoved, *, seq: int, at: str) -> AuditEvent:
    if isinstance(event, RangeRemoved):
        return RangeRemovedEvent(seq=seq, at=at, service_type=event.name)
    return RangeAddedEvent(
        seq=seq,
        at=at,
        service_type=event.service.name,
        ranges=[(span.first, span.last) for span in event.service.ranges],
        placement=event.placement,
        chunk_size=event.chunk_size,
    )


def _of_instance(event: InstanceSeen | Heard | InstanceGone, *, seq: int, at: str) -> AuditEvent:
    match event:
        case Heard(instance_id=instance_id):
            return InstanceHeartbeatEvent(seq=seq, at=at, instance_id=instance_id)
        case InstanceGone(instance_id=instance_id, reason=reason):
            return InstanceGoneEvent(seq=seq, at=at, instance_id=instance_id, reason=reason)
        case InstanceSeen(instance=instance):
            return InstanceRegisteredEvent(
                seq=seq,
                at=at,
                instance_id=instance.instance_id,
                pid=instance.holder.pid if instance.holder else None,
                working_directory=instance.working_directory,
                project=instance.project,
                template=instance.template,
            )
        case _:
            assert_never(event)
