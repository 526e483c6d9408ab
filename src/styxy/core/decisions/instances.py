"""Instances: they register, send heartbeats, leave, die or go silent.

An instance holds the leases that name it and no other process. They end with it, but a port that is
in use is never taken away: it passes to the process that has the socket, or stays as it is until
the listener ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from styxy.core.books.events import (
    Dated,
    Event,
    Heard,
    InstanceGone,
    InstanceSeen,
    Passed,
    Released,
)
from styxy.core.decisions.requests import Ruling
from styxy.core.errors import InvalidInput, UnknownInstance
from styxy.core.messages import echo
from styxy.core.model.instances import Instance
from styxy.core.model.leases import DEFAULT_INSTANCE
from styxy.core.model.templates import check_template

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from styxy.core.books.events import InstanceEnding
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.books.state import State
    from styxy.core.decisions.requests import InstanceRequest
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.ports import Port


class Silence(Struct, frozen=True):
    """How many checks in a row each silent instance has failed, and which failed too many."""

    misses: Mapping[str, int]
    lost: tuple[str, ...]


def find(state: State, instance_id: str) -> Instance:
    """Find an instance; raises `UnknownInstance`."""
    try:
        return state.instances[instance_id]
    except KeyError:
        raise UnknownInstance(
            f"instance {echo(instance_id)} is not registered; see: styxy instances",
            instance_id=instance_id,
            suggestions=["styxy instances"],
        ) from None


def decide_register(state: State, request: InstanceRequest, *, now: float) -> Ruling[Instance]:
    """Register an instance, or refresh one: fields that are not sent keep their values, and leases
    stay.

    Raises `InvalidInput` for an unknown template or the reserved name.
    """
    if request.instance_id == DEFAULT_INSTANCE:
        raise InvalidInput(
            f"{DEFAULT_INSTANCE!r} is reserved for clients without an instance; "
            "choose another instance_id"
        )
    before = state.instances.get(request.instance_id) or Instance(
        instance_id=request.instance_id, registered_at=now, last_heartbeat=now
    )
    has_moved = request.working_directory is not None or request.project is not None
    instance = replace(
        before,
        last_heartbeat=now,
        holder=request.holder or before.holder,
        working_directory=request.working_directory or before.working_directory,
        project=request.project if has_moved else before.project,
        template=check_template(request.template)
        if request.template is not None
        else before.template,
        metadata=request.metadata if request.metadata is not None else before.metadata,
        port=request.port or before.port,
        service_type=request.service_type or before.service_type,
    )
    return Ruling(instance, (InstanceSeen(instance=instance, at=now),))


def decide_heartbeat(state: State, instance_id: str, *, now: float) -> Ruling[Instance]:
    """Record a heartbeat. Raises `UnknownInstance`."""
    instance = find(state, instance_id)
    return Ruling(replace(instance, last_heartbeat=now), (Heard(instance_id=instance_id, at=now),))


def decide_gone(
    state: State,
    instance_id: str,
    *,
    reason: InstanceEnding,
    listening: Collection[int],
    heirs: Mapping[Port, Holder],
    now: float,
) -> Ruling[list[Lease]]:
    """Remove an instance and end its leases; the answer lists the leases that end.

    `heirs` are processes that have the socket of a port in `listening`. Raises `UnknownInstance`.
    """
    held = held_by(state.lease_index, find(state, instance_id))
    ended = [lease for lease in held if lease.port not in listening]
    events: list[Event] = [_ended(lease, now) for lease in ended]
    for lease in held:
        heir = heirs.get(lease.port)
        if lease.port in listening and lease.holder is None and heir is not None:
            events.append(Passed(lease_id=lease.lease_id, port=lease.port, holder=heir, at=now))
        elif lease.port in listening:
            events += _dated(state, [lease], now)
    gone = InstanceGone(instance_id=instance_id, reason=reason, at=now)
    return Ruling(ended, (*events, gone))


def decide_leave_keeping(state: State, instance_id: str, *, now: float) -> Ruling[list[Lease]]:
    """Remove an instance, and leave its leases to whoever asks for them next.

    A lease without a process lasts as long as one that never had an instance. Raises
    `UnknownInstance`.
    """
    kept = _dated(state, held_by(state.lease_index, find(state, instance_id)), now)
    gone = InstanceGone(instance_id=instance_id, reason="left", at=now)
    return Ruling([], (*kept, gone))


def find_silent(state: State, misses: Mapping[str, int], *, since: float, now: float) -> Silence:
    """Count one failed check for every silent instance that has no process to watch.

    `misses` holds the counts of the previous check. No heartbeat can arrive before the daemon runs,
    so silence starts at `since` at the earliest. Requiring several failed checks gives an agent on
    a machine that was asleep time to report.
    """
    health = state.settings.recovery.health_monitoring
    if not health.enabled:
        return Silence({}, ())
    counts = {
        name: misses.get(name, 0) + 1
        for name, instance in state.instances.items()
        if instance.holder is None
        and max(instance.last_heartbeat, since) + health.heartbeat_timeout <= now
    }
    lost = tuple(name for name, count in counts.items() if count >= health.max_failures)
    return Silence({name: count for name, count in counts.items() if name not in lost}, lost)


def held_by(lease_index: LeaseIndex, instance: Instance) -> list[Lease]:
    """List the leases that an instance holds: they name it, and no process other than its own."""
    named = lease_index.of_instance(instance.instance_id)
    return [lease for lease in named if lease.holder in (None, instance.holder)]


def with_holder(state: State, holder: Holder) -> list[str]:
    """List the instances that live as long as a process."""
    return [name for name, instance in state.instances.items() if instance.holder == holder]


def _dated(state: State, leases: Collection[Lease], now: float) -> list[Dated]:
    """Set an expiry time on leases that no longer have a holder; a listener still delays it."""
    expires_at = now + state.settings.recovery.health_monitoring.unused_ttl
    return [
        Dated(lease_id=lease.lease_id, port=lease.port, expires_at=expires_at, at=now)
        for lease in leases
        if lease.holder is None and lease.expires_at is None
    ]


def _ended(lease: Lease, now: float) -> Released:
    return Released(
        lease_id=lease.lease_id,
        port=lease.port,
        reason="instance gone",
        holder=lease.holder,
        at=now,
    )
