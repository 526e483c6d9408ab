"""Who had a port until a moment ago: leases and listeners alike, and never without an end."""

from __future__ import annotations

import pytest

from styxy.core.decisions.requests import FormerHolder
from styxy.core.model.leases import TRIAL_INSTANCE, Owner
from styxy.core.model.ports import Port
from styxy.server.world.former_holders import MOST_HOLDERS, MOST_PORTS, FormerHolders
from tests.core.stage import P, Q, Stage

PORT = Port(3000)


class Memory(FormerHolders):
    """Remember, with a clock that the test sets."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.desk.lease_index, clock=lambda: stage.now)


def test_a_lease_of_before_and_one_of_meanwhile_are_remembered_once_they_end() -> None:
    stage = Stage()
    before = stage.allocate(owner=P, preferred_port=3000)
    memory = Memory(stage)
    assert memory.other_than(Q, PORT) is None
    stage.release(before.lock_id)
    meanwhile = stage.allocate(owner=P, preferred_port=3001)
    stage.release(meanwhile.lock_id)
    memory.on_events(stage.written)
    for port in (before.port, meanwhile.port):
        assert memory.other_than(Q, port) == FormerHolder(P, until=stage.now)
        assert memory.other_than(P, port) is None


def test_the_last_of_several_is_named() -> None:
    stage = Stage()
    memory = Memory(stage)
    memory.leave(PORT, Q)
    stage.now += 1
    memory.leave(PORT, Owner(project="/r"))
    stage.now += 1
    memory.leave(PORT, P)
    assert memory.other_than(P, PORT) == FormerHolder(Owner(project="/r"), until=stage.now - 1)
    memory.leave(PORT, Q)
    assert memory.other_than(P, PORT) == FormerHolder(Q, until=stage.now)


def test_it_has_an_end() -> None:
    stage = Stage()
    memory = Memory(stage)
    for number in range(MOST_HOLDERS + 1):
        memory.leave(PORT, Owner(project=f"/{number}"))
    for number in range(MOST_PORTS):
        memory.leave(Port(4000 + number), Q)
    assert memory.other_than(P, PORT) is None
    assert memory.other_than(P, Port(4000)) is not None


@pytest.mark.parametrize("how", ["forgotten", "a trial"])
def test_what_the_user_cleaned_up_and_what_styxy_tried_out_is_nobodys(how: str) -> None:
    memory = Memory(Stage())
    memory.leave(PORT, Q if how == "forgotten" else Owner(instance_id=TRIAL_INSTANCE))
    if how == "forgotten":
        memory.forget()
    assert memory.other_than(P, PORT) is None
