"""Where a bind goes when its port is promised, taken (EADDRINUSE) or shadowed by another server.

One server gets one answer for one requested port, so that both address families, its probes and its
workers end up on the same number. A second server of the same project gets a port of its own.

Theory of operation. A guest says why it asks, and `RULES` has for each reason what happens. A
program that is not moved at all is answered by `core.decisions.steering`. For all others, three
things come first, whatever the reason:

1. A place that this server was sent to and could not bind is given up, or it would be offered
again. A place that it has, because another of its workers is listening there, is not lost.

2. A server that already has a place for the requested port is sent there again.

3. If the rule says that the bind stays, its first real result stands: the guest was right, or it
fails as it would without Styxy.

Only then does the rule send the bind somewhere: onto the lease that `styxy run` took for the
program, back to the place that a restarted server left, or to a new place. It goes back only if
another project had the requested port a short while ago and may want it again; otherwise a port
that is free and promised to nobody wins over any memory. A singleton that is already running gets
no new place; its guest is told where it runs. Whatever is chosen is a candidate, which the caller
probes before it writes anything: a port that turns out to be in use comes back in `taken`, and the
same question is decided again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from styxy.core.books.events import Dated, Leased, Reassigned
from styxy.core.decisions.port_selection import exhausted, first_free, is_open, unleased
from styxy.core.decisions.requests import Kept, MoveAnswer, Moved, Ruling, RunsAlready
from styxy.core.decisions.steering import decide_unmoved
from styxy.core.model.leases import IN_USE, Cause, Lease
from styxy.core.model.service_types import FALLBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from styxy.core.books.events import Event
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.books.state import State
    from styxy.core.decisions.requests import MoveRequest, Reason
    from styxy.core.model.ports import Port
    from styxy.core.model.service_types import Catalogue, ServiceType

LOST_GRACE = 10.0
"""Seconds that a worker has to start listening on the port that it bound."""


class _Case(Struct, frozen=True, kw_only=True):
    """One question with everything its decision depends on. `given_up` are the events of step 1."""

    state: State
    request: MoveRequest
    lease_id: str
    now: float
    taken: Collection[int]
    given_up: tuple[Event, ...]


def decide_move(
    state: State, request: MoveRequest, *, lease_id: str, now: float, taken: Collection[int]
) -> Ruling[MoveAnswer]:
    """Answer a guest by the rule for its reason. Raises `RangeExhausted`."""
    if request.conduct != "moves":
        return _unmoved(state, request, lease_id=lease_id, now=now, taken=taken)
    if request.lost in request.own:
        request = structs.replace(request, lost=None)
    lost = request.lost
    given_up = () if lost is None else _given_up(state.lease_index, request, lost=lost, now=now)
    place = _place_of(state.lease_index, request, taken)
    if place is not None:
        return Ruling(Moved(place, is_new=False), given_up)
    rule = RULES[request.reason]
    if rule.stays(request):
        return Ruling(Kept(), given_up)
    return rule.goes(
        _Case(
            state=state, request=request, lease_id=lease_id, now=now, taken=taken, given_up=given_up
        )
    )


def _unmoved(
    state: State, request: MoveRequest, *, lease_id: str, now: float, taken: Collection[int]
) -> Ruling[MoveAnswer]:
    """Answer a guest whose program is not moved, whatever is in its way."""
    kind = _kind(state.catalogue, request)
    case = _Case(state=state, request=request, lease_id=lease_id, now=now, taken=taken, given_up=())
    return decide_unmoved(
        request,
        taken=taken,
        promised=state.lease_index.on_port(request.asked),
        to_asked=lambda: _moved(case, kind, request.asked),
        others=_in_range(state.lease_index, kind, request.asked),
    )


def decide_landed(
    state: State, request: MoveRequest, port: Port, *, lease_id: str, now: float
) -> Ruling[MoveAnswer]:
    """Take a port that a steered program chose for its move, unless somebody else has its lease.

    `request` is the one that was told that its port is taken.
    """
    case = _Case(state=state, request=request, lease_id=lease_id, now=now, taken=(), given_up=())
    lease = state.lease_index.on_port(port)
    if lease is None:
        return _moved(case, _kind(state.catalogue, request), port)
    if lease.asked is None and lease.owner.is_same(request.owner):
        return _onto(lease, case)
    return Ruling(Kept())


def _to_a_new_place(case: _Case) -> Ruling[MoveAnswer]:
    state, request = case.state, case.request
    granted = request.granted
    if granted is not None and granted.port not in (*case.taken, request.lost, request.asked):
        return _onto(granted, case)
    kind = _kind(state.catalogue, request)
    running = _running(state.lease_index, request, kind) if kind.is_singleton else None
    if running is not None:
        return Ruling(running)
    candidates = _candidates(state, request, kind, now=case.now)
    port = first_free(state.lease_index, candidates, {*case.taken, request.lost})
    if port is None:
        raise exhausted(state.lease_index, kind, request.owner)
    ruling = _moved(case, kind, port)
    return structs.replace(ruling, events=(*case.given_up, *ruling.events))


def _back_to_its_place(case: _Case) -> Ruling[MoveAnswer]:
    """Return a restarted server to the port that it left a short while ago.

    A lease that `styxy run` took for it is more recent, and so is a lease of its own on the
    requested port.
    """
    state, request = case.state, case.request
    port = _recent_place(state, request, case.now)
    if port is None or not _may_be_wanted(state, request, case.now):
        return Ruling(Kept())
    if request.granted is not None and request.granted.port not in case.taken:
        return _onto(request.granted, case) if request.granted.port == port else Ruling(Kept())
    if not is_open(state.lease_index, port, case.taken):
        return Ruling(Kept())
    return _moved(case, _kind(state.catalogue, request), port)


def _recent_place(state: State, request: MoveRequest, now: float) -> Port | None:
    """Name the place that the project's server for the asked port left a short while ago."""
    place = state.remembered.moves.get((request.owner.key, request.asked))
    within = state.settings.recovery.port_conflict.window
    if place is None or now - place.left_at > within or place.port == request.lost:
        return None
    return place.port


