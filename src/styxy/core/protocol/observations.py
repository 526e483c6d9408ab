"""What listens on the ports of this machine, seen beside the leases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from styxy.core.protocol.scalars import rfc3339

if TYPE_CHECKING:
    from styxy.core.reports import usage


class Observation(msgspec.Struct, kw_only=True):
    """Who listens on a port. `service_type` is the lease's, else that of the port's range."""

    pid: int | None
    process: str | None
    command: str | None
    service_type: str | None
    project: str | None
    instance_id: str | None
    addresses: list[str]
    bound_since: str | None


class PortObservation(Observation, kw_only=True):
    """An observation in a list: with its port and protocol."""

    port: int
    protocol: str


class ObserveAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer of GET /observe/{port}: an observation, or a message where nothing listens."""

    port: int
    bound: bool
    observation: Observation | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET


class Statistics(msgspec.Struct, kw_only=True):
    """The answer of GET /observation-stats: ports in use, in all, on lease, and by kind.

    What has no service type, instance or project is counted in `total` alone.
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


def observation(seen: usage.Observation) -> Observation:
    """Say an observation in the API's words."""
    found = seen.usage
    return Observation(
        pid=found.pid,
        process=found.process,
        command=found.command,
        service_type=seen.service_type,
        project=seen.project,
        instance_id=seen.instance_id,
        addresses=list(found.addresses),
        bound_since=None if found.since is None else rfc3339(found.since),
    )


def port_observation(seen: usage.Observation) -> PortObservation:
    """Say an observation of a list."""
    return PortObservation(
        port=seen.usage.port,
        protocol=seen.usage.protocol,
        **msgspec.structs.asdict(observation(seen)),
    )


def statistics(counted: usage.Statistics) -> Statistics:
    """Say counts in the API's words."""
    return Statistics(
        total=counted.total,
        leased=counted.leased,
        by_service_type=counted.by_service_type,
        by_instance=counted.by_instance,
        by_project=counted.by_project,
    )
