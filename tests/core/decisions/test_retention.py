"""What a probe leaves behind when it ends: nothing, in a replay and in a snapshot as well."""

from __future__ import annotations

from styxy.core.books.events import Probed, Released
from styxy.core.decisions.retention import with_probes
from styxy.core.model.ports import Port
from tests.core.desk_harness import DeskHarness, P, facts_of, holder, move_ask


def end(harness: DeskHarness, *, is_probe: bool) -> list[str]:
    """End the holder of a move; gives the names of the events."""
    ended = harness.desk.died(holder(10), heirs={}, now=harness.now).events
    events = with_probes(ended, is_probe=lambda _lease_id: is_probe)
    harness.write(tuple(events))
    return [type(event).__name__ for event in events]


def test_a_probe_leaves_no_memory() -> None:
    harness = DeskHarness()
    harness.moved(move_ask(), taken=(3000,))
    assert end(harness, is_probe=True) == ["Probed", "Released"]
    assert harness.desk.remembered.moves == {}
    assert facts_of(harness.replayed()) == harness.facts()


def test_a_server_is_remembered_where_it_was() -> None:
    harness = DeskHarness()
    lease = harness.moved(move_ask(), taken=(3000,))
    assert end(harness, is_probe=False) == ["Released"]
    assert harness.desk.remembered.moves[P.key, Port(3000)].port == lease.port


def test_a_probe_at_the_place_of_a_server_leaves_its_memory_as_it_was() -> None:
    harness = DeskHarness()
    harness.moved(move_ask(), taken=(3000,))
    end(harness, is_probe=False)
    before = dict(harness.desk.remembered.moves)
    harness.now += 60
    harness.moved(move_ask(), taken=(3000,))
    end(harness, is_probe=True)
    assert harness.desk.remembered.moves == before


def test_only_a_move_can_be_a_probe() -> None:
    harness = DeskHarness()
    harness.allocate(holder=holder(10), owner=P)
    assert end(harness, is_probe=True) == ["Released"]


def test_the_event_says_which_move_it_was() -> None:
    ended = Released(
        lease_id="a", port=Port(3001), reason="holder died", asked=Port(3000), at=1000.0
    )
    [probed, kept] = with_probes([ended], is_probe=lambda lease_id: lease_id == "a")
    assert probed == Probed(lease_id="a", requested_port=Port(3000), port=Port(3001), at=1000.0)
    assert kept is ended
