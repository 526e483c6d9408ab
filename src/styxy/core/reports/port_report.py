"""What is on a port: one value, of which every answer about ports is a view.

A usage is the kernel's word alone; a report adds what the leases and the ranges say. `/check`,
`/scan` and `/observe` show parts of it, and `who` begins with them. Values, and their counts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.model.leases import Lease, Protocol
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from styxy.core.model.service_types import Catalogue


class Usage(Struct, frozen=True, kw_only=True):
    """The listeners of one port and the process behind them.

    `uid` is the user of the sockets. `program` is what people call the process.
    `protocol` is "both" if TCP and UDP are in use. `since` is in seconds since the epoch. A process
    that is not visible (another user's) is None, and so is everything derived from it.
    """

    port: Port
    protocol: Protocol
    addresses: tuple[str, ...]
    pid: int | None = None
    uid: int | None = None
    process: str | None = None
    program: str | None = None
    command: str | None = None
    project: str | None = None
    instance_id: str | None = None
    since: float | None = None


class PortReport(Struct, frozen=True, kw_only=True):
    """What is on one port: who it is promised to, and what the kernel shows there.

    `service_type` is the lease's, else the range's. `is_held`: a TCP socket is bound to the port
    and does not listen, which only a probe shows.
    """

    port: Port
    lease: Lease | None
    usage: Usage | None
    service_type: str | None
    is_held: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether a TCP socket is bound to the port, listening or not."""
        return self.is_held or (self.usage is not None and self.usage.protocol != "udp")

    @property
    def is_available(self) -> bool:
        """Whether the port could be granted now."""
        return self.lease is None and not self.is_bound

    @property
    def project(self) -> str | None:
        """The server's project: from its process, else from the lease."""
        promised = self.lease.owner.project if self.lease else None
        return (self.usage.project if self.usage else None) or promised

    @property
    def instance_id(self) -> str | None:
        """The server's instance: from the lease, else from its process."""
        if self.lease is not None:
            return self.lease.owner.instance_id
        return self.usage.instance_id if self.usage else None

    @property
    def reason(self) -> str:
        """A few words on why the port is available or not."""
        if self.lease is not None:
            owner = self.lease.owner
            whose = owner.project or f"instance {owner.instance_id}"
            return f"leased to {self.lease.service_name} ({self.lease.service_type}) of {whose}"
        found = self.usage
        who = f"{found.process} (pid {found.pid})" if found and found.pid else _STRANGER
        if found is not None and found.protocol != "udp":
            return f"{who} is listening"
        if self.is_held:
            return "bound by a socket that is not listening"
        return f"free for TCP; {who} has it for UDP" if found is not None else "free"


_STRANGER = "a process that is not visible"


class Statistics(Struct, frozen=True, kw_only=True):
    """Count ports in use; what has no type, instance or project is in `total` alone."""

    total: int
    leased: int
    by_service_type: dict[str, int]
    by_instance: dict[str, int]
    by_project: dict[str, int]


def port_report(
    port: Port,
    *,
    lease: Lease | None,
    usage: Usage | None,
    catalogue: Catalogue,
    is_held: bool = False,
) -> PortReport:
    """Join what the books and the kernel say of a port."""
    kind = catalogue.containing(port) if lease is None else None
    named = lease.service_type if lease else kind.name if kind else None
    return PortReport(port=port, lease=lease, usage=usage, service_type=named, is_held=is_held)


def count(reports: Collection[PortReport]) -> Statistics:
    """Count ports by what they belong to, the largest group first."""
    return Statistics(
        total=len(reports),
        leased=sum(each.lease is not None for each in reports),
        by_service_type=_counted(each.service_type for each in reports),
        by_instance=_counted(each.instance_id for each in reports),
        by_project=_counted(each.project for each in reports),
    )


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(name for name in names if name is not None).most_common())
