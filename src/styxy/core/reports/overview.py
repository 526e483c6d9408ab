"""What a person wants to know of all ports at once: where to open a server, and how full the ranges
are. Values and counts; `core.protocol.views.overview` is their form in the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from styxy.core.model.ports import LAST_PORT, Port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from styxy.core.model.service_types import Catalogue, ServiceType

LOCAL = frozenset({"127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"})
"""Addresses whose listeners answer at `localhost`."""


def url_of(port: int, addresses: Sequence[str]) -> str:
    """Return where a browser on this machine reaches a TCP server."""
    if not addresses or not LOCAL.isdisjoint(addresses):
        return f"http://localhost:{port}/"
    address = addresses[0]
    return f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"


class RangeUse(Struct, frozen=True, kw_only=True):
    """How many ports of a service type are leased, in use, and either of both."""

    kind: ServiceType
    size: int
    leased: int
    listening: int
    used: int


class PortMarks(Struct):
    """Which ports are leased and which are in use, a byte for each port, so that a range is counted
    in microseconds."""

    leased: bytearray = field(default_factory=lambda: bytearray(LAST_PORT + 1))
    listening: bytearray = field(default_factory=lambda: bytearray(LAST_PORT + 1))

    def mark(self, port: Port, *, is_leased: bool, is_listening: bool) -> None:
        """Replace what is known of a port."""
        self.leased[port] = is_leased
        self.listening[port] = is_listening

    def ranges(self, catalogue: Catalogue) -> Iterator[RangeUse]:
        """Count the ports of each service type."""
        for kind in catalogue:
            leased = _joined(self.leased, kind)
            listening = _joined(self.listening, kind)
            yield RangeUse(
                kind=kind,
                size=_size(kind),
                leased=leased.bit_count(),
                listening=listening.bit_count(),
                used=(leased | listening).bit_count(),
            )


def nearly_full(ranges: Iterable[RangeUse]) -> list[str]:
    """Say of each range that is at least nine tenths full what to do about it."""
    return [
        f"{each.kind.name} ({each.kind.spans}) has {each.size - each.used} of {each.size} ports "
        f"left; to end leases that nobody uses: styxy cleanup -f"
        for each in ranges
        if each.used * 10 >= each.size * 9
    ]


def _size(kind: ServiceType) -> int:
    """Count the ports of a service type."""
    return sum(span.last - span.first + 1 for span in kind.ranges)


def _joined(marks: bytearray, kind: ServiceType) -> int:
    """Return the marks of a type as one number, whose bits are counted at once."""
    joined = b"".join(marks[span.first : span.last + 1] for span in kind.ranges)
    return int.from_bytes(joined, "big")
