"""Who had a port until a moment ago: leases and listeners alike, and never without an end."""

from __future__ import annotations

import pytest

from styxy.core.decisions.requests import FormerHolder
from styxy.core.model.leases import TRIAL_INSTANCE, Owner
from styxy.core.model.ports import Port
from styxy.server.world.former_holders import MOST_HOLDERS, MOST_PORTS, FormerHolders
from tests.core.desk_harness import DeskHarness, P, Q

PORT = Port(3000)


class Memory(FormerHolders):
    """Remember, with a clock that the test sets."""

    def __init__(self, harness: DeskHarness) -> None:
        super().__init__(harness.desk.lease_index, clock=lambda: harness.now)


def test_a_lease_of_before_and_one_of_meanwhile_are_remembered_once_they_end() -> None:
    harness = DeskHarness()
    before = harness.allocate(owner=P, preferred_port=3000)
    memory = Memory(harness)
    assert memory.other_than(Q, PORT) is None
    harness.release(before.lease_id)
    meanwhile = harness.allocate(owner=P, preferred_port=3001)
    harness.release(meanwhile.lease_id)
    memory.on_events(harness.written)
    for port in (before.port, meanwhile.port):
        assert memory.other_than(Q, port) == FormerHolder(P, until=harness.now)
        assert memory.other_than(P, port) is None


def test_the_last_of_several_is_named_unless_it_is_ones_own() -> None:
    harness = DeskHarness()
    memory = Memory(harness)
    memory.leave(PORT, Q)
    harness.now += 1
    memory.leave(PORT, Owner(project="/r"))
    assert memory.other_than(P, PORT) == FormerHolder(Owner(project="/r"), until=harness.now)
    harness.now += 1
    memory.leave(PORT, P)
    assert memory.other_than(P, PORT) is None
    assert memory.other_than(Q, PORT) == FormerHolder(P, until=harness.now)
    harness.now += 1
    memory.leave(PORT, Q)
    assert memory.other_than(P, PORT) == FormerHolder(Q, until=harness.now)


def test_it_has_an_end() -> None:
    harness = DeskHarness()
    memory = Memory(harness)
    for number in range(MOST_HOLDERS + 1):
        memory.leave(PORT, Owner(project=f"/{number}"))
    for number in range(MOST_PORTS):
        memory.leave(Port(4000 + number), Q)
    assert memory.other_than(P, PORT) is None
    assert memory.other_than(P, Port(4000)) is not None


@pytest.mark.parametrize("how", ["forgotten", "a trial"])
def test_what_the_user_cleaned_up_and_what_styxy_tried_out_is_nobodys(how: str) -> None:
    memory = Memory(DeskHarness())
    memory.leave(PORT, Q if how == "forgotten" else Owner(instance_id=TRIAL_INSTANCE))
    if how == "forgotten":
        memory.forget()
    assert memory.other_than(P, PORT) is None
