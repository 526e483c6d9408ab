"""What is listening on this machine's ports, together with the leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from styxy.core.protocol.scalars import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from styxy.core.reports import port_report


class Observation(msgspec.Struct, kw_only=True):
    """What listens on a port. `service_type` is the lease's, else that of the port's range."""

    pid: int | None
    process: str | None
    command: str | None
    service_type: str | None
    project: str | None
    instance_id: str | None
    addresses: list[str]
    bound_since: str | None


class PortObservation(Observation, kw_only=True):
    """An observation in a list, with its port and protocol."""

    port: int
    protocol: str


class ObserveAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer of GET /observe/{port}: an observation, or a message if nothing is listening."""

    port: int
    bound: bool
    observation: Observation | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET


class Statistics(msgspec.Struct, kw_only=True):
    """The answer of GET /observation-stats: ports in use, in total, leased and by kind.

    Ports without a service type, instance or project are counted only in `total`.
    """

    total: int
    leased: int
    by_service_type: dict[str, int]
    by_instance: dict[str, int]
    by_project: dict[str, int]


class ObserveAllAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /observe/all, by port."""

    total: int
    observations: list[PortObservation]
    stats: Statistics


def observation(report: port_report.PortReport) -> Observation | None:
    """Convert what is listening on a port to the API's shape; None if nothing is."""
    found = report.usage
    return None if found is None else Observation(**_fields(report, found))


def port_observations(reports: Iterable[port_report.PortReport]) -> list[PortObservation]:
    """Convert what is listening on each port of a list to the API's shape."""
    return [
        PortObservation(port=each.port, protocol=each.usage.protocol, **_fields(each, each.usage))
        for each in reports
        if each.usage is not None
    ]


def _fields(report: port_report.PortReport, found: port_report.Usage) -> dict[str, Any]:
    return {
        "pid": found.pid,
        "process": found.process,
        "command": found.command,
        "service_type": report.service_type,
        "project": report.project,
        "instance_id": report.instance_id,
        "addresses": list(found.addresses),
        "bound_since": None if found.since is None else rfc3339(found.since),
    }


def statistics(counted: port_report.Statistics) -> Statistics:
    """Convert counts to the API's shape."""
    return Statistics(
        total=counted.total,
        leased=counted.leased,
        by_service_type=counted.by_service_type,
        by_instance=counted.by_instance,
        by_project=counted.by_project,
    )
