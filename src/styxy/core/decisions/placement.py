"""Where a new range goes: after, before or smart; one table of three functions.

Every strategy respects the limits and the gap to the ranges on either side, and avoids ports with
listeners. *The gap* is the number of unused ports between the end of one range and the start of the
next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.model.ports import Port, PortRange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from styxy.core.config.configuration import Placement
    from styxy.core.model.service_types import ServiceType


class Site(Struct, frozen=True, kw_only=True):
    """What a new range of `size` ports must fit into.

    `lowest` and `highest` are the limits, both included. `start` is the user's preferred first
    port. `busy` are ports with listeners.
    """

    name: str
    size: int
    lowest: Port
    highest: Port
    gap: int
    start: Port | None
    types: tuple[ServiceType, ...]
    busy: Collection[int]

    @property
    def floor(self) -> Port:
        """The lowest usable port: a preferred start may be below the limit."""
        return self.lowest if self.start is None else min(self.lowest, self.start)

    @property
    def ranges(self) -> list[PortRange]:
        """All existing ranges, ordered by first port."""
        spans = (each for kind in self.types for each in kind.ranges)
        return sorted(spans, key=lambda each: each.first)


def place_after(site: Site) -> PortRange | None:
    """Place a range after the last one, or in the first room at or above the preferred start."""
    if site.start is not None:
        return next(_fits_upwards(site, site.start), None)
    last = max((each.last for each in site.ranges), default=site.lowest - site.gap - 1)
    return next(_fits_upwards(site, max(site.lowest, last + site.gap + 1)), None)


def place_before(site: Site) -> PortRange | None:
    """Place a range as close as possible below the first one at or above the limit.

    A preferred start replaces the limit. With no range above, the new one starts at the limit
    itself.
    """
    low = site.lowest if site.start is None else site.start
    above = next((each for each in site.ranges if each.first >= low), None)
    if above is None:
        return next(_fits_upwards(site, low), None)
    return next(_fits_downwards(site, above.first - site.gap - site.size, low), None)


def place_smart(site: Site) -> PortRange | None:
    """Place a range near its kind: the preferred start, the category, the conventional port, else
    the limit.
    """
    target = _target(site)
    above = next(_fits_upwards(site, target), None)
    below = next(_fits_downwards(site, min(target, site.highest - site.size + 1), site.floor), None)
    fits = [each for each in (above, below) if each is not None]
    return min(fits, key=lambda each: abs(each.first - target), default=None)


STRATEGIES: Mapping[Placement, Callable[[Site], PortRange | None]] = {
    "after": place_after,
    "before": place_before,
    "smart": place_smart,
}


class Category(Struct, frozen=True, kw_only=True):
    """A kind of service: the words that identify it and its conventional port."""

    words: tuple[str, ...]
    port: Port


CATEGORIES: Mapping[str, Category] = {
    "monitoring": Category(words=("monitor", "metric", "grafana", "prometheus"), port=Port(9090)),
    "database": Category(
        words=("database", "db", "sql", "postgres", "mysql", "mongo"), port=Port(5432)
    ),
    "api": Category(words=("api", "backend", "graphql"), port=Port(8080)),
    "test": Category(words=("test", "e2e"), port=Port(9200)),
    "docs": Category(words=("doc",), port=Port(4100)),
    "build": Category(words=("build", "bundle"), port=Port(8200)),
    "ai": Category(words=("ai", "llm", "ollama", "embedding"), port=Port(11434)),
    "infrastructure": Category(words=("cache", "redis", "infra"), port=Port(6379)),
    "messaging": Category(words=("kafka", "rabbit", "queue", "mqtt", "messag"), port=Port(9092)),
    "auth": Category(words=("auth", "login", "keycloak"), port=Port(9099)),
}

_WHOLE_WORD = 3
"""Shorter keywords must be a whole word: `ai` does not match `air`, nor `db` `dbus`."""


def category_of(name: str) -> str | None:
    """Return the category that a name suggests, or None."""
    words = name.split("-")
    for word in words:
        for category, known in CATEGORIES.items():
            if word == category or any(_tells(word, keyword) for keyword in known.words):
                return category
    return None


def _tells(word: str, keyword: str) -> bool:
    return word == keyword or (len(keyword) >= _WHOLE_WORD and word.startswith(keyword))


def _target(site: Site) -> int:
    """Return where a range should ideally start, whether or not there is room."""
    if site.start is not None:
        return site.start
    related = [
        span for kind in site.types if _is_related(kind.name, site.name) for span in kind.ranges
    ]
    near = [span for span in related if site.floor <= span.last < site.highest]
    if near:
        return max(span.last for span in near) + site.gap + 1
    category = category_of(site.name)
    wished = CATEGORIES[category].port if category is not None else site.floor
    return max(site.floor, min(wished, site.highest))


def _is_related(name: str, other: str) -> bool:
    if name.partition("-")[0] == other.partition("-")[0]:
        return True
    category = category_of(name)
    return category is not None and category == category_of(other)


def _fits_upwards(site: Site, first: int) -> Iterator[PortRange]:
    """Iterate over the free places at or above `first`, skipping obstacles."""
    while first + site.size - 1 <= site.highest:
        span = PortRange(Port(first), Port(first + site.size - 1))
        obstacle = _obstacle_end(site, span)
        if obstacle is None:
            yield span
            first += 1
        else:
            first = obstacle


def _fits_downwards(site: Site, first: int, low: int) -> Iterator[PortRange]:
    """Iterate over the free places at or below `first`, down to `low`."""
    first = min(first, site.highest - site.size + 1)
    while first >= low:
        span = PortRange(Port(first), Port(first + site.size - 1))
        obstacle = _obstacle_start(site, span)
        if obstacle is None:
            yield span
            first -= 1
        else:
            first = obstacle


def _obstacle_end(site: Site, span: PortRange) -> int | None:
    """Return where to continue upwards; None if `span` is clear."""
    too_near = [each.last + site.gap + 1 for each in _too_near(site, span)]
    listening = [port + 1 for port in site.busy if port in span]
    return max((*too_near, *listening), default=None)


def _obstacle_start(site: Site, span: PortRange) -> int | None:
    """Return where to continue downwards; None if `span` is clear."""
    too_near = [each.first - site.gap - site.size for each in _too_near(site, span)]
    listening = [port - site.size for port in site.busy if port in span]
    return min((*too_near, *listening), default=None)


def _too_near(site: Site, span: PortRange) -> Iterable[PortRange]:
    return (each for each in site.ranges if span.gap_to(each) < site.gap)
