"""How long things are kept: what a probe leaves, made types, and leases while clocks jump."""

from __future__ import annotations

from dataclasses import replace

from styxy.core.books.events import Probed, RangeRemoved, Released
from styxy.core.decisions.retention import DAY, TYPES_AT_ONCE, decide_forget_types, with_probes
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


def names_forgotten(harness: DeskHarness) -> list[str]:
    """Forget service types, and say which."""
    ruling = decide_forget_types(harness.desk, now=harness.now)
    harness.write(ruling.events)
    return [event.name for event in ruling.events if isinstance(event, RangeRemoved)]


def test_a_made_type_that_no_server_used_within_a_day_is_forgotten() -> None:
    harness = DeskHarness()
    for name in ("grafana", "loki", "tempo-x"):
        harness.release(harness.allocate(name).lease_id)
    used = harness.allocate("loki")
    harness.see(used.port)
    harness.see()
    harness.release(used.lease_id)
    held = harness.allocate("tempo-x")
    assert names_forgotten(harness) == []
    harness.now += DAY
    assert names_forgotten(harness) == ["grafana"]
    assert "grafana" not in harness.desk.catalogue
    harness.release(held.lease_id)
    assert names_forgotten(harness) == ["tempo-x"]
    harness.now += 100 * DAY
    assert names_forgotten(harness) == []
    assert "loki" in harness.desk.catalogue


def test_a_restart_does_not_make_a_type_younger_nor_a_used_one_unused() -> None:
    harness = DeskHarness()
    harness.release(harness.allocate("grafana").lease_id)
    harness.see(harness.allocate("loki").port)
    harness.now += DAY
    again = DeskHarness()
    again.now = harness.now
    for event in harness.desk.snapshot(now=harness.now):
        again.desk.apply(event)
    assert again.desk.unproven == harness.desk.unproven
    assert names_forgotten(again) == ["grafana"]


def test_a_type_that_the_user_has_changed_is_the_users() -> None:
    harness = DeskHarness()
    harness.release(harness.allocate("grafana").lease_id)
    changed = replace(harness.desk.made["grafana"], description="mine")
    harness.desk.configure(replace(harness.settings, service_types=(changed,)))
    harness.now += DAY
    assert names_forgotten(harness) == []


def test_thousands_of_types_are_forgotten_in_steps() -> None:
    harness = DeskHarness()
    for number in range(TYPES_AT_ONCE + 5):
        harness.release(harness.allocate(f"kind-{number * 7919}", confirm="x").lease_id)
    harness.now += DAY
    assert [len(names_forgotten(harness)) for _ in range(3)] == [TYPES_AT_ONCE, 5, 0]


def test_when_the_time_of_day_jumps_the_ends_of_leases_move_along() -> None:
    harness = DeskHarness()
    lease = harness.allocate("dev", ttl=60.0)
    held = harness.allocate("dev", holder=holder(7))
    harness.now += 7200.0
    harness.write(harness.desk.shift(7200.0, now=harness.now).events)
    assert harness.desk.lapse(now=harness.now).events == ()
    assert harness.desk.lease_index.get(lease.lease_id).expires_at == 1060.0 + 7200.0
    assert harness.desk.lease_index.get(held.lease_id) == held
    assert len(harness.desk.lapse(now=harness.now + 60.0).events) == 1
