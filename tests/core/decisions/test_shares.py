"""Fair shares: one project does not lease a whole type without using it."""

from __future__ import annotations

import pytest

from styxy.core.errors import RangeExhausted
from styxy.core.model.leases import Owner
from tests.core.decisions.test_configured_desk import configured
from tests.core.desk_harness import DeskHarness

ONE, OTHER = Owner(project="/one"), Owner(project="/other")
SMALL: dict[str, object] = {"service_types": {"x": {"range": [2000, 2099]}}}


def filled(harness: DeskHarness, count: int) -> list[int]:
    """Lease so many ports of one project."""
    return [harness.allocate("x", owner=ONE).port for _ in range(count)]


def test_a_project_that_uses_none_of_its_share_gets_no_more_and_is_told_who_has_what() -> None:
    harness = DeskHarness()
    harness.desk.configure(configured(SMALL))
    filled(harness, 90)
    before = harness.facts()
    with pytest.raises(
        RangeExhausted, match="/one leases 90 of the 100 ports of x 2000-2099"
    ) as refused:
        harness.allocate("x", owner=ONE)
    assert refused.value.context["held_by"] == {"/one": 90}
    assert harness.facts() == before
    assert harness.allocate("x", owner=OTHER).port == 2090


def test_what_a_server_listens_on_is_not_counted() -> None:
    harness = DeskHarness()
    harness.desk.configure(configured(SMALL))
    harness.see(*filled(harness, 90))
    assert filled(harness, 2) == [2090, 2091]


def test_a_share_of_everything_is_no_bound() -> None:
    harness = DeskHarness()
    harness.desk.configure(configured({**SMALL, "fair_share": 100}))
    assert len(filled(harness, 100)) == 100


def test_a_small_range_has_no_part_to_keep_for_others() -> None:
    harness = DeskHarness()
    harness.desk.configure(configured({"service_types": {"x": {"range": [2000, 2048]}}}))
    assert len(filled(harness, 49)) == 49


def test_what_has_no_project_counts_for_nobody() -> None:
    harness = DeskHarness()
    harness.desk.configure(configured(SMALL))
    assert len({harness.allocate("x").port for _ in range(100)}) == 100
