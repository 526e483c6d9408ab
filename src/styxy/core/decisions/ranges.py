"""Auto-allocated service types: which range they get, how it grows and how it is undone.

The rules are the user's (`core.config.configuration`); `core.decisions.placement` finds the place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.decisions.placement import STRATEGIES, Site
from styxy.core.errors import ConfirmationRequired, Conflict, NoRoom
from styxy.core.hashing import fnv1a64
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import ServiceType

if TYPE_CHECKING:
    from collections.abc import Collection

    from styxy.core.config.configuration import AllocationRule, AutoAllocation, Placement
    from styxy.core.model.service_types import Catalogue


class Wish(Struct, frozen=True, kw_only=True):
    """How to make a range: the configuration combined with the rule that matches the name."""

    name: str
    chunk_size: int
    placement: Placement
    start: Port | None


class Proposal(Struct, frozen=True, kw_only=True):
    """A range that has not been made yet. `token` confirms exactly this one."""

    service: ServiceType
    made: PortRange
    placement: Placement
    chunk_size: int

    @property
    def is_new(self) -> bool:
        """Whether the type is new, rather than growing."""
        return self.service.ports == self.made

    @property
    def announcement(self) -> str:
        """What is said to whoever asked, and in the log, once the range is made."""
        name = self.service.name
        if self.is_new:
            return f"New service type {name!r} auto-configured: {self.made}"
        return f"Service type {name!r} was full and grew by {self.made}"

    @property
    def token(self) -> str:
        """The token with which a user confirms this range and no other."""
        text = f"{self.service.name} {self.made} {self.placement}"
        return f"{fnv1a64(text.encode()):016x}"


def wish_for(name: str, settings: AutoAllocation, rules: Collection[AllocationRule]) -> Wish:
    """Combine rule and settings; the first rule whose pattern matches wins."""
    rule = next((each for each in rules if matches(each.pattern, name)), None)
    return Wish(
        name=name,
        chunk_size=(rule and rule.chunk_size) or settings.default_chunk_size,
        placement=(rule and rule.placement) or settings.placement,
        start=rule.preferred_range_start if rule else None,
    )


def matches(pattern: str, name: str) -> bool:
    """Return whether `name` matches; `*` stands for any text, nothing else is special."""
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    *middle, last = others
    end = len(name) - len(last)
    if not (name.startswith(first) and name.endswith(last) and len(first) <= end):
        return False
    # The leftmost place of each piece leaves the most for the next: there is nothing to try again,
    # whatever the pattern.
    place = len(first)
    for piece in middle:
        found = name.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def propose(
    wish: Wish,
    catalogue: Catalogue,
    settings: AutoAllocation,
    *,
    busy: Collection[int],
    today: str,
) -> Proposal:
    """Find a range for a new type. `today` is an RFC 3339 date. Raises `NoRoom`."""
    span = _place(wish, catalogue, settings, busy)
    service = ServiceType(
        name=wish.name,
        ports=span,
        description=f"Made for a request for {wish.name!r}",
        auto_allocated=today,
    )
    return Proposal(
        service=service, made=span, placement=wish.placement, chunk_size=wish.chunk_size
    )


def grow(
    kind: ServiceType,
    wish: Wish,
    catalogue: Catalogue,
    settings: AutoAllocation,
    *,
    busy: Collection[int],
) -> Proposal:
    """Find another chunk for a full type, adjacent to its range if possible.

    Raises `NoRoom`.
    """
    others = catalogue.without(kind.name)
    beside = _beside(kind, wish, others, settings, busy)
    if beside is not None:
        last = kind.ranges[-1]
        longer = PortRange(last.first, beside.last)
        ranges = (*kind.ranges[:-1], longer)
        grown = replace(kind, ports=ranges[0], more=ranges[1:])
    else:
        beside = _place(wish, catalogue, settings, busy)
        grown = replace(kind, more=(*kind.more, beside))
    return Proposal(
        service=grown, made=beside, placement=wish.placement, chunk_size=wish.chunk_size
    )


def confirm(proposal: Proposal, token: str | None, *, meant: str | None = None) -> None:
    """Accept a proposal if the user has confirmed it. Raises `ConfirmationRequired`.

    `meant` is the known type of which the name may be a misspelling.
    """
    if token == proposal.token:
        return
    name, span = proposal.service.name, proposal.made
    again = f"styxy allocate -s {name} --yes"
    would = f"would get {span}"
    said: dict[str, object] = {"suggestions": [again]}
    sentence = f"service type {name!r} is new and {would}; to accept: {again}"
    if meant is not None:
        said = {"suggestions": [f"styxy allocate -s {meant}", again], "did_you_mean": meant}
        sentence = (
            f"unknown service type {name!r}; did you mean {meant!r}? "
            f"A new type {would}; to create it: {again}"
        )
    raise ConfirmationRequired(
        sentence,
        service_type=name,
        allocated_range=[span.first, span.last],
        chunk_size=proposal.chunk_size,
        placement=proposal.placement,
        confirm=proposal.token,
        **said,
    )


def made_type(catalogue: Catalogue, name: str) -> ServiceType:
    """Find an auto-allocated type. Raises `UnknownServiceType`, `Conflict`."""
    kind = catalogue.get(name)
    if kind.auto_allocated is None:
        raise Conflict(
            f"service type {name!r} was not auto-allocated, so it cannot be undone; "
            "see: styxy config auto-allocation list",
            suggestions=["styxy config auto-allocation list"],
        )
    return kind


def _beside(
    kind: ServiceType,
    wish: Wish,
    others: Catalogue,
    settings: AutoAllocation,
    busy: Collection[int],
) -> PortRange | None:
    end = kind.ranges[-1].last + wish.chunk_size
    if end > settings.max_port:
        return None
    span = PortRange(Port(kind.ranges[-1].last + 1), Port(end))
    ranges = [*(each for other in others for each in other.ranges), *kind.ranges[:-1]]
    is_clear = all(span.gap_to(each) >= settings.gap for each in ranges)
    return span if is_clear and not any(port in span for port in busy) else None


def _place(
    wish: Wish, catalogue: Catalogue, settings: AutoAllocation, busy: Collection[int]
) -> PortRange:
    site = Site(
        name=wish.name,
        size=wish.chunk_size,
        lowest=settings.min_port,
        highest=settings.max_port,
        gap=settings.gap,
        start=wish.start,
        types=tuple(catalogue),
        busy=busy,
    )
    span = STRATEGIES[wish.placement](site)
    if span is None:
        raise NoRoom(
            f"no room for {wish.chunk_size} ports for {wish.name!r} ({wish.placement}) between "
            f"{site.floor} and {site.highest} with a gap of {site.gap}; raise "
            "auto_allocation.max_port, or use placement 'smart'",
            min_port=site.floor,
            max_port=site.highest,
            gap_size=site.gap,
            chunk_size=wish.chunk_size,
            suggestions=[
                "styxy config set auto-allocation.placement smart",
                "styxy config auto-allocation list",
            ],
        )
    return span
