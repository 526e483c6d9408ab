"""Fair shares: no project leases all ports of a service type and uses none of them.

What a server listens on is never counted: a project may run as many as the range has ports. A range
that grows when it is full has room for everybody, and a lease without a project counts for nobody.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from styxy.core.errors import Conflict

if TYPE_CHECKING:
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.decisions.requests import LeaseRequest
    from styxy.core.model.service_types import ServiceType

MOST_NAMED = 20
"""Projects that a refusal names."""


def check_share(
    lease_index: LeaseIndex, request: LeaseRequest, kind: ServiceType, *, percent: float
) -> None:
    """Refuse one more lease to a project that does not use its share of a type's ports.

    Raises `Conflict`, which says who holds what.
    """
    project = request.owner.project
    if project is None or kind.auto_allocated is not None:
        return
    size = sum(span.last - span.first + 1 for span in kind.ranges)
    share = size - int(size * (100 - percent) / 100)
    unused = lease_index.unused(kind.name, project)
    if unused < share or share == size:
        return
    held = Counter(lease.owner.project or "-" for lease in lease_index.of_type(kind.name))
    raise Conflict(
        f"{project} leases {unused} of the {size} ports of {kind.name} {kind.spans} without using "
        f"them, and more than {percent:g} percent are not for one project; end some: "
        "styxy cleanup -f",
        port_range=[kind.ports.first, kind.ports.last],
        held_by=dict(held.most_common(MOST_NAMED)),
        suggestions=["styxy cleanup -f", f"styxy list --service {kind.name}"],
    )
