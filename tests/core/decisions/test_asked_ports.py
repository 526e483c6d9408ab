"""Which numbers a repo asks for, and what follows: moves avoid them, once a day is enough."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from styxy.core.books.events import Asked
from styxy.core.decisions.asked_ports import REFRESHED_AFTER, Place, asked_at, decide_asked
from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port, PortRange
from tests.core.desk_harness import DeskHarness, move_ask

EPHEMERAL = PortRange(Port(32768), Port(60999))


def lease(port: int, *, asked: int | None = None) -> Lease:
    return Lease(
        lease_id="1",
        port=Port(port),
        service_type="dev",
        owner=Owner(project="/p"),
        asked=None if asked is None else Port(asked),
        allocated_at=0.0,
        last_seen=0.0,
    )


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        (Place(port=Port(3000), said=Port(3000)), 3000),
        (Place(port=Port(40000), said=Port(40000)), 40000),
        (Place(port=Port(3007), said=Port(3000)), 3000),
        (Place(port=Port(3007), said=Port(3007), lease=lease(3007, asked=3000)), 3000),
        (Place(port=Port(3000), said=Port(3000), lease=lease(3000, asked=3000)), 3000),
        (Place(port=Port(3005), said=Port(3005), lease=lease(3005)), None),
        (Place(port=Port(3000)), 3000),
        (Place(port=Port(40000)), None),
        (Place(port=Port(50051)), 50051),
    ],
)
def test_what_a_server_asked_for(place: Place, asked: int | None) -> None:
    found = asked_at(place, ephemeral=EPHEMERAL, is_default=lambda port: port == 50051)
    assert found == asked


def test_what_is_asked_for_is_written_down_once_a_day() -> None:
    harness = DeskHarness()
    said = [(7, Port(3000)), (7, Port(3000)), (8, Port(3000))]
    ruling = decide_asked(harness.desk, said, now=1000.0)
    assert ruling.events == (
        Asked(asker_key=7, port=Port(3000), at=1000.0),
        Asked(asker_key=8, port=Port(3000), at=1000.0),
    )
    for event in ruling.events:
        harness.desk.apply(event)
    assert decide_asked(harness.desk, said, now=999.0 + REFRESHED_AFTER).events == ()
    assert len(decide_asked(harness.desk, said, now=1000.0 + REFRESHED_AFTER).events) == 2
    assert harness.desk.remembered.askers(Port(3000)) == {7, 8}
    assert harness.desk.remembered.asked_by(7) == {3000}


def test_a_move_avoids_what_its_repo_asks_for_but_as_a_last_resort() -> None:
    harness = DeskHarness()
    ask = replace(move_ask(asked=3000), avoided=frozenset({3001, 3002}))
    assert harness.moved(ask, taken=(3000,)).port == 3003
    last = replace(move_ask(asked=3000), image_id="f" * 16, avoided=frozenset(range(3000, 3100)))
    assert harness.moved(last, taken=(3000, 3003)).port == 3001
