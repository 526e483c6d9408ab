"""What is remembered after a lease: until it is too old or too much, and the same in a replay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from styxy.core.books.events import Event, Forgotten, MoveForgotten, Reassigned
from styxy.core.config.configuration import Configuration, Recovery, SystemRecovery
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.decisions.retention import AT_ONCE, DAY
from styxy.core.model.leases import TRIAL_INSTANCE, Owner
from styxy.core.model.ports import Port
from tests.core.stage import P, Stage, facts_of, move_ask


def forgetful(*, days: float = 180, entries: int = 10_000) -> Stage:
    """A desk that remembers less."""
    limits = SystemRecovery(memory_days=days, memory_entries=entries)
    return Stage(settings=Configuration(recovery=Recovery(system_recovery=limits)))


def served(stage: Stage, name: str) -> None:
    """Lease a port for a service of /p, and release it."""
    stage.release(stage.allocate(owner=P, service_name=name).lock_id)


def moved(stage: Stage, asked: int) -> None:
    """Move a server of /p, and end it."""
    stage.release(stage.moved(move_ask(asked), taken=(asked,)).lock_id)


def names(stage: Stage) -> list[str]:
    return [name for _, _, name in stage.desk.remembered.services]


def asked(stage: Stage) -> list[int]:
    return [port for _, port in stage.desk.remembered.moves]


def assert_replay_forgets_too(stage: Stage) -> None:
    assert facts_of(stage.replayed()) == stage.facts()
    assert facts_of(stage.restored()) == stage.facts()


def test_what_was_not_used_for_too_long_is_forgotten() -> None:
    stage = forgetful(days=10)
    served(stage, "old")
    moved(stage, 3000)
    stage.wait(6 * DAY)
    served(stage, "new")
    moved(stage, 3001)
    stage.wait(6 * DAY)
    assert names(stage) == ["new"]
    assert asked(stage) == [3001]
    assert stage.desk.remembered.moved_from(Port(3000)) == []
    assert_replay_forgets_too(stage)


def test_where_there_is_too_much_the_longest_unused_goes() -> None:
    stage = forgetful(entries=2)
    for name in ("a", "b", "c"):
        served(stage, name)
    for port in (3000, 3001, 3002):
        moved(stage, port)
    served(stage, "b")
    moved(stage, 3001)
    stage.forget()
    assert names(stage) == ["c", "b"]
    assert asked(stage) == [3002, 3001]
    assert_replay_forgets_too(stage)


def test_each_thing_that_is_forgotten_is_written_down() -> None:
    stage = forgetful(entries=1)
    for name in ("a", "b"):
        served(stage, name)
    for port in (3000, 3001):
        moved(stage, port)
    stage.forget()
    told: list[Event] = [
        each for each in stage.written if isinstance(each, Forgotten | MoveForgotten)
    ]
    assert told == [
        Forgotten(project="/p", service_type="dev", service_name="a", port=Port(3000), at=1000.0),
        MoveForgotten(owner_key=P.key, asked=Port(3000), port=Port(3001), at=1000.0),
    ]


def test_a_lease_that_outlives_its_memory_is_remembered_again_when_it_ends() -> None:
    stage = forgetful(days=1)
    lease = stage.allocate(owner=P, service_name="web", preferred_port=Port(3050))
    stage.wait(2 * DAY, lease.port)
    assert names(stage) == []
    assert_replay_forgets_too(stage)
    stage.release(lease.lock_id)
    assert_replay_forgets_too(stage)
    request = LeaseRequest(service_type="dev", service_name="web", owner=P)
    assert stage.grant(request).lease.port == lease.port


def test_the_youngest_lease_of_a_service_is_the_remembered_one() -> None:
    stage = Stage()
    first = stage.allocate(owner=P, service_name="web")
    second = stage.allocate(owner=P, service_name="web")
    stage.release(second.lock_id)
    stage.release(first.lock_id)
    request = LeaseRequest(service_type="dev", service_name="web", owner=P)
    assert stage.grant(request).lease.port == second.port


def test_a_ruling_forgets_a_bounded_number_and_the_next_one_goes_on() -> None:
    stage = forgetful(entries=1)
    for number in range(AT_ONCE + 3):
        served(stage, f"service-{number}")
    stage.forget()
    assert len(names(stage)) == 3
    stage.forget()
    assert names(stage) == [f"service-{AT_ONCE + 2}"]


@pytest.mark.parametrize("taken", [(), (3000,)], ids=["granted", "moved"])
def test_a_trial_of_styxy_itself_leaves_nothing_behind(taken: tuple[int, ...]) -> None:
    stage = Stage()
    before = stage.facts()
    trial = replace(move_ask(), owner=Owner(project="/home", instance_id=TRIAL_INSTANCE))
    stage.release(stage.moved(trial, taken=taken).lock_id)
    assert stage.facts() == before
    assert not [each for each in stage.written if isinstance(each, Reassigned)]
    assert_replay_forgets_too(stage)
