"""What the kernel shows on a port, and what that means beside the leases. Values, and their counts.

A usage is the kernel's word alone; an observation adds what the leases and the ranges say of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.model.leases import Lease, Protocol
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from styxy.core.model.service_types import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Describe the listeners of one port and the process behind them.

    `protocol` is "both" where TCP and UDP are in use. `since` is in seconds since the epoch. A
    process that is not to be seen (another user's) is None, and so is all that it would tell.
    """

    port: Port
    protocol: Protocol
    addresses: tuple[str, ...]
    pid: int | None = None
    process: str | None = None
    command: str | None = None
    project: str | None = None
    instance_id: str | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Join a usage with the lease of its port. `service_type` is the lease's, else the range's."""

    usage: Usage
    lease: Lease | None
    service_type: str | None

    @property
    def project(self) -> str | None:
        """Whose server it is: the process tells, else the lease."""
        promised = self.lease.owner.project if self.lease else None
        return self.usage.project or promised

    @property
    def instance_id(self) -> str | None:
        """Which instance it belongs to: the lease tells, else the process."""
        return self.lease.owner.instance_id if self.lease else self.usage.instance_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Count observations; what has no type, instance or project is in `total` alone."""

    total: int
    leased: int
    by_service_type: dict[str, int]
    by_instance: dict[str, int]
    by_project: dict[str, int]


def observe(usage: Usage, lease: Lease | None, catalogue: Catalogue) -> Observation:
    """Say what a usage means."""
    kind = catalogue.containing(usage.port)
    range_name = kind.name if kind else None
    return Observation(
        usage=usage, lease=lease, service_type=lease.service_type if lease else range_name
    )


def count(observations: Collection[Observation]) -> Statistics:
    """Count observations by what they belong to, the largest group first."""
    return Statistics(
        total=len(observations),
        leased=sum(each.lease is not None for each in observations),
        by_service_type=_counted(each.service_type for each in observations),
        by_instance=_counted(each.instance_id for each in observations),
        by_project=_counted(each.project for each in observations),
    )


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name is not None).most_common())
