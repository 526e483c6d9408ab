"""What a bind is told that is not moved: its program finds its own way, or serves every project.

A steered program (`core.commands.conduct`) is told that the port is taken, also where that is so by
a promise or by another server's address alone: it prints and opens what it binds then, and nothing
that Styxy could give it would be in its pages. It never goes back to a place either: it is given
the port that it asks for as soon as that is free. While that is taken, it is led to its previous
place if a few refusals on its way are enough. A shared helper is never told more than the
kernel says.

UDP is moved only where a number is known to be a server's: whoever asks for any other wants to meet
others there, or keep a second one of itself away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.decisions.requests import Kept, MoveAnswer, Ruling, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from styxy.core.books.state import State
    from styxy.core.decisions.requests import MoveRequest
    from styxy.core.model.leases import Lease
    from styxy.core.model.ports import Port


GROUP_PORTS = frozenset({1900, 3702, 5353, 5355})
"""UDP ports on which programs meet in multicast groups, which many of them join after the bind:
SSDP, WS-Discovery, mDNS (RFC 6762) and LLMNR (RFC 4795)."""


def udp_may_move(
    state: State, asked: Port, *, is_default: Callable[[Port], bool], is_beside_tcp: bool
) -> bool:
    """Tell whether a UDP socket that asks for a port may be moved at all.

    `is_default` tells whether a port is some tool's by default, `is_beside_tcp` whether the same
    program listens on it.
    """
    if asked in GROUP_PORTS:
        return False
    return (
        is_beside_tcp
        or state.lease_index.on_port(asked) is not None
        or state.catalogue.containing(asked) is not None
        or is_default(asked)
    )


def decide_unmoved(
    request: MoveRequest,
    *,
    taken: Collection[int],
    promised: Lease | None,
    to_asked: Callable[[], Ruling[MoveAnswer]],
    others: Iterable[Port],
) -> Ruling[MoveAnswer]:
    """Answer a guest whose bind is not moved.

    `promised` is the lease on the asked port, `to_asked` the ruling that gives it that port, and
    `others` the ports that it could be started on.
    """
    if request.leads_back:
        return Ruling(Taken())
    if request.conduct == "shared" or _stays(request):
        return Ruling(Kept())
    if request.reason == "inuse" and promised is None and request.asked not in taken:
        return to_asked()  # it may have become free between the bind and the question
    if not request.must_fail:
        return Ruling(Taken())
    free = next((port for port in others if port not in (*taken, request.asked)), None)
    return Ruling(Taken(free), candidate=free)


def leads_back(
    state: State,
    request: MoveRequest,
    *,
    begin: Port,
    steps: int,
    tries: int,
    is_free: Callable[[Port], bool],
) -> bool:
    """Tell whether a program that steps from `begin`, and was told of `steps` numbers, comes to its
    previous place if it is told that this one is taken.

    Only while fewer than half of its tries are used, and never if it would run out of them.
    """
    if request.must_fail or request.reason != "returned" or 2 * steps >= tries:
        return False
    place = state.remembered.moves.get((request.owner.key, begin))
    if place is None or not request.asked < place.port < begin + tries:
        return False
    lease = state.lease_index.on_port(place.port)
    return (lease is None or lease.owner.is_same(request.owner)) and is_free(place.port)


def _stays(request: MoveRequest) -> bool:
    match request.reason:
        case "placed" | "returned" | "chosen":
            return True
        case "inuse":
            return request.asked in request.own
        case "shadowed":
            return not request.is_foreign
        case _:
            return False
