"""What the user has set, as the desk obeys it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from styxy.core.config.configuration import Configuration, HealthMonitoring, PortConflict, Recovery
from styxy.core.config.validation import read_configuration
from styxy.core.decisions.instances import find_silent
from styxy.core.decisions.requests import FormerHolder
from styxy.core.errors import Conflict
from styxy.core.model.ports import Port
from tests.core.desk_harness import DeskHarness, P, Q, move_ask


def configured(data: dict[str, object]) -> Configuration:
    """Read a configuration that is in order."""
    reading = read_configuration(data)
    assert reading.problems == ()
    return reading.configuration


ENFORCED = configured({"enforce_ranges": True})


def test_a_preferred_port_outside_the_range_is_granted_unless_ranges_are_enforced() -> None:
    harness = DeskHarness()
    assert harness.allocate("dev", preferred_port=Port(7777)).port == 7777
    harness.desk.configure(ENFORCED)
    before = harness.facts()
    with pytest.raises(Conflict, match="port 7778 is outside dev 3000-3099"):
        harness.allocate("dev", preferred_port=Port(7778))
    assert harness.facts() == before
    assert harness.allocate("dev", preferred_port=Port(3050)).port == 3050
    assert harness.allocate("dev").port == 3000


def test_enforced_ranges_include_those_by_which_a_type_grew() -> None:
    harness = DeskHarness()
    entry = {"range": [2000, 2001], "additional_ranges": [[2010, 2011]]}
    harness.desk.configure(configured({"enforce_ranges": True, "service_types": {"x": entry}}))
    assert harness.allocate("x", preferred_port=Port(2011)).port == 2011
    with pytest.raises(Conflict, match="outside x 2000-2001, 2010-2011"):
        harness.allocate("x", preferred_port=Port(2002))


def test_leases_outlive_their_service_type() -> None:
    harness = DeskHarness()
    harness.desk.configure(configured({"service_types": {"x": {"range": [2000, 2001]}}}))
    lease = harness.allocate("x")
    harness.desk.configure(Configuration())
    assert "x" not in harness.desk.catalogue
    assert harness.desk.lease_index.on_port(lease.port) == lease
    harness.see(lease.port)
    harness.release(lease.lease_id)
    assert harness.desk.lease_index.on_port(lease.port) is None


def test_durations_are_those_of_the_configuration() -> None:
    harness = DeskHarness()
    health = HealthMonitoring(unused_ttl=5.0)
    harness.desk.configure(Configuration(recovery=Recovery(health_monitoring=health)))
    lease = harness.allocate("dev")
    assert lease.expires_at == lease.allocated_at + 5.0


@pytest.mark.parametrize(("pause", "asked_first"), [(0.0, False), (5.0, False), (6.0, True)])
def test_a_server_that_was_moved_returns_to_its_place_within_the_time_set(
    pause: float, asked_first: bool
) -> None:
    harness = DeskHarness()
    conflict = PortConflict(return_within=5.0)
    harness.desk.configure(Configuration(recovery=Recovery(port_conflict=conflict)))
    first = harness.moved(move_ask(owner=P), taken=(3000,))
    harness.release(first.lease_id)
    harness.wait(pause)
    former = FormerHolder(Q, until=1000.0 + pause)
    again = harness.moved(replace(move_ask(owner=P), image_id="another", former=former))
    assert again.port == (3000 if asked_first else first.port)


def test_a_server_returns_nowhere_where_that_is_off() -> None:
    harness = DeskHarness()
    conflict = PortConflict(enabled=False)
    harness.desk.configure(Configuration(recovery=Recovery(port_conflict=conflict)))
    first = harness.moved(move_ask(owner=P), taken=(3000,))
    harness.release(first.lease_id)
    harness.wait(1.0)
    former = FormerHolder(Q, until=1000.0)
    again = harness.moved(replace(move_ask(owner=P), image_id="another", former=former))
    assert again.port == 3000


def test_a_silent_instance_stays_where_the_checks_are_off() -> None:
    harness = DeskHarness()
    health = HealthMonitoring(enabled=False, heartbeat_timeout=1.0, max_failures=1)
    harness.desk.configure(Configuration(recovery=Recovery(health_monitoring=health)))
    harness.register("agent")
    assert find_silent(harness.desk, {}, since=0.0, now=harness.now + 2.0).lost == ()
