"""The table of service types: the product's own, written out, and how a catalogue answers."""

from __future__ import annotations

import itertools

import pytest

from styxy.core.errors import UnknownServiceType
from styxy.core.model.ports import FIRST_UNPRIVILEGED, Port, PortRange
from styxy.core.model.service_types import BUILT_IN, FALLBACK, Catalogue, ServiceType

TABLE = """
dev             3000-3099    3000-3003    Front-end development servers (React, Next.js, Vite)
monitoring      3100-3199    3100-3103    Metrics dashboards, log viewers
ui              4000-4099    4000-4003    Admin interfaces, Firebase emulator UI
docs            4100-4199    4100-4103    Documentation servers (MkDocs, Docusaurus, Sphinx)
hub             4400-4499    4400-4403    Multi-service coordination, emulator hubs
functions       5000-5099    5001-5004    Serverless functions, Firebase functions
database        5430-5499    5430-5433    PostgreSQL, MySQL, Firestore emulator
storybook       6006-6029    6006-6009    Component development
infrastructure  6370-6399    6370-6373    Redis, caches, background services
api             8000-8099    8000-8003    Back-end servers (Express, FastAPI, Django)
proxy           8100-8199    8100-8103    Development proxies
build           8200-8299    8200-8203    Bundlers and build services
messaging       9050-9098    9050-9053    Kafka, RabbitMQ, brokers
auth            9099-9199    9099-9102    Auth emulators and servers
test            9200-9299    9200-9203    Test frameworks, browser debugging
coordination    9870-9899    9870-9873    Styxy itself (9876) and other coordinators
ai              11400-11499  11430-11433  Ollama, local models, embedding and RAG services
"""

BY_NAME = {kind.name: kind for kind in BUILT_IN}


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_a_built_in_type_is_as_promised(line: str) -> None:
    name, ports, preferred, purpose = line.split(maxsplit=3)
    first, last = preferred.split("-")
    kind = BY_NAME[name]
    assert str(kind.ports) == ports
    assert kind.preferred_ports == tuple(range(int(first), int(last) + 1))
    assert kind.description == purpose


def test_there_is_no_other_built_in_type() -> None:
    assert [kind.name for kind in BUILT_IN] == [line.split()[0] for line in TABLE.split("\n")[1:-1]]


def test_no_two_ranges_overlap() -> None:
    for one, other in itertools.combinations(BUILT_IN, 2):
        assert not one.ports.overlaps(other.ports), f"{one.name} and {other.name}"


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
def test_preferred_ports_lie_in_their_range_and_need_no_privilege(kind: ServiceType) -> None:
    assert kind.ports.first >= FIRST_UNPRIVILEGED
    assert all(port in kind.ports for port in kind.preferred_ports)


def test_ai_alone_is_a_singleton() -> None:
    assert [kind.name for kind in BUILT_IN if kind.is_singleton] == ["ai"]


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
def test_every_port_is_a_candidate_once_and_the_preferred_come_first(kind: ServiceType) -> None:
    candidates = list(kind.candidates())
    assert tuple(candidates[: len(kind.preferred_ports)]) == kind.preferred_ports
    assert sorted(candidates) == list(kind.ports)
    assert candidates[len(kind.preferred_ports) :] == sorted(
        candidates[len(kind.preferred_ports) :]
    )


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownServiceType, match=r"'grafana'.*storybook") as refusal:
        Catalogue().get("grafana")
    assert refusal.value.context["known"] == [kind.name for kind in BUILT_IN]


@pytest.mark.parametrize(
    ("port", "name"),
    [(3000, "dev"), (3099, "dev"), (3100, "monitoring"), (9098, "messaging"), (9099, "auth")],
)
def test_a_port_leads_to_the_type_of_its_range(port: int, name: str) -> None:
    kind = Catalogue().containing(Port(port))
    assert kind is not None
    assert kind.name == name


def test_a_port_outside_all_ranges_has_no_type() -> None:
    assert Catalogue().containing(Port(7000)) is None


def test_the_fallback_is_a_type_for_many() -> None:
    assert not Catalogue().get(FALLBACK).is_singleton


def test_an_extended_catalogue_leaves_the_first_as_it_was() -> None:
    first = Catalogue()
    ours = ServiceType(name="dev", ports=PortRange(Port(20000), Port(20009)))
    more = ServiceType(name="grafana", ports=PortRange(Port(21000), Port(21009)))
    second = first.extended([ours, more])
    assert second.get("dev") == ours
    assert "grafana" in second
    assert "grafana" not in first
    assert first.get("dev") == BY_NAME["dev"]
    assert len(list(second)) == len(list(first)) + 1


def test_all_ranges_of_a_type_are_told() -> None:
    first, second = (PortRange(Port(at), Port(at + 9)) for at in (9500, 9600))
    assert ServiceType(name="shop", ports=first, more=(second,)).spans == "9500-9509, 9600-9609"


def test_a_range_that_grew_is_walked_to_its_end() -> None:
    kind = ServiceType(
        name="grafana",
        ports=PortRange(Port(21000), Port(21001)),
        more=(PortRange(Port(22000), Port(22001)),),
        preferred_ports=(Port(21001),),
    )
    assert list(kind.candidates()) == [21001, 21000, 22000, 22001]
    assert kind.holds(Port(22001))
    assert not kind.holds(Port(21002))
    assert Catalogue((kind,)).containing(Port(22000)) == kind


def test_a_catalogue_without_a_type_lacks_it_alone() -> None:
    catalogue = Catalogue().without("dev")
    assert "dev" not in catalogue
    assert len(list(catalogue)) == len(BUILT_IN) - 1
