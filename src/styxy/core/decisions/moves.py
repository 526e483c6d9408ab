"""Where a bind goes that met a promise, an EADDRINUSE or a stranger's server.

One server gets one answer for one asked port, so that both its families, its probes and its workers
land on one number. A second server of the same project gets a place of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from styxy.core.books.events import Dated, Leased, Reassigned
from styxy.core.decisions.port_selection import exhausted, first_free, is_open, unleased
from styxy.core.decisions.requests import Kept, MoveAnswer, Moved, Ruling, RunsAlready
from styxy.core.model.leases import Lease
from styxy.core.model.service_types import FALLBACK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from styxy.core.books.events import Event
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.books.state import State
    from styxy.core.decisions.requests import MoveRequest
    from styxy.core.model.ports import Port
    from styxy.core.model.service_types import Catalogue, ServiceType

LOST_GRACE = 10.0
"""Seconds for a worker that bound the port to listen on it."""


def decide_move(
    state: State, request: MoveRequest, *, lock_id: str, now: float, taken: Collection[int]
) -> Ruling[MoveAnswer]:
    """Answer a guest. Raises `RangeExhausted`.

    A server that asks a second time for what it has gets the same answer, and its bind fails: it
    named the lost port itself, or the asked one is its own.
    """
    if request.lost in request.own:
        request = replace(request, lost=None)
    given_up = _given_up(state.lease_index, request, now)
    place = _place_of(state.lease_index, request, taken)
    if place is not None:
        return Ruling(Moved(place, is_new=False), given_up)
    if request.reason == "inuse" and request.asked in request.own:
        return Ruling(Kept(), given_up)
    if request.reason == "placed" or (request.reason == "shadowed" and not request.is_foreign):
        return Ruling(Kept(), given_up)
    if request.reason == "returned":
        return _back_to_its_place(state, request, lock_id=lock_id, now=now, taken=taken)
    kind = _kind(state.catalogue, request)
    running = _running(state.lease_index, request, kind)
    if running is not None:
        return Ruling(running)
    candidates = _candidates(state, request, kind, now=now)
    port = first_free(state.lease_index, candidates, {*taken, request.lost})
    if port is None:
        raise exhausted(state.lease_index, kind)
    ruling = _moved(request, kind, port, lock_id=lock_id, now=now)
    return replace(ruling, events=(*given_up, *ruling.events))


def _running(
    lease_index: LeaseIndex, request: MoveRequest, kind: ServiceType
) -> RunsAlready | None:
    """Tell where a singleton runs, on lease or not; None where it does not, or is none."""
    if not kind.is_singleton:
        return None
    for lease in lease_index.of_type(kind.name):
        return RunsAlready(lease.port, kind.name, lease.holder.pid if lease.holder else 0)
    return (
        None
        if request.listener is None
        else RunsAlready(request.asked, kind.name, request.listener)
    )


def _back_to_its_place(
    state: State, request: MoveRequest, *, lock_id: str, now: float, taken: Collection[int]
) -> Ruling[MoveAnswer]:
    """Let a restarted server have the port that it had, if it left it a short while ago."""
    place = state.remembered.moves.get((request.owner.key, request.asked))
    within = state.settings.recovery.port_conflict.return_within
    if place is None or now - place.left_at >= within or place.port == request.lost:
        return Ruling(Kept())
    if not is_open(state.lease_index, place.port, taken):
        return Ruling(Kept())
    kind = _kind(state.catalogue, request)
    return _moved(request, kind, place.port, lock_id=lock_id, now=now)


def _given_up(lease_index: LeaseIndex, request: MoveRequest, now: float) -> tuple[Event, ...]:
    """Let a place go that this server could not bind, or it would be answered to it again.

    It ends at a sweep and not at once: another worker of the server may be the one who sits there.
    """
    lease = None if request.lost is None else lease_index.on_port(request.lost)
    if lease is None or (lease.image_id, lease.asked) != (request.image_id, request.asked):
        return ()
    expires_at = now + LOST_GRACE
    return (
        Dated(lock_id=lease.lock_id, port=lease.port, expires_at=expires_at, given_up=True, at=now),
    )


def _place_of(
    lease_index: LeaseIndex, request: MoveRequest, taken: Collection[int]
) -> Lease | None:
    for lease in lease_index.moved_from(request.owner, request.asked):
        if (
            lease.image_id == request.image_id
            and lease.port != request.lost
            and lease.port not in taken
        ):
            return lease
    return None


def service_type_of(
    catalogue: Catalogue, asked: Port, *, declared: str | None, inferred: str | None = None
) -> ServiceType:
    """Say of which type a server is: the declared one, else the one of the range that it asked
    for, else what its program is known for."""
    if declared is not None and declared in catalogue:
        return catalogue.get(declared)
    in_range = catalogue.containing(asked)
    if in_range is not None:
        return in_range
    return catalogue.get(inferred if inferred is not None and inferred in catalogue else FALLBACK)


def _kind(catalogue: Catalogue, request: MoveRequest) -> ServiceType:
    return service_type_of(
        catalogue, request.asked, declared=request.service_type, inferred=request.inferred_type
    )


def _candidates(
    state: State, request: MoveRequest, kind: ServiceType, *, now: float
) -> Iterator[Port]:
    lease_index, recovery = state.lease_index, state.settings.recovery
    remembered = state.remembered.moves.get((request.owner.key, request.asked))
    if remembered and now - remembered.left_at <= recovery.port_conflict.return_within:
        yield remembered.port  # a restart
    # The asked port itself first: between the guest's bind and its question the port may have
    # become free, and then nothing needs to move.
    if request.reason == "inuse":
        yield request.asked
    if remembered is not None:
        yield remembered.port
    passing = request.passing or ()
    yield from (port for port in _in_range(lease_index, kind, request.asked) if port not in passing)
    yield from (port for port in _in_range(lease_index, kind, request.asked) if port in passing)


def _in_range(lease_index: LeaseIndex, kind: ServiceType, asked: Port) -> Iterator[Port]:
    if kind.holds(asked):
        yield from (port for port in unleased(lease_index, kind) if port > asked)
        yield from (port for port in unleased(lease_index, kind) if port < asked)
    else:
        # A type's preferred ports are those that programs ask for by number, so a guest from
        # another range takes them last: it would only cause the next conflict.
        yield from (port for port in unleased(lease_index, kind) if port not in kind.preferred)
        yield from kind.preferred


def _moved(
    request: MoveRequest, kind: ServiceType, port: Port, *, lock_id: str, now: float
) -> Ruling[MoveAnswer]:
    lease = Lease(
        lock_id=lock_id,
        port=port,
        service_type=kind.name,
        service_name=request.process or "reassigned",
        owner=request.owner,
        holder=request.holder,
        protocol=request.protocol,
        allocated_at=now,
        last_seen=now,
        asked=request.asked,
        image_id=request.image_id,
    )
    leased = Leased(lease=lease, at=now)
    if port == request.asked or request.owner.is_on_trial:
        return Ruling(Moved(lease, is_new=False), (leased,), candidate=port)
    reassigned = Reassigned(
        requested_port=request.asked,
        port=port,
        pid=request.holder.pid,
        process=request.process,
        service_type=kind.name,
        owner=request.owner,
        at=now,
    )
    return Ruling(Moved(lease, is_new=True), (leased, reassigned), candidate=port)
