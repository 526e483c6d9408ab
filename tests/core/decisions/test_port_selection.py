"""How a port is chosen, and what is said where none is left; `test_desk` has more of the choice."""

from __future__ import annotations

import pytest

from styxy.core.errors import RangeExhausted
from styxy.core.model.leases import Owner
from styxy.core.model.ports import REFUSED_BY_BROWSERS, Port
from styxy.core.model.service_types import BUILT_IN
from tests.core.desk_harness import DeskHarness, P, Q, move_ask


@pytest.mark.parametrize(
    ("state", "owner", "step"),
    [
        ("reserved", P, "this project does not use 1 of them; try: styxy cleanup -f"),
        ("reserved", Q, "1 has no server; try: styxy cleanup -f --all"),
        ("bound", P, "see which server can stop: styxy scan -s 3000 -e 3099"),
    ],
)
def test_a_full_range_names_a_step_that_makes_room(state: str, owner: Owner, step: str) -> None:
    harness = DeskHarness()
    port = harness.allocate(owner=owner).port
    if state == "bound":
        harness.see(port)
    with pytest.raises(RangeExhausted) as refusal:
        harness.allocate(owner=P, taken=range(3000, 3100))
    assert refusal.value.message.endswith(step)
    assert step.rpartition(": ")[2] in str(refusal.value.context["suggestions"])


def test_a_port_that_browsers_refuse_is_given_only_to_who_asks_for_its_number() -> None:
    harness = DeskHarness()
    given = {harness.allocate("functions").port for _ in range(98)}
    assert {*range(5000, 5100)} - given == {5060, 5061}
    with pytest.raises(RangeExhausted, match=r"98 leases, 2 ports that browsers refuse\)"):
        harness.allocate("functions")
    asked = harness.allocate("functions", owner=P, preferred_port=Port(5061))
    assert asked.port == 5061


def test_no_server_is_moved_to_a_port_that_browsers_refuse() -> None:
    harness = DeskHarness()
    assert harness.moved(move_ask(4044), taken={4044}).port == 4046


def test_no_service_type_prefers_a_port_that_browsers_refuse() -> None:
    preferred = {port for kind in BUILT_IN for port in kind.preferred_ports}
    assert not preferred & REFUSED_BY_BROWSERS
