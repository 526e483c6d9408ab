"""Journal events in the form that GET /audit and GET /events use."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

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
    Probed,
    ProgramForgotten,
    ProgramSeen,
    RangeAdded,
    RangeRemoved,
    Reassigned,
    Released,
    Remembered,
    Unbound,
)
from styxy.core.protocol.audit.shapes import (
    AllocatedEvent,
    AskForgottenEvent,
    AttributedEvent,
    BoundEvent,
    DatedEvent,
    InstanceGoneEvent,
    InstanceHeartbeatEvent,
    InstanceRegisteredEvent,
    MoveForgottenEvent,
    MoveRememberedEvent,
    NotedEvent,
    PassedEvent,
    PortAskedEvent,
    PortForgottenEvent,
    PortRememberedEvent,
    ProbedEvent,
    ProgramForgottenEvent,
    ProgramLearnedEvent,
    RangeAddedEvent,
    RangeRemovedEvent,
    ReassignedEvent,
    ReleasedEvent,
    UnboundEvent,
    User,
)
from styxy.core.protocol.leases import allocation
from styxy.core.protocol.scalars import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.books.events import Event
    from styxy.core.protocol.audit.shapes import AuditEvent, EventWord

KIND_OF_WORD: dict[EventWord, type[Event]] = {
    "allocated": Leased,
    "released": Released,
    "passed": Passed,
    "bound": Bound,
    "unbound": Unbound,
    "dated": Dated,
    "reassigned": Reassigned,
    "probed": Probed,
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
    "program_learned": ProgramSeen,
    "program_forgotten": ProgramForgotten,
    "process_attributed": Attributed,
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
        case Probed(lease_id=lease_id, requested_port=asked, port=port):
            return ProbedEvent(seq=seq, at=at, lock_id=lease_id, requested_port=asked, port=port)
        case Remembered() | MoveRemembered() | Forgotten() | MoveForgotten():
            return _remembered(event, seq=seq, at=at)
        case Asked(port=port) | AskForgotten(port=port):
            shape = PortAskedEvent if isinstance(event, Asked) else AskForgottenEvent
            return shape(seq=seq, at=at, port=port)
        case RangeAdded() | RangeRemoved():
            return _of_range(event, seq=seq, at=at)
        case InstanceSeen() | Heard() | InstanceGone():
            return _of_instance(event, seq=seq, at=at)
        case Attributed(holders=holders, instance_id=name):
            pids = [each.pid for each in holders]
            return AttributedEvent(seq=seq, at=at, pids=pids, instance_id=name)
        case ProgramSeen() | ProgramForgotten():
            return _of_program(event, seq=seq, at=at)
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


def _of_program(event: ProgramSeen | ProgramForgotten, *, seq: int, at: str) -> AuditEvent:
    if isinstance(event, ProgramForgotten):
        return ProgramForgottenEvent(
            seq=seq,
            at=at,
            program=event.name,
            executable=event.id.executable,
            script=event.id.script,
        )
    program = event.program
    return ProgramLearnedEvent(
        seq=seq,
        at=at,
        program=program.name,
        executable=program.id.executable,
        script=program.id.script,
        conduct=program.learned,
    )
