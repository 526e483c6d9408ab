"""A desk with a list for a journal, for tests: decide, write, apply."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from styxy.core.books.events import Event, InstanceEnding
from styxy.core.config.configuration import Configuration
from styxy.core.decisions.desk import DEFAULTS, Desk
from styxy.core.decisions.instances import decide_gone, decide_heartbeat, decide_register
from styxy.core.decisions.moves import decide_move
from styxy.core.decisions.requests import (
    Grant,
    InstanceRequest,
    LeaseRequest,
    MoveAnswer,
    Moved,
    MoveRequest,
)
from styxy.core.decisions.retention import decide_forget
from styxy.core.model.instances import Instance
from styxy.core.model.leases import Holder, Lease, Owner
from styxy.core.model.ports import Port
from styxy.core.model.service_types import Catalogue

P = Owner(project="/p")
Q = Owner(project="/q")
SERVER = "0123456789abcdef"
OTHER_IMAGE = "fedcba9876543210"


def holder(pid: int, start_time: int = 1) -> Holder:
    """Return a holder for a process that need not exist."""
    return Holder(pid=pid, start_time=start_time, boot="boot")


def move_ask(asked: int = 3000, *, owner: Owner = P, image_id: str = SERVER) -> MoveRequest:
    """Make a guest's request after EADDRINUSE; vary it with `dataclasses.replace`."""
    return MoveRequest(
        asked=Port(asked),
        owner=owner,
        holder=holder(10),
        image_id=image_id,
        reason="inuse",
        process="node",
    )


class DeskHarness:
    """Acts as the service: each ruling is written and applied at once."""

    def __init__(
        self, catalogue: Catalogue | None = None, settings: Configuration = DEFAULTS
    ) -> None:
        self.catalogue = catalogue or Catalogue()
        self.settings = settings
        self.desk = Desk(self.catalogue, settings)
        self.written: list[Event] = []
        self.now = 1000.0
        self._ids = 0

    def new_id(self) -> str:
        """Return an unused lease id."""
        self._ids += 1
        return f"lease-{self._ids}"

    def write(self, events: tuple[Event, ...]) -> None:
        """Record the events and apply them."""
        self.written += events
        for event in events:
            self.desk.apply(event)

    def grant(self, request: LeaseRequest, *, taken: Collection[int] = ()) -> Grant:
        """Allocate as an API client does."""
        ruling = self.desk.allocate(request, lease_id=self.new_id(), now=self.now, taken=taken)
        self.write(ruling.events)
        return ruling.answer

    def allocate(self, kind: str = "dev", *, taken: Collection[int] = (), **more: object) -> Lease:
        """Allocate, with any fields of `LeaseRequest`."""
        request = replace(LeaseRequest(service_type=kind), **more)
        return self.grant(request, taken=taken).lease

    def move(self, request: MoveRequest, *, taken: Collection[int] = ()) -> MoveAnswer:
        """Ask as a guest does."""
        ruling = decide_move(self.desk, request, lease_id=self.new_id(), now=self.now, taken=taken)
        self.write(ruling.events)
        return ruling.answer

    def moved(self, request: MoveRequest, *, taken: Collection[int] = ()) -> Lease:
        """Ask as a guest that must be moved."""
        answer = self.move(request, taken=taken)
        assert isinstance(answer, Moved), answer
        return answer.lease

    def release(self, lease_id: str) -> None:
        """Release a lease."""
        self.write(self.desk.release(lease_id, now=self.now).events)

    def die(self, dead: Holder, heirs: Mapping[Port, Holder] | None = None) -> None:
        """End a process."""
        self.write(self.desk.died(dead, heirs=heirs or {}, now=self.now).events)

    def register(self, instance_id: str = "agent", **more: object) -> Instance:
        """Register an instance, with any fields of `InstanceRequest`."""
        request = replace(InstanceRequest(instance_id=instance_id), **more)
        ruling = decide_register(self.desk, request, now=self.now)
        self.write(ruling.events)
        return ruling.answer

    def hear(self, instance_id: str = "agent") -> None:
        """Send a heartbeat."""
        self.write(decide_heartbeat(self.desk, instance_id, now=self.now).events)

    def gone(
        self,
        instance_id: str = "agent",
        *listening: int,
        reason: InstanceEnding = "left",
        heirs: Mapping[Port, Holder] | None = None,
    ) -> list[Lease]:
        """End an instance while some ports have listeners."""
        ruling = decide_gone(
            self.desk,
            instance_id,
            reason=reason,
            listening=listening,
            heirs=heirs or {},
            now=self.now,
        )
        self.write(ruling.events)
        return ruling.answer

    def forget(self) -> None:
        """Forget what the settings no longer allow."""
        self.write(decide_forget(self.desk, now=self.now).events)

    def clean(self, *listening: int) -> list[Lease]:
        """End every lease without a listener."""
        ruling = self.desk.clean(listening, now=self.now)
        self.write(ruling.events)
        return ruling.answer

    def see(self, *listening: int) -> None:
        """Sweep: compare with the listeners, then end unclaimed leases."""
        self.write(self.desk.seen(set(listening), now=self.now).events)
        self.write(self.desk.lapse(now=self.now).events)
        self.forget()

    def wait(self, seconds: float, *listening: int) -> None:
        """Let time go by, then sweep."""
        self.now += seconds
        self.see(*listening)

    def ports(self) -> list[int]:
        """List the leased ports."""
        return sorted(lease.port for lease in self.desk.lease_index)

    def facts(self) -> dict[str, object]:
        """Return everything that the desk remembers, for comparison."""
        return facts_of(self.desk)

    def replayed(self) -> Desk:
        """Make a desk from the events alone, as a restart does."""
        desk = Desk(self.catalogue, self.settings)
        for event in self.written:
            desk.apply(event)
        return desk

    def restored(self) -> Desk:
        """Make a desk from a snapshot, as a restart after a compaction does."""
        desk = Desk(self.catalogue, self.settings)
        for event in self.desk.snapshot(now=self.now):
            desk.apply(event)
        return desk


def facts_of(desk: Desk) -> dict[str, object]:
    """Return everything that a desk remembers, for comparison."""
    return {
        "leases": {lease.lease_id: lease for lease in desk.lease_index},
        "services": list(desk.remembered.services.items()),
        "moves": list(desk.remembered.moves.items()),
        "instances": dict(desk.instances),
        "programs": list(desk.programs.items()),
        "types": {kind.name: kind for kind in desk.catalogue},
    }
