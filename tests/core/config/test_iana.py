"""Well-known services in the registry of IANA, and ranges that lie over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from styxy.core.config.iana import MEANT, REGISTRY_DATE, WELL_KNOWN, squatted
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import BUILT_IN, ServiceType

REGISTRY = Path(__file__).parent.parent.parent.parent / "docs" / "iana.tsv"


def kind(name: str, first: int, last: int) -> ServiceType:
    return ServiceType(name=name, ports=PortRange(Port(first), Port(last)))


def test_a_range_over_a_well_known_service_is_named() -> None:
    assert squatted([kind("tools", 3300, 3310)]) == [
        "service_types.tools: 3300-3310 lies over 3306, which is MySQL or MariaDB "
        "(mysql in IANA's registry); choose a range without it"
    ]
    assert len(squatted([kind("tools", 5060, 5061)])) == 2
    assert squatted([kind("tools", 7000, 7099)]) == []


@pytest.mark.parametrize("name", ["redis", "dev-redis", "valkey", "infrastructure"])
def test_a_type_that_is_meant_for_the_service_is_not(name: str) -> None:
    assert squatted([kind(name, 6379, 6379)]) == []


@pytest.mark.parametrize("name", ["a", "or-else", "red", "cache"])
def test_a_name_that_only_resembles_it_is(name: str) -> None:
    assert len(squatted([kind(name, 6379, 6379)])) == (name != "red")


@pytest.mark.parametrize(
    ("name", "port"),
    [("api-server", 1433), ("ai-agent", 10050), ("data", 9100), ("client-app", 2379)],
)
def test_a_common_word_names_no_service(name: str, port: int) -> None:
    assert len(squatted([kind(name, port, port)])) == 1


def test_our_own_ranges_get_no_warning() -> None:
    assert squatted(BUILT_IN) == []


def test_a_built_in_type_whose_range_was_moved_does() -> None:
    assert len(squatted([kind("dev", 11200, 11299)])) == 1


def test_our_ranges_lie_over_three_well_known_services_that_they_are_not_meant_for() -> None:
    over = {
        each.port
        for kind in BUILT_IN
        if kind.name not in MEANT
        for each in WELL_KNOWN
        if kind.holds(Port(each.port))
    }
    assert over == {5060, 5061, 9100}  # docs/iana.md says why these are no harm


def test_the_names_are_the_registrys() -> None:
    _, date, *lines = REGISTRY.read_text(encoding="utf-8").splitlines()
    assert REGISTRY_DATE in date
    names = {int(port): name for port, name in (line.split("\t") for line in lines)}
    assert list(names) == sorted(names)
    ours = {each.port: each.name for each in WELL_KNOWN if each.port in names}
    assert ours.keys() >= {5432, 6379, 9100}
    assert {port: names[port] for port in ours} | {9100: "pdl-datastream"} == ours
