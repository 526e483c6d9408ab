"""What is said when a command would end processes that are not the agent's to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.advice.occupants import described, printable
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.advice.occupants import Occupant

MOST_NAMED = 3
"""Victims that a sentence names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victims:
    """The processes that a command would end, as far as they matter.

    `servers` listen or hold a lease. `clients` are connected to a port that the command names:
    pairs of name and pid. `is_cut`: there may be more servers. `ancestor` is the agent itself or
    one of its parents, and `daemon` Styxy's own daemon.
    """

    servers: tuple[Occupant, ...] = ()
    is_cut: bool = False
    clients: tuple[tuple[str, int], ...] = ()
    ancestor: tuple[str, int] | None = None
    daemon: int | None = None


def denial(victims: Victims, *, free_port: int | None) -> str:
    """Say why a command must not run; empty if it may."""
    own = [each for each in victims.servers if each.whose == "own"]
    foreign = [each for each in victims.servers if each.whose != "own"]
    if victims.ancestor is not None:
        name, pid = victims.ancestor
        return (
            f"Not run: this would end {printable(name, 40)} (pid {pid}), which runs this session. "
            f"{_safe_way(own)}"
        )
    if foreign:
        listed = _listed(foreign, victims)
        return f"Not run: this would end {listed}. {_way_on(own, foreign, free_port)}"
    if victims.daemon is not None:
        return (
            f"Not run: this would end the Styxy daemon (pid {victims.daemon}), which all projects "
            "use. To stop it properly: styxy daemon stop"
        )
    if victims.clients:
        name, pid = victims.clients[0]
        more = f" and {counted(len(victims.clients) - 1, 'other')}" if victims.clients[1:] else ""
        return (
            f"Not run: this would also end {printable(name, 40)} (pid {pid}){more}, which "
            "is only connected to the port; lsof lists clients, too, without -sTCP:LISTEN. "
            f"{_safe_way(own)}"
        )
    return ""


def _listed(foreign: Sequence[Occupant], victims: Victims) -> str:
    named = [f"{described(each)}, on port {each.port}" for each in foreign[:MOST_NAMED]]
    more = len(foreign) - MOST_NAMED
    if more > 0:
        named.append(f"{'at least ' * victims.is_cut}{counted(more, 'more server')}")
    return "; ".join(named)


def _way_on(own: Sequence[Occupant], foreign: Sequence[Occupant], free_port: int | None) -> str:
    theirs = "It is not yours to end" if len(foreign) == 1 else "They are not yours to end"
    if own:
        return f"{theirs}. {_safe_way(own)}"
    if free_port is None:
        return f"{theirs}; start your server on a free port: styxy run -- COMMAND"
    return (
        f"{theirs}; start your server on a free port, such as {free_port}: "
        f"styxy run -p {free_port} -- COMMAND"
    )


def _safe_way(own: Sequence[Occupant]) -> str:
    ports = " && ".join(f"styxy stop {port}" for port in sorted({each.port for each in own}))
    return f"To end your own server: {ports or 'styxy stop PORT'}"
