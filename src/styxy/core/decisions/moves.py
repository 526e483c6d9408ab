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
    from styxy.core.books.lease_index import Books
    from styxy.core.books.state import State
    from styxy.core.decisions.requests import MoveAsk
    from styxy.core.model.ports import Port
    from styxy.core.model.service_types import Catalogue, ServiceType

LOST_GRACE = 10.0
"""Seconds for a worker that bound the port to listen on it."""


def decide_move(
    state: State, ask: MoveAsk, *, lock_id: str, now: float, taken: Collection[int]
) -> Ruling[MoveAnswer]:
    """Answer a guest. Raises `RangeExhausted`.

    A server that asks a second time for what it has gets the same answer, and its bind fails: it
    named the lost port itself, or the asked one is its own.
    """
    if ask.lost in ask.own:
        ask = replace(ask, lost=None)
    given_up = _given_up(state.books, ask, now)
    place = _place_of(state.books, ask, taken)
    if place is not None:
        return Ruling(Moved(place, is_new=False), given_up)
    if ask.reason == "inuse" and ask.asked in ask.own:
        return Ruling(Kept(), given_up)
    if ask.reason == "placed" or (ask.reason == "shadowed" and not ask.is_foreign):
        return Ruling(Kept(), given_up)
    if ask.reason == "returned":
        return _back_to_its_place(state, ask, lock_id=lock_id, now=now, taken=taken)
    kind = _kind(state.catalogue, ask)
    running = _running(state.books, ask, kind)
    if running is not None:
        return Ruling(running)
    candidates = _candidates(state, ask, kind, now=now)
    port = first_free(state.books, candidates, {*taken, ask.lost})
    if port is None:
        raise exhausted(state.books, kind)
    ruling = _moved(ask, kind, port, lock_id=lock_id, now=now)
    return replace(ruling, events=(*given_up, *ruling.events))


def _running(books: Books, ask: MoveAsk, kind: ServiceType) -> RunsAlready | None:
    """Tell where a singleton runs, on lease or not; None where it does not, or is none."""
    if not kind.is_singleton:
        return None
    for lease in books.of_type(kind.name):
        return RunsAlready(lease.port, kind.name, lease.holder.pid if lease.holder else 0)
    return None if ask.listener is None else RunsAlready(ask.asked, kind.name, ask.listener)


def _back_to_its_place(
    state: State, ask: MoveAsk, *, lock_id: str, now: float, taken: Collection[int]
) -> Ruling[MoveAnswer]:
    """Let a restarted server have the port that it had, if it left it a short while ago."""
    place = state.memory.moves.get((ask.owner.key, ask.asked))
    within = state.settings.recovery.port_conflict.return_within
    if place is None or now - place.left_at >= within or place.port == ask.lost:
        return Ruling(Kept())
    if not is_open(state.books, place.port, taken):
        return Ruling(Kept())
    kind = _kind(state.catalogue, ask)
    return _moved(ask, kind, place.port, lock_id=lock_id, now=now)


def _given_up(books: Books, ask: MoveAsk, now: float) -> tuple[Event, ...]:
    """Let a place go that this server could not bind, or it would be answered to it again.

    It ends at a sweep and not at once: another worker of the server may be the one who sits there.
    """
    lease = None if ask.lost is None else books.on_port(ask.lost)
    if lease is None or (lease.server, lease.asked) != (ask.server, ask.asked):
        return ()
    expires_at = now + LOST_GRACE
    return (
        Dated(lock_id=lease.lock_id, port=lease.port, expires_at=expires_at, given_up=True, at=now),
    )


def _place_of(books: Books, ask: MoveAsk, taken: Collection[int]) -> Lease | None:
    for lease in books.moved_from(ask.owner, ask.asked):
        if lease.server == ask.server and lease.port != ask.lost and lease.port not in taken:
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


def _kind(catalogue: Catalogue, ask: MoveAsk) -> ServiceType:
    return service_type_of(
        catalogue, ask.asked, declared=ask.service_type, inferred=ask.inferred_type
    )


def _candidates(state: State, ask: MoveAsk, kind: ServiceType, *, now: float) -> Iterator[Port]:
    books, recovery = state.books, state.settings.recovery
    remembered = state.memory.moves.get((ask.owner.key, ask.asked))
    if remembered and now - remembered.left_at <= recovery.port_conflict.return_within:
        yield remembered.port  # a restart
    # The asked port itself first: between the guest's bind and its question the port may have
    # become free, and then nothing needs to move.
    if ask.reason == "inuse":
        yield ask.asked
    if remembered is not None:
        yield remembered.port
    passing = ask.passing or ()
    yield from (port for port in _in_range(books, kind, ask.asked) if port not in passing)
    yield from (port for port in _in_range(books, kind, ask.asked) if port in passing)


def _in_range(books: Books, kind: ServiceType, asked: Port) -> Iterator[Port]:
    if kind.holds(asked):
        yield from (port for port in unleased(books, kind) if port > asked)
        yield from (port for port in unleased(books, kind) if port < asked)
    else:
        # A type's preferred ports are those that programs ask for by number, so a guest from
        # another range takes them last: it would only cause the next conflict.
        yield from (port for port in unleased(books, kind) if port not in kind.preferred)
        yield from kind.preferred


def _moved(
    ask: MoveAsk, kind: ServiceType, port: Port, *, lock_id: str, now: float
) -> Ruling[MoveAnswer]:
    lease = Lease(
        lock_id=lock_id,
        port=port,
        service_type=kind.name,
        service_name=ask.process or "reassigned",
        owner=ask.owner,
        holder=ask.holder,
        protocol=ask.protocol,
        allocated_at=now,
        last_seen=now,
        asked=ask.asked,
        server=ask.server,
    )
    leased = Leased(lease=lease, at=now)
    if port == ask.asked or ask.owner.is_on_trial:
        return Ruling(Moved(lease, is_new=False), (leased,), candidate=port)
    reassigned = Reassigned(
        requested_port=ask.asked,
        port=port,
        pid=ask.holder.pid,
        process=ask.process,
        service_type=kind.name,
        owner=ask.owner,
        at=now,
    )
    return Ruling(Moved(lease, is_new=True), (leased, reassigned), candidate=port)
