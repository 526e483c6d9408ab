"""Placement keeps limits, gaps and everybody else's ports, for any set of ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.decisions.placement import STRATEGIES, Site, category_of
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import BUILT_IN, ServiceType

if TYPE_CHECKING:
    from styxy.core.config.configuration import Placement


def site(
    name: str = "grafana",
    *,
    size: int = 10,
    start: int | None = None,
    types: tuple[ServiceType, ...] = BUILT_IN,
    busy: tuple[int, ...] = (),
    limits: tuple[int, int] = (10000, 49151),
    gap: int = 10,
) -> Site:
    return Site(
        name=name,
        size=size,
        lowest=Port(limits[0]),
        highest=Port(limits[1]),
        gap=gap,
        start=None if start is None else Port(start),
        types=types,
        busy=busy,
    )


def kind(first: int, last: int, name: str = "other") -> ServiceType:
    return ServiceType(name=name, ports=PortRange(Port(first), Port(last)))


def placed(how: Placement, where: Site) -> tuple[int, int] | None:
    span = STRATEGIES[how](where)
    return None if span is None else (span.first, span.last)


@pytest.mark.parametrize(
    ("how", "where", "expected"),
    [
        ("after", site(), (11510, 11519)),
        ("after", site(types=()), (10000, 10009)),
        ("after", site(busy=(11512,)), (11513, 11522)),
        ("after", site(limits=(10000, 11519)), (11510, 11519)),
        ("after", site(limits=(10000, 11518)), None),
        ("after", site(start=5400, size=5), (5400, 5404)),
        ("after", site(start=5440, size=5), (5510, 5514)),
        ("before", site(), (11380, 11389)),
        ("before", site(busy=(11385,)), (11375, 11384)),
        ("before", site(types=()), (10000, 10009)),
        ("before", site(limits=(11395, 49151)), None),
        ("before", site(start=9000), (9030, 9039)),
        ("smart", site("monitoring-grafana", size=20, start=9000), (9000, 9019)),
        ("smart", site("ai-embeddings"), (11510, 11519)),
        ("smart", site("thing"), (10000, 10009)),
        ("smart", site("thing", limits=(11390, 11520)), (11510, 11519)),
        ("smart", site("thing", limits=(11390, 11518)), None),
    ],
)
def test_a_range_goes_where_its_strategy_says(
    how: Placement, where: Site, expected: tuple[int, int] | None
) -> None:
    assert placed(how, where) == expected


def test_smart_goes_beside_the_range_of_its_kin() -> None:
    types = (*BUILT_IN, kind(20000, 20009, "shop-web"))

    assert placed("smart", site("shop-api", types=types)) == (20020, 20029)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("monitoring-x", "monitoring"),
        ("my-grafana", "monitoring"),
        ("db", "database"),
        ("dbus", None),
        ("ai-chat", "ai"),
        ("airline", None),
        ("testbed", "test"),
        ("plain", None),
    ],
)
def test_a_name_tells_its_category(name: str, category: str | None) -> None:
    assert category_of(name) == category


ports = st.integers(1024, 65535)
spans = st.tuples(ports, st.integers(1, 300)).map(lambda p: (p[0], min(65535, p[0] + p[1])))


@given(
    how=st.sampled_from(sorted(STRATEGIES)),
    existing=st.lists(spans, max_size=12),
    size=st.integers(1, 200),
    gap=st.integers(0, 50),
    start=st.none() | ports,
    busy=st.lists(ports, max_size=20),
    limits=st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair))),
)
def test_a_range_keeps_limits_gaps_and_clear_of_listeners(
    how: Placement,
    existing: list[tuple[int, int]],
    size: int,
    gap: int,
    start: int | None,
    busy: list[int],
    limits: tuple[int, int],
) -> None:
    types = tuple(kind(*span) for span in existing)
    where = site("x", size=size, start=start, types=types, busy=tuple(busy), limits=limits, gap=gap)

    span = STRATEGIES[how](where)

    if span is not None:
        assert len(span) == size
        assert where.floor <= span.first <= span.last <= limits[1]
        assert all(span.gap_to(each.ports) >= gap for each in types)
        assert not any(port in span for port in busy)


@given(existing=st.lists(spans, max_size=6), size=st.integers(1, 100), gap=st.integers(0, 20))
def test_smart_finds_room_wherever_there_is_any(
    existing: list[tuple[int, int]], size: int, gap: int
) -> None:
    types = tuple(kind(*span) for span in existing)
    where = site("x", size=size, types=types, limits=(1024, 2000), gap=gap)

    candidates = (PortRange(Port(at), Port(at + size - 1)) for at in range(1024, 2001 - size + 1))
    has_room = any(all(each.gap_to(kind.ports) >= gap for kind in types) for each in candidates)

    assert (STRATEGIES["smart"](where) is not None) == has_room
