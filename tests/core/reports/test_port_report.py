"""Observations: what a listener is, beside leases and ranges, and how they are counted."""

from __future__ import annotations

import pytest

from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port
from styxy.core.model.service_types import Catalogue
from styxy.core.reports.port_report import PortReport, Usage, count, port_report


def seen(port: int, lease: Lease | None = None, **more: str) -> PortReport:
    usage = Usage(port=Port(port), protocol="tcp", addresses=("127.0.0.1",), **more)  # type: ignore[arg-type]  # a shorthand
    return port_report(Port(port), lease=lease, usage=usage, catalogue=Catalogue())


def lease_of(port: int, kind: str, owner: Owner) -> Lease:
    return Lease(
        lease_id="x", port=Port(port), service_type=kind, owner=owner, allocated_at=0, last_seen=0
    )


@pytest.mark.parametrize(
    ("port", "leased_as", "kind"),
    [(3005, None, "dev"), (3005, "api", "api"), (40000, "api", "api"), (40000, None, None)],
)
def test_the_type_is_that_of_the_lease_else_of_the_range(
    port: int, leased_as: str | None, kind: str | None
) -> None:
    lease = lease_of(port, leased_as, Owner()) if leased_as else None
    assert seen(port, lease).service_type == kind


def test_the_process_tells_its_project_and_the_lease_its_instance() -> None:
    lease = lease_of(3000, "dev", Owner(project="/p", instance_id="agent"))
    both = seen(3000, lease, project="/q", instance_id="child")
    assert (both.project, both.instance_id) == ("/q", "agent")
    hidden = seen(3000, lease)
    assert (hidden.project, hidden.instance_id) == ("/p", "agent")
    unleased = seen(3000, project="/q", instance_id="child")
    assert (unleased.project, unleased.instance_id) == ("/q", "child")
    assert (seen(3000).project, seen(3000).instance_id) == (None, None)


def test_observations_are_counted_by_what_they_belong_to() -> None:
    lease = lease_of(3000, "dev", Owner(project="/p", instance_id="agent"))
    found = [seen(3000, lease), seen(3001, project="/q"), seen(3002, project="/q"), seen(40000)]
    stats = count(found)
    assert (stats.total, stats.leased) == (4, 1)
    assert stats.by_service_type == {"dev": 3}
    assert stats.by_instance == {"agent": 1}
    assert list(stats.by_project.items()) == [("/q", 2), ("/p", 1)]
    assert count([]).total == 0
