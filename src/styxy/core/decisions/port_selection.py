"""How a port is chosen: the first free candidate; and the error if there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.errors import RangeExhausted
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.model.leases import Owner
    from styxy.core.model.ports import Port
    from styxy.core.model.service_types import ServiceType


def candidates(lease_index: LeaseIndex, kind: ServiceType) -> Iterator[Port]:
    """Iterate over a type's ports in order of preference: preferred ports, then the range upwards.

    Leased ports of the range are skipped without being visited, so a full range costs no more than
    an empty one.
    """
    yield from kind.preferred_ports
    yield from (port for port in unleased(lease_index, kind) if port not in kind.preferred_ports)


def unleased(lease_index: LeaseIndex, kind: ServiceType) -> Iterator[Port]:
    """Iterate over the unleased ports of a type's ranges, upwards in each."""
    for span in kind.ranges:
        yield from lease_index.unleased(span)


def first_free(
    lease_index: LeaseIndex, candidates: Iterable[Port], taken: Collection[int | None]
) -> Port | None:
    """Return the first candidate that is neither leased nor in `taken`."""
    return next((port for port in candidates if is_open(lease_index, port, taken)), None)


def is_open(lease_index: LeaseIndex, port: Port, taken: Collection[int | None]) -> bool:
    """Return whether a port is neither leased nor in `taken`."""
    return port not in taken and lease_index.on_port(port) is None


def exhausted(lease_index: LeaseIndex, kind: ServiceType, owner: Owner) -> RangeExhausted:
    """Build the error for a full range, with the numbers and a step that makes room for `owner`.

    A plain cleanup would not: the leases of the dead and those that lapsed have ended by now.
    """
    leases = [lease for port in kind.all_ports() if (lease := lease_index.on_port(port))]
    unused = [lease for lease in leases if lease.state == "reserved"]
    own = [lease for lease in unused if lease.owner.project and lease.owner.is_same(owner)]
    look = f"styxy scan -s {kind.ports.first} -e {kind.ports.last}"
    if own:
        step, command = f"this project does not use {len(own)} of them; try", "styxy cleanup -f"
    elif unused:
        count = "1 has" if len(unused) == 1 else f"{len(unused)} have"
        step, command = f"{count} no server; try", "styxy cleanup -f --all"
    else:
        step, command = "see which server can stop", look
    rest = "" if len(leases) == len(list(kind.all_ports())) else ", the rest in use"
    return RangeExhausted(
        f"{kind.name} {kind.spans} is full ({counted(len(leases), 'lease')}{rest}); "
        f"{step}: {command}",
        port_range=[kind.ports.first, kind.ports.last],
        allocated_ports=[lease.port for lease in leases],
        suggestions=list(dict.fromkeys((command, look))),
    )
