"""The state of ports: what the kernel shows, what is free, what was moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from styxy.core.protocol.leases import Allocation, allocation
from styxy.core.protocol.scalars import PortNumber, rfc3339

if TYPE_CHECKING:
    from styxy.core.reports.port_report import PortReport, Usage


class SuggestQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /suggest/{service_type}."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5


class SystemUsage(msgspec.Struct, kw_only=True):
    """What the kernel shows about a port."""

    protocol: str
    addresses: list[str]
    pid: int | None
    process: str | None
    command: str | None
    project: str | None
    since: str | None


class CheckAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /check/{port}."""

    port: int
    available: bool
    reason: str
    allocated_to: Allocation | None
    system_usage: SystemUsage | None


class ScanQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /scan: the first and the last port to look at."""

    start: PortNumber = 1
    end: PortNumber = 65535


class PortInUse(msgspec.Struct, kw_only=True):
    """A port that is leased, or has a listener, or both."""

    port: int
    allocated_to: Allocation | None
    system_usage: SystemUsage | None


class ScanAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /scan, in ascending order; `scan_range` is "3000-3010"."""

    scan_range: str
    ports_in_use: list[PortInUse]


class SuggestAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer of GET /suggest/{service_type}; `fallback` if the type is unknown."""

    service_type: str
    suggestions: list[int]
    count: int
    message: str
    fallback: bool = False


def checked(report: PortReport) -> CheckAnswer:
    """Convert whether a port is available, and who has it, to the API's shape."""
    return CheckAnswer(
        port=report.port,
        available=report.is_available,
        reason=report.reason,
        allocated_to=allocation(report.lease) if report.lease else None,
        system_usage=system_usage(report.usage) if report.usage else None,
    )


def port_in_use(report: PortReport) -> PortInUse:
    """Convert who has a port to the API's shape."""
    return PortInUse(
        port=report.port,
        allocated_to=allocation(report.lease) if report.lease else None,
        system_usage=system_usage(report.usage) if report.usage else None,
    )


def system_usage(usage: Usage) -> SystemUsage:
    """Convert the kernel's view of a port to the API's shape."""
    return SystemUsage(
        protocol=usage.protocol,
        addresses=list(usage.addresses),
        pid=usage.pid,
        process=usage.process,
        command=usage.command,
        project=usage.project,
        since=None if usage.since is None else rfc3339(usage.since),
    )
