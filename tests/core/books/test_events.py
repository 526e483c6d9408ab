"""The facts: every kind is known by its name, and survives being written down."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec import structs

from styxy.core.books.events import KINDS, Event
from tests.core import strategies


def test_every_kind_of_event_is_known_by_its_name() -> None:
    assert set(KINDS.values()) == set(get_args(Event))
    assert all(kind.__name__ == name for name, kind in KINDS.items())


def test_every_kind_of_event_has_a_strategy_here() -> None:
    assert strategies.EVENTS.keys() == set(KINDS.values())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_event_says_when_and_never_changes(kind: type[Event]) -> None:
    assert "at" in {field.name for field in structs.fields(kind)}
    assert kind.__struct_config__.frozen
