"""How a port is chosen, and what is said where none is left; `test_desk` has more of the choice."""

from __future__ import annotations

import pytest

from styxy.core.errors import RangeExhausted
from styxy.core.model.leases import Owner
from tests.core.desk_harness import DeskHarness, P, Q


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
