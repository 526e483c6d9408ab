"""The rows of the journal: what is written today is what yesterday's and tomorrow's Styxy read."""

from __future__ import annotations

import json

import pytest

from styxy.adapters.journal.database import event_of, row_of
from styxy.core.books.events import InstanceSeen, Leased, RangeAdded
from styxy.core.model.instances import Instance
from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import ServiceType

LEASED = Leased(
    lease=Lease(
        lease_id="a",
        port=Port(3001),
        service_type="dev",
        service_name='"image_id":',
        owner=Owner(project='/srv/"server":/\udcff'),
        allocated_at=1,
        last_seen=1,
        asked=Port(3000),
        image_id="0123456789abcdef",
    ),
    at=1,
)


def test_the_program_image_of_a_lease_has_the_key_that_every_journal_has() -> None:
    _at, _kind, data, _seal = row_of(LEASED)
    lease = json.loads(data)["lease"]
    assert lease["server"] == "0123456789abcdef"
    assert "image_id" not in lease


def test_the_preferred_ports_of_a_made_type_have_the_key_that_every_journal_has() -> None:
    ports = PortRange(Port(9000), Port(9009))
    service = ServiceType(name="x", ports=ports, preferred_ports=(Port(9001),))
    added = RangeAdded(service=service, placement="after", chunk_size=10, at=1)
    _at, kind, data, seal = row_of(added)
    assert json.loads(data)["service"]["preferred"] == [9001]
    assert event_of(kind, data, seal, path="styxy.db") == added


def test_what_looks_like_that_key_in_a_text_is_left_alone() -> None:
    _at, kind, data, seal = row_of(LEASED)
    assert event_of(kind, data, seal, path="styxy.db") == LEASED


@pytest.mark.parametrize(
    "text", ["\ud800", "/a\udbff/", "\N{GRINNING FACE} \udfff", r"/\ud800 \ud83d", "/b\udcff"]
)
def test_whatever_is_written_can_be_read_again(text: str) -> None:
    seen = InstanceSeen(
        instance=Instance(
            instance_id="x", registered_at=1, last_heartbeat=1, working_directory=text
        ),
        at=1,
    )
    _at, kind, data, seal = row_of(seen)
    assert event_of(kind, data, seal, path="styxy.db") == seen


def test_the_id_of_a_lease_has_the_key_that_every_journal_has() -> None:
    _at, _kind, data, _seal = row_of(LEASED)
    lease = json.loads(data)["lease"]
    assert lease["lock_id"] == "a"
    assert "lease_id" not in lease
