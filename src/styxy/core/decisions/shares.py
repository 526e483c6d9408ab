"""Fair shares: no project leases all ports of a service type and uses none of them.

What a server listens on is never counted: a project may run as many as the range has ports. A range
that grows when it is full has room for everybody, and a lease without a project counts for nobody.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from styxy.core.errors import RangeExhausted

if TYPE_CHECKING:
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.decisions.requests import LeaseRequest
    from styxy.core.model.service_types import ServiceType

SMALLEST_RANGE = 50
"""Ports of a type of which a part is kept; honest projects fill a smaller one, too."""

MOST_NAMED = 20
"""Projects that a refusal names."""


def check_share(
    lease_index: LeaseIndex, request: LeaseRequest, kind: ServiceType, *, percent: float
) -> None:
    """Refuse one more lease to a project that does not use its share of a type's ports.

    Raises `RangeExhausted`, which says who holds what.
    """
    project = request.owner.project
    if project is None or kind.auto_allocated is not None:
        return
    size = sum(span.last - span.first + 1 for span in kind.ranges)
    share = size - int(size * (100 - percent) / 100)
    unused = lease_index.unused(kind.name, project)
    if unused < share or share == size or size < SMALLEST_RANGE:
        return
    leases = lease_index.of_type(kind.name)
    held = Counter(lease.owner.project or "-" for lease in leases)
    raise RangeExhausted(
        f"{project} leases {unused} of the {size} ports of {kind.name} {kind.spans} without using "
        f"them, and more than {percent:g} percent are not for one project; end some: "
        "styxy cleanup -f",
        port_range=[kind.ports.first, kind.ports.last],
        allocated_ports=sorted(lease.port for lease in leases),
        held_by=dict(held.most_common(MOST_NAMED)),
        suggestions=["styxy cleanup -f", f"styxy list --service {kind.name}"],
    )
