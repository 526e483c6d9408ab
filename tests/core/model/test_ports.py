"""Ports and ranges: what counts as one, and what lies between two."""

from __future__ import annotations

import pytest

from styxy.core.errors import InvalidInput
from styxy.core.model.ports import LAST_PORT, Port, PortRange, as_port


def span(first: int, last: int) -> PortRange:
    return PortRange(Port(first), Port(last))


@pytest.mark.parametrize("number", [1, 80, 1024, 65535])
def test_a_number_of_sixteen_bits_is_a_port(number: int) -> None:
    assert as_port(number) == number


@pytest.mark.parametrize("value", [0, -1, 65536, 10**30, True, False, 3.0, "3000", None, [3000]])
def test_anything_else_is_no_port(value: object) -> None:
    with pytest.raises(InvalidInput):
        as_port(value)


def test_a_caller_may_ask_for_unprivileged_ports_alone() -> None:
    with pytest.raises(
        InvalidInput, match=r"preferred_port must be a whole number from 1024 to 65535"
    ):
        as_port(1023, lowest=1024, name="preferred_port")
    assert as_port(1024, lowest=1024) == 1024


def test_both_ends_of_a_range_are_in_it() -> None:
    ports = span(3000, 3099)
    assert 3000 in ports
    assert 3099 in ports
    assert 2999 not in ports
    assert 3100 not in ports
    assert len(ports) == len(list(ports)) == 100
    assert str(ports) == "3000-3099"


def test_a_range_of_one_port_is_a_range() -> None:
    assert list(span(LAST_PORT, LAST_PORT)) == [LAST_PORT]


@pytest.mark.parametrize(("first", "last"), [(3001, 3000), (0, 10), (65000, 65536)])
def test_a_range_that_cannot_be_is_refused(first: int, last: int) -> None:
    with pytest.raises(InvalidInput):
        span(first, last)


@pytest.mark.parametrize(
    ("one", "other", "gap"),
    [
        ((10, 20), (21, 30), 0),
        ((10, 20), (31, 40), 10),
        ((31, 40), (10, 20), 10),
        ((10, 20), (20, 30), -1),
        ((10, 40), (20, 30), -21),
    ],
)
def test_a_gap_counts_the_ports_between(
    one: tuple[int, int], other: tuple[int, int], gap: int
) -> None:
    assert span(*one).gap_to(span(*other)) == gap
    assert span(*one).overlaps(span(*other)) == (gap < 0)
    assert span(*other).overlaps(span(*one)) == (gap < 0)
