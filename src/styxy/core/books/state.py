"""The state that the events fold into. `apply` is the only place where anything changes.

Replaying the journal or applying a snapshot gives the same state.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from msgspec import structs

from styxy.core.books.events import (
    Asked,
    AskForgotten,
    Attributed,
    Bound,
    Dated,
    Event,
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
from styxy.core.books.lease_index import LeaseIndex
from styxy.core.books.remembered_ports import Place, RememberedPorts
from styxy.core.model.service_types import Catalogue

if TYPE_CHECKING:
    from styxy.core.config.configuration import Configuration
    from styxy.core.model.instances import Instance
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.programs import Program, ProgramId
    from styxy.core.model.service_types import ServiceType


class State:
    """The leases, remembered ports, instances, auto-allocated service types, and what was learned
    of programs, the last seen one last.

    `session_processes` are the servers of agent sessions with what has started them, oldest first.
    They outlive their session's instance: `styxy prune` asks for them then. `unproven` are the
    auto-allocated types on whose leases no server has listened, and since when they exist.
    """

    def __init__(self, configured: Catalogue, settings: Configuration) -> None:
        self.made: dict[str, ServiceType] = {}
        self.unfiled: set[str] = set()
        self.unproven: dict[str, float] = {}
        self.lease_index = LeaseIndex()
        self.remembered = RememberedPorts()
        self.instances: dict[str, Instance] = {}
        self.session_processes: dict[Holder, str] = {}
        self.programs: dict[ProgramId, Program] = {}
        self.settings = settings
        self.configured = configured
        self._gather()

    def configure(self, configuration: Configuration) -> None:
        """Put what the user has set in force. Leases of a type that is gone live on.

        The user's service types win over those that were made, but for what could not be written
        into the file yet.
        """
        self.settings = configuration
        self.configured = Catalogue().extended(configuration.service_types)
        self._gather()

    def _gather(self) -> None:
        self.catalogue = self.configured.extended(
            each
            for each in self.made.values()
            if each.name not in self.configured or each.name in self.unfiled
        )

    def apply(self, event: Event) -> None:
        """Apply an event. Never fails for an event that the desk itself decided on."""
        lease_index = self.lease_index
        match event:
            case Leased(lease=lease, at=at):
                self.remembered.begin(lease, at)
                lease_index.put(lease)
            case Released(lease_id=lease_id, at=at):
                self.remembered.end(lease_index.drop(lease_id), at)
            case Passed():
                lease_index.put(_passed(lease_index.get(event.lease_id), event))
            case Bound(lease_id=lease_id, at=at):
                lease = replace(lease_index.get(lease_id), state="bound", last_seen=at)
                self.unproven.pop(lease.service_type, None)
                lease_index.put(lease)
            case Unbound(lease_id=lease_id, expires_at=expires_at, at=at):
                lease = replace(lease_index.get(lease_id), state="reserved", last_seen=at)
                lease_index.put(replace(lease, expires_at=expires_at))
            case Dated(lease_id=lease_id, expires_at=expires_at, given_up=given_up):
                lease = replace(lease_index.get(lease_id), expires_at=expires_at)
                lease_index.put(replace(lease, image_id=None) if given_up else lease)
            case Remembered() | MoveRemembered() | Forgotten() | MoveForgotten():
                self._remember(event)
            case Asked(asker_key=asker, port=port, at=at):
                self.remembered.keep_asked((asker, port), Place(port, at))
            case AskForgotten(asker_key=asker, port=port):
                self.remembered.drop_asked((asker, port))
            case RangeAdded() | RangeRemoved():
                self._apply_to_made(event)
            case InstanceSeen(instance=instance):
                self.instances[instance.instance_id] = instance
            case Heard(instance_id=instance_id, at=at):
                heard = structs.replace(self.instances[instance_id], last_heartbeat=at)
                self.instances[instance_id] = heard
            case InstanceGone(instance_id=instance_id):
                self.instances.pop(instance_id, None)
            case Attributed(holders=holders, instance_id=instance_id):
                for holder in holders:
                    self.session_processes.pop(holder, None)
                if instance_id is not None:
                    self.session_processes |= dict.fromkeys(holders, instance_id)
            case ProgramSeen(program=program):
                self.programs.pop(program.id, None)
                self.programs[program.id] = program
            case ProgramForgotten(id=program_id):
                self.programs.pop(program_id, None)
            case Reassigned(adopted=adopted) if adopted is not None:
                lease_index.put(_adopted(lease_index.get(adopted), event))
            case Probed(lease_id=lease_id):
                lease_index.put(replace(lease_index.get(lease_id), is_probe=True))
            case Reassigned() | Noted():
                pass  # For the audit and the event stream only; the lease has the rest.
            case _:
                assert_never(event)

    def _apply_to_made(self, event: RangeAdded | RangeRemoved) -> None:
        match event:
            case RangeAdded(service=service, at=at):
                self.made[service.name] = service
                self.unfiled.discard(service.name)
                if not event.is_filed:
                    self.unfiled.add(service.name)
                if event.is_unproven:
                    self.unproven.setdefault(service.name, at)
            case RangeRemoved(name=name):
                self.made.pop(name, None)
                self.unfiled.discard(name)
                self.unproven.pop(name, None)
            case _:
                assert_never(event)
        self._gather()

    def _remember(self, event: Remembered | MoveRemembered | Forgotten | MoveForgotten) -> None:
        match event:
            case Remembered(project=project, service_type=kind, service_name=name):
                self.remembered.keep_service((project, kind, name), Place(event.port, event.at))
            case Forgotten(project=project, service_type=kind, service_name=name):
                self.remembered.drop_service((project, kind, name))
            case MoveRemembered(owner_key=owner, asked=asked):
                self.remembered.keep_move((owner, asked), Place(event.port, event.at))
            case MoveForgotten(owner_key=owner, asked=asked):
                self.remembered.drop_move((owner, asked))
            case _:
                assert_never(event)

    def snapshot(self, *, now: float) -> list[Event]:
        """Return as few events as possible that restore this state in a new desk."""
        return [
            *(Leased(lease=lease, at=lease.allocated_at) for lease in self.lease_index),
            *(
                RangeAdded(
                    service=each,
                    placement="kept",
                    chunk_size=0,
                    is_filed=each.name not in self.unfiled,
                    is_unproven=each.name in self.unproven,
                    at=self.unproven.get(each.name, now),
                )
                for each in self.made.values()
            ),
            *(InstanceSeen(instance=each, at=now) for each in self.instances.values()),
            *(
                Attributed(holders=(holder,), instance_id=name, at=now)
                for holder, name in self.session_processes.items()
            ),
            *(ProgramSeen(program=each, at=now) for each in self.programs.values()),
            *self.remembered.snapshot(self.lease_index, now=now),
        ]


def _passed(lease: Lease, event: Passed) -> Lease:
    passed = replace(lease, holder=event.holder, last_seen=event.at)
    if event.is_lent:
        return replace(passed, is_lent=True, expires_at=None)
    if event.holder is None:
        # A bind that was moved onto it has gone with its program.
        back = replace(passed, is_lent=False, state="reserved", expires_at=event.expires_at)
        return replace(back, image_id=None)
    return passed


def _adopted(lease: Lease, event: Reassigned) -> Lease:
    return replace(
        lease,
        asked=event.requested_port,
        image_id=event.image_id,
        cause=event.cause,
        is_adopted=True,
        last_seen=event.at,
    )
