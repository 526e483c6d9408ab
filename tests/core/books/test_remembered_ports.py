"""What is remembered after a lease: until it is too old or too much, and the same in a replay."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from styxy.core.books.events import Event, Forgotten, MoveForgotten, Reassigned
from styxy.core.config.configuration import Configuration, Recovery, SystemRecovery
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.decisions.retention import AT_ONCE, DAY
from styxy.core.model.leases import TRIAL_INSTANCE, Owner
from styxy.core.model.ports import Port
from tests.core.desk_harness import DeskHarness, P, facts_of, move_ask


def forgetful(*, days: float = 180, entries: int = 10_000) -> DeskHarness:
    """A desk that remembers less."""
    limits = SystemRecovery(memory_days=days, memory_entries=entries)
    return DeskHarness(settings=Configuration(recovery=Recovery(system_recovery=limits)))


def served(harness: DeskHarness, name: str) -> None:
    """Lease a port for a service of /p, and release it."""
    harness.release(harness.allocate(owner=P, service_name=name).lease_id)


def moved(harness: DeskHarness, asked: int) -> None:
    """Move a server of /p, and end it."""
    harness.release(harness.moved(move_ask(asked), taken=(asked,)).lease_id)


def names(harness: DeskHarness) -> list[str]:
    return [name for _, _, name in harness.desk.remembered.services]


def asked(harness: DeskHarness) -> list[int]:
    return [port for _, port in harness.desk.remembered.moves]


def assert_replay_forgets_too(harness: DeskHarness) -> None:
    assert facts_of(harness.replayed()) == harness.facts()
    assert facts_of(harness.restored()) == harness.facts()


def test_what_was_not_used_for_too_long_is_forgotten() -> None:
    harness = forgetful(days=10)
    served(harness, "old")
    moved(harness, 3000)
    harness.wait(6 * DAY)
    served(harness, "new")
    moved(harness, 3001)
    harness.wait(6 * DAY)
    assert names(harness) == ["new"]
    assert asked(harness) == [3001]
    assert harness.desk.remembered.moved_from(Port(3000)) == []
    assert_replay_forgets_too(harness)


def test_where_there_is_too_much_the_longest_unused_goes() -> None:
    harness = forgetful(entries=2)
    for name in ("a", "b", "c"):
        served(harness, name)
    for port in (3000, 3001, 3002):
        moved(harness, port)
    served(harness, "b")
    moved(harness, 3001)
    harness.forget()
    assert names(harness) == ["c", "b"]
    assert asked(harness) == [3002, 3001]
    assert_replay_forgets_too(harness)


def test_each_thing_that_is_forgotten_is_written_down() -> None:
    harness = forgetful(entries=1)
    for name in ("a", "b"):
        served(harness, name)
    for port in (3000, 3001):
        moved(harness, port)
    harness.forget()
    told: list[Event] = [
        each for each in harness.written if isinstance(each, Forgotten | MoveForgotten)
    ]
    assert told == [
        Forgotten(project="/p", service_type="dev", service_name="a", port=Port(3000), at=1000.0),
        MoveForgotten(owner_key=P.key, asked=Port(3000), port=Port(3001), at=1000.0),
    ]


def test_a_lease_that_outlives_its_memory_is_remembered_again_when_it_ends() -> None:
    harness = forgetful(days=1)
    lease = harness.allocate(owner=P, service_name="web", preferred_port=Port(3050))
    harness.wait(2 * DAY, lease.port)
    assert names(harness) == []
    assert_replay_forgets_too(harness)
    harness.release(lease.lease_id)
    assert_replay_forgets_too(harness)
    request = LeaseRequest(service_type="dev", service_name="web", owner=P)
    assert harness.grant(request).lease.port == lease.port


def test_the_youngest_lease_of_a_service_is_the_remembered_one() -> None:
    harness = DeskHarness()
    first = harness.allocate(owner=P, service_name="web")
    second = harness.allocate(owner=P, service_name="web")
    harness.release(second.lease_id)
    harness.release(first.lease_id)
    request = LeaseRequest(service_type="dev", service_name="web", owner=P)
    assert harness.grant(request).lease.port == second.port


def test_a_ruling_forgets_a_bounded_number_and_the_next_one_goes_on() -> None:
    harness = forgetful(entries=1)
    for number in range(AT_ONCE + 3):
        served(harness, f"service-{number}")
    harness.forget()
    assert len(names(harness)) == 3
    harness.forget()
    assert names(harness) == [f"service-{AT_ONCE + 2}"]


@pytest.mark.parametrize("taken", [(), (3000,)], ids=["granted", "moved"])
def test_a_trial_of_styxy_itself_leaves_nothing_behind(taken: tuple[int, ...]) -> None:
    harness = DeskHarness()
    before = harness.facts()
    trial = replace(move_ask(), owner=Owner(project="/home", instance_id=TRIAL_INSTANCE))
    harness.release(harness.moved(trial, taken=taken).lease_id)
    assert harness.facts() == before
    assert not [each for each in harness.written if isinstance(each, Reassigned)]
    assert_replay_forgets_too(harness)
