"""The events. The state is their fold; the audit log, recovery and the event stream are made of
them.

Each is named by a past participle and has `at`, in seconds since the epoch. Names and fields are an
on-disk format: give a new field a default, and never remove one.
"""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from styxy.core.model.instances import Instance
from styxy.core.model.leases import Cause, Holder, Lease, Owner
from styxy.core.model.ports import Port
from styxy.core.model.programs import Program, ProgramId
from styxy.core.model.service_types import ServiceType

Ending = Literal["released", "holder died", "lapsed", "cleaned up", "orphaned", "instance gone"]
InstanceEnding = Literal["left", "process died", "heartbeat lost"]


class Fact(Struct, frozen=True, kw_only=True):
    """What every event has. `uid` is the user who asked for it; None if nobody did."""

    at: float
    uid: int | None = None


class Leased(Fact, frozen=True, kw_only=True):
    """A port was leased."""

    lease: Lease


class Released(Fact, frozen=True, kw_only=True):
    """A lease ended; `reason` says why."""

    lease_id: str
    port: Port
    reason: Ending
    holder: Holder | None = None
    asked: Port | None = None


class Passed(Fact, frozen=True, kw_only=True):
    """A lease was passed to the process that now has its socket, or that took it over.

    `is_lent`: until that process ends. With no holder, the lease went back to its project and
    lapses at `expires_at`.
    """

    lease_id: str
    port: Port
    holder: Holder | None
    is_lent: bool = False
    expires_at: float | None = None


class Bound(Fact, frozen=True, kw_only=True):
    """A leased port has a listener."""

    lease_id: str
    port: Port


class Unbound(Fact, frozen=True, kw_only=True):
    """A leased port lost its listener; the lease lapses at `expires_at`."""

    lease_id: str
    port: Port
    expires_at: float | None


class Dated(Fact, frozen=True, kw_only=True):
    """A lease has a new expiry time. `given_up`: its server could not bind the port."""

    lease_id: str
    port: Port
    expires_at: float
    given_up: bool = False


class Reassigned(Fact, frozen=True, kw_only=True):
    """A bind asked for one port and was moved to another.

    `adopted` is the id of the lease that it was moved onto if that lease had been granted before;
    `image_id` and `cause` are then recorded in it. `lease_id` is the lease's in either case.
    """

    requested_port: Port
    port: Port
    pid: int
    process: str
    service_type: str
    owner: Owner
    adopted: str | None = None
    image_id: str | None = None
    cause: Cause | None = None
    lease_id: str | None = None


class Probed(Fact, frozen=True, kw_only=True):
    """A moved bind was a probe: its socket is gone and has served nobody. Nothing remembers it."""

    lease_id: str
    requested_port: Port
    port: Port


class Remembered(Fact, frozen=True, kw_only=True):
    """A snapshot entry: the remembered port of one service; `at` is when it was last used."""

    project: str
    service_type: str
    service_name: str
    port: Port


class MoveRemembered(Fact, frozen=True, kw_only=True):
    """A snapshot entry: one remembered move; `at` is when its lease ended."""

    owner_key: int
    asked: Port
    port: Port


class Forgotten(Fact, frozen=True, kw_only=True):
    """The port of a service is no longer remembered."""

    project: str
    service_type: str
    service_name: str
    port: Port


class MoveForgotten(Fact, frozen=True, kw_only=True):
    """The place of a moved server is no longer remembered."""

    owner_key: int
    asked: Port
    port: Port


class Asked(Fact, frozen=True, kw_only=True):
    """A program asked for a port by its number; `asker_key` is the key of its project's repo, or of
    the project if it has none. Also the snapshot entry."""

    asker_key: int
    port: Port


class AskForgotten(Fact, frozen=True, kw_only=True):
    """It is no longer remembered that a repo, or a project, asked for a port."""

    asker_key: int
    port: Port


class RangeAdded(Fact, frozen=True, kw_only=True):
    """A service type was auto-allocated, or its range grew.

    `is_filed`: it was written to config.json, so if a later file lacks it, the user removed it.
    `is_unproven`: no server has listened on a lease of it yet.
    """

    service: ServiceType
    placement: str
    chunk_size: int
    is_filed: bool = True
    is_unproven: bool = False


class RangeRemoved(Fact, frozen=True, kw_only=True):
    """An auto-allocated service type was removed."""

    name: str


class InstanceSeen(Fact, frozen=True, kw_only=True):
    """A client registered, or registered again."""

    instance: Instance


class Heard(Fact, frozen=True, kw_only=True):
    """A client sent a heartbeat."""

    instance_id: str


class InstanceGone(Fact, frozen=True, kw_only=True):
    """A client left, died or stopped sending heartbeats."""

    instance_id: str
    reason: InstanceEnding


class Attributed(Fact, frozen=True, kw_only=True):
    """Processes turned out to be a session's: a server that listens, and what has started it.

    With no instance, it is forgotten whose they were; they have ended.
    """

    holders: tuple[Holder, ...]
    instance_id: str | None


class ProgramSeen(Fact, frozen=True, kw_only=True):
    """Something was learned of a program; also a snapshot entry."""

    program: Program


class ProgramForgotten(Fact, frozen=True, kw_only=True):
    """What was learned of a program was forgotten."""

    id: ProgramId
    name: str


class Noted(Fact, frozen=True, kw_only=True):
    """Something happened to the daemon itself: a start, a recovery step, a configuration reload.

    For the audit log only; it changes no state.
    """

    subject: str
    message: str
    level: Literal["info", "warning", "error"] = "info"


Event = (
    Leased
    | Released
    | Passed
    | Bound
    | Unbound
    | Dated
    | Reassigned
    | Probed
    | Remembered
    | MoveRemembered
    | Forgotten
    | MoveForgotten
    | Asked
    | AskForgotten
    | RangeAdded
    | RangeRemoved
    | InstanceSeen
    | Heard
    | InstanceGone
    | Attributed
    | ProgramSeen
    | ProgramForgotten
    | Noted
)

KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
