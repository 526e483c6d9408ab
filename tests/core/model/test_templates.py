"""Templates: an offset for each, from the first preferred port, in its place of the choice."""

from __future__ import annotations

import pytest

from styxy.core.model.leases import Owner
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import BUILT_IN, Catalogue, ServiceType
from styxy.core.model.templates import OFFSETS, TEMPLATED_TYPES, template_port
from tests.core.desk_harness import DeskHarness

AGENT = Owner(project="/p", instance_id="agent")


def staged(template: str) -> DeskHarness:
    harness = DeskHarness()
    harness.register(template=template)
    return harness


@pytest.mark.parametrize("kind", [each for each in BUILT_IN if each.name in TEMPLATED_TYPES])
@pytest.mark.parametrize("template", OFFSETS)
def test_each_type_has_its_offset_port(kind: ServiceType, template: str) -> None:
    assert staged(template).allocate(kind.name, owner=AGENT).port == (
        kind.preferred_ports[0] + OFFSETS[template]
    )


def test_types_that_no_template_knows_are_chosen_as_ever() -> None:
    assert staged("staging").allocate("api", owner=AGENT).port == 8000
    assert staged("staging").allocate("dev", owner=Owner(instance_id="other")).port == 3000


def test_the_offset_comes_after_the_wish_and_the_memory() -> None:
    harness = staged("staging")
    assert harness.allocate(owner=AGENT, preferred_port=Port(3050), service_name="web").port == 3050
    assert (
        harness.allocate(owner=AGENT, preferred_port=Port(3050)).port == 3000
    )  # the wish is taken
    harness.release(next(each.lease_id for each in harness.desk.lease_index if each.port == 3050))
    assert harness.allocate(owner=AGENT, service_name="web").port == 3050
    assert harness.allocate(owner=AGENT, sticky=False, service_name="web").port == 3002


def test_an_offset_that_is_taken_is_passed_over() -> None:
    harness = staged("dev")
    assert harness.allocate(owner=AGENT, taken=[3001]).port == 3000


def test_a_type_without_room_for_the_offset_has_none() -> None:
    narrow = PortRange(Port(3000), Port(3001))
    dev = ServiceType(name="dev", ports=narrow, preferred_ports=(Port(3000),))
    assert template_port("features", dev) is None
    assert template_port("dev", dev) == 3001
    assert template_port("main", ServiceType(name="dev", ports=narrow)) is None
    harness = DeskHarness(Catalogue((dev,)))
    harness.register(template="features")
    assert harness.allocate(owner=AGENT).port == 3000
