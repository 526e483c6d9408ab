"""The sockets of this machine as psutil shows them, each with a number that stands for it.

psutil names no inode and no cookie. A socket is known here by its addresses and its oldest holder,
and its number is a hash of that: the same for every process that asks, another for a server that
takes the same address later. Sockets that share both (SO_REUSEPORT) count as one. macOS has numbers
of its own for those that wait (`control_blocks`), and the library knows its sockets by them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from styxy.adapters.portable.control_blocks import Place, numbers
from styxy.core.hashing import fnv1a64

if TYPE_CHECKING:
    from collections.abc import Iterator

End = tuple[str, int]
"""An address and a port."""

UNKNOWN_USER = -1
"""Of a socket whose process is not visible: somebody else's."""

_NUMBER = (1 << 63) - 1
_BOUND = (psutil.CONN_LISTEN, psutil.CONN_NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A socket that waits at a port (TCP: listens, UDP: is bound), or a connection of a process.

    `far` is None for the former; `uid` is the oldest holder's.
    """

    number: int
    protocol: str
    near: End
    far: End | None
    pids: tuple[int, ...]
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All sockets at one moment; `ends` are both ends of every TCP connection, of the last ones
    too (TIME_WAIT)."""

    sockets: tuple[Seen, ...]
    ends: frozenset[tuple[End, End]]


class Scanner:
    """Looks at all sockets, again when the last look is older than a new one would take: a request
    has several questions, and each look costs tens of milliseconds."""

    def __init__(self) -> None:
        self._last = Scan(sockets=(), ends=frozenset())
        self._until = 0.0

    def scan(self) -> Scan:
        """Return the sockets, as of now or a moment ago."""
        began = time.monotonic()
        if began >= self._until:
            self._last = _scanned()
            ended = time.monotonic()
            self._until = ended + (ended - began)
        return self._last


def _scanned() -> Scan:
    holders: dict[tuple[str, End, End | None], set[int]] = {}
    ends = set()
    for found, pid in _listed():
        if not found.laddr:
            continue
        near = (str(found.laddr[0]), int(found.laddr[1]))
        far = (str(found.raddr[0]), int(found.raddr[1])) if found.raddr else None
        protocol = "udp" if found.type.name == "SOCK_DGRAM" else "tcp"
        if far is not None and protocol == "tcp":
            ends.add((near, far))
        if pid or (far is None and found.status in _BOUND):
            holders.setdefault((protocol, near, far), set()).update([pid] if pid else [])
    facts = {pid: _facts(pid) for pids in holders.values() for pid in pids}
    own = numbers()
    seen = tuple(_seen(key, pids, facts, own) for key, pids in holders.items())
    return Scan(sockets=seen, ends=frozenset(ends))


def _seen(
    key: tuple[str, End, End | None],
    pids: set[int],
    facts: dict[int, tuple[float, int]],
    own: dict[Place, int],
) -> Seen:
    protocol, near, far = key
    began, oldest = min(((facts[pid][0], pid) for pid in pids), default=(0.0, 0))
    text = f"{protocol} {near} {far} {oldest} {began}"
    given = own.get((protocol, *near)) if far is None else None
    return Seen(
        number=given or fnv1a64(text.encode()) & _NUMBER or 1,
        protocol=protocol,
        near=near,
        far=far,
        pids=tuple(sorted(pids)),
        uid=facts[oldest][1] if oldest else UNKNOWN_USER,
    )


def _facts(pid: int) -> tuple[float, int]:
    """Return when a process began and whose it is."""
    try:
        process = psutil.Process(pid)
        return process.create_time(), process.uids().real
    except psutil.Error:
        return 0.0, UNKNOWN_USER  # it has just ended


def _listed() -> Iterator[tuple[Any, int | None]]:
    """Yield what psutil knows of each socket, once with each visible process that has it."""
    try:
        yield from ((each, each.pid) for each in psutil.net_connections(kind="inet"))
    except psutil.AccessDenied:  # macOS shows all of them to root alone
        for process in psutil.process_iter():
            try:
                found = process.net_connections(kind="inet")
            except psutil.Error:
                continue  # another user's, or it has just ended
            yield from ((each, process.pid) for each in found)