def _may_be_wanted(state: State, request: MoveRequest, now: float) -> bool:
    """Tell whether another project has the asked port, or may come back to it."""
    lease = state.lease_index.on_port(request.asked)
    if lease is not None and lease.owner.is_same(request.owner):
        return False
    within = state.settings.recovery.port_conflict.window
    is_left = request.former is not None and now - request.former.until <= within
    return lease is not None or is_left or (request.is_in_use and request.is_foreign)


def _cause(case: _Case) -> Cause:
    """Say why the bind did not get the asked port: of all that is true, what a user can see."""
    request = case.request
    if request.is_in_use or request.reason in ("inuse", "shadowed"):
        return IN_USE
    lease = case.state.lease_index.on_port(request.asked)
    if lease is not None and not lease.owner.is_same(request.owner):
        return Cause(kind="promised", owner=lease.owner)
    if request.former is not None:
        return Cause(kind="left", owner=request.former.owner, until=request.former.until)
    return IN_USE


class Rule(Struct, frozen=True, kw_only=True):
    """When a bind stays where it is, and where it goes otherwise.

    `tries_asked`: the asked port itself is a candidate, because it may have become free between the
    guest's bind and its question, and then nothing needs to move.
    """

    stays: Callable[[MoveRequest], bool]
    goes: Callable[[_Case], Ruling[MoveAnswer]] = _to_a_new_place
    tries_asked: bool = False


RULES: dict[Reason, Rule] = {
    # The map promises the port to another: no guest may have it, free or not.
    "promised": Rule(stays=lambda _: False),
    # EADDRINUSE. A server that is in its own way has started twice, and must see it fail.
    "inuse": Rule(stays=lambda request: request.asked in request.own, tries_asked=True),
    # The bind passed, but a connect would reach another server that listens on the number.
    "shadowed": Rule(stays=lambda request: not request.is_foreign),
    # The map had a place of this server, and step 2 did not find it any more.
    "placed": Rule(stays=lambda _: True),
    # The map remembers a place that the project left a short while ago: a restart, perhaps.
    "returned": Rule(stays=lambda _: False, goes=_back_to_its_place),
    # It listens already, on a port of its own choice.
    "chosen": Rule(stays=lambda _: True),
}
"""What happens for each reason, once the steps that all of them share are taken."""


def _running(
    lease_index: LeaseIndex, request: MoveRequest, kind: ServiceType
) -> RunsAlready | None:
    """Return where a singleton is running, leased or not; None if it is not running."""
    for lease in lease_index.of_type(kind.name):
        return RunsAlready(lease.port, kind.name, lease.holder.pid if lease.holder else 0)
    return (
        None
        if request.listener is None
        else RunsAlready(request.asked, kind.name, request.listener)
    )


