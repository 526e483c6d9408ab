"""The facts. State is their fold, and the audit log, the recovery and the event stream are they.

Each is a past participle with `at`, in seconds since the epoch. A name or a field here is a format
on disk: give a new field a default, never take one away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from styxy.core.model.instances import Instance
from styxy.core.model.leases import Holder, Lease, Owner
from styxy.core.model.ports import Port
from styxy.core.model.service_types import ServiceType

Ending = Literal["released", "holder died", "lapsed", "cleaned up", "orphaned", "instance gone"]
InstanceEnding = Literal["left", "process died", "heartbeat lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """Say that a port was promised."""

    lease: Lease
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Say that a promise ended, and why."""

    lock_id: str
    port: Port
    reason: Ending
    holder: Holder | None = None
    asked: Port | None = None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Say that a lease went to the process that has its socket now."""

    lock_id: str
    port: Port
    holder: Holder
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Say that something listens on a leased port."""

    lock_id: str
    port: Port
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbound:
    """Say that the listener of a leased port is gone; the lease lapses at `expires_at`."""

    lock_id: str
    port: Port
    expires_at: float | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """Say that a lease has another end. `given_up`: its server could not have the port."""

    lock_id: str
    port: Port
    expires_at: float
    given_up: bool = False
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassigned:
    """Say that a bind asked for one port and got another."""

    requested_port: Port
    port: Port
    pid: int
    process: str
    service_type: str
    owner: Owner
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Carry the remembered port of one service into a snapshot; `at` is when it was last used."""

    project: str
    service_type: str
    service_name: str
    port: Port
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRemembered:
    """Carry one remembered reassignment into a snapshot; `at` is when it ended."""

    owner_key: int
    asked: Port
    port: Port
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """Say that the port of a service is remembered no more."""

    project: str
    service_type: str
    service_name: str
    port: Port
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveForgotten:
    """Say that it is remembered no more where a moved server went."""

    owner_key: int
    asked: Port
    port: Port
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAdded:
    """Say that a service type was made for a request, or that its range grew.

    `is_filed`: config.json has it, so that a file without it says that the user took it out.
    """

    service: ServiceType
    placement: str
    chunk_size: int
    is_filed: bool = True
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRemoved:
    """Say that an auto-allocated service type was taken back."""

    name: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSeen:
    """Say that a client registered, or that it registered anew."""

    instance: Instance
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Say that a client gave a sign of life."""

    instance_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceGone:
    """Say that a client left, died or fell silent."""

    instance_id: str
    reason: InstanceEnding
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Say what happened to the daemon itself: a start, a recovery step, a reload of the settings.

    For the audit alone; it changes nothing.
    """

    subject: str
    message: str
    level: Literal["info", "warning", "error"] = "info"
    at: float


Event = (
    Leased
    | Released
    | Passed
    | Bound
    | Unbound
    | Dated
    | Reassigned
    | Remembered
    | MoveRemembered
    | Forgotten
    | MoveForgotten
    | RangeAdded
    | RangeRemoved
    | InstanceSeen
    | Heard
    | InstanceGone
    | Noted
)

KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