def _given_up(
    lease_index: LeaseIndex, request: MoveRequest, *, lost: Port, now: float
) -> tuple[Event, ...]:
    """Give up a place that this server could not bind, so that it is not offered again.

    It ends at the next sweep and not at once, because another worker of the server may be using it.
    """
    lease = lease_index.on_port(lost)
    if lease is None or lease.is_adopted:  # what was granted is not given up for a lost race
        return ()
    if (lease.image_id, lease.asked) != (request.image_id, request.asked):
        return ()
    expires_at = now + LOST_GRACE
    return (
        Dated(
            lease_id=lease.lease_id, port=lease.port, expires_at=expires_at, given_up=True, at=now
        ),
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


def named_type(catalogue: Catalogue, asked: Port, declared: str | None) -> ServiceType | None:
    """Return a server's type: the declared one, else that of the range containing the requested
    port; None if neither tells.
    """
    return catalogue.find(declared) or catalogue.containing(asked)


def _kind(catalogue: Catalogue, request: MoveRequest) -> ServiceType:
    """Say of which type a server is: as named, else what its program is known for."""
    named = named_type(catalogue, request.asked, request.service_type)
    return named or catalogue.find(request.inferred_type) or catalogue.get(FALLBACK)


def _candidates(
    state: State, request: MoveRequest, kind: ServiceType, *, now: float
) -> Iterator[Port]:
    lease_index = state.lease_index
    remembered = state.remembered.moves.get((request.owner.key, request.asked))
    recent = _recent_place(state, request, now)
    if recent is not None and _may_be_wanted(state, request, now):
        yield recent  # a restart, and the asked port may be wanted again
    if RULES[request.reason].tries_asked:
        yield request.asked
    if remembered is not None:
        yield remembered.port
    ephemeral = () if request.ephemeral is None else request.ephemeral
    for is_last_resort in (False, True):
        for is_ephemeral in (False, True):
            yield from (
                port
                for port in _in_range(lease_index, kind, request.asked)
                if (port in request.avoided, port in ephemeral) == (is_last_resort, is_ephemeral)
            )


def _in_range(lease_index: LeaseIndex, kind: ServiceType, asked: Port) -> Iterator[Port]:
    if kind.holds(asked):
        yield from (port for port in unleased(lease_index, kind) if port > asked)
        yield from (port for port in unleased(lease_index, kind) if port < asked)
    else:
        # A type's preferred ports are those that programs ask for by number, so a guest from
        # another range takes them last: it would only cause the next conflict.
        yield from (
            port for port in unleased(lease_index, kind) if port not in kind.preferred_ports
        )
        yield from kind.preferred_ports


def _moved(case: _Case, kind: ServiceType, port: Port) -> Ruling[MoveAnswer]:
    """Move the bind to a port that is leased for it."""
    request, now = case.request, case.now
    lease = Lease(
        lease_id=case.lease_id,
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
        cause=_cause(case),
    )
    leased = Leased(lease=lease, at=now)
    if port == request.asked or request.owner.is_on_trial:
        return Ruling(Moved(lease, is_new=False), (leased,), candidate=port)
    return Ruling(
        Moved(lease, is_new=True), (leased, _move_event(request, lease, now)), candidate=port
    )


def _onto(granted: Lease, case: _Case) -> Ruling[MoveAnswer]:
    """Move the bind onto a lease that was granted before, so that it is used, not a second one."""
    request, cause = case.request, _cause(case)
    lease = replace(
        granted, asked=request.asked, image_id=request.image_id, cause=cause, is_adopted=True
    )
    event = structs.replace(
        _move_event(request, lease, case.now),
        adopted=lease.lease_id,
        image_id=request.image_id,
        cause=cause,
    )
    return Ruling(Moved(lease, is_new=True), (*case.given_up, event), candidate=lease.port)


def _move_event(request: MoveRequest, lease: Lease, now: float) -> Reassigned:
    return Reassigned(
        requested_port=request.asked,
        port=lease.port,
        pid=request.holder.pid,
        process=request.process,
        service_type=lease.service_type,
        owner=request.owner,
        lease_id=lease.lease_id,
        at=now,
    )
