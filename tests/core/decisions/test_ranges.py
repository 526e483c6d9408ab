"""Service types that nobody knew: made once, grown when full, confirmed, undone."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.books.events import RangeAdded
from styxy.core.config.configuration import AllocationRule, AutoAllocation, Configuration
from styxy.core.decisions.desk import Desk
from styxy.core.decisions.ranges import matches
from styxy.core.decisions.requests import Grant, LeaseRequest
from styxy.core.errors import (
    ConfirmationRequired,
    Conflict,
    InvalidInput,
    NoRoom,
    UnknownServiceType,
)
from styxy.core.model.ports import Port
from styxy.core.model.service_types import Catalogue

if TYPE_CHECKING:
    from collections.abc import Collection

ids = itertools.count()


def desk(auto: AutoAllocation | None = None, *rules: AllocationRule) -> Desk:
    settings = Configuration(auto_allocation=auto or AutoAllocation())
    if rules:
        settings = Configuration(
            auto_allocation=settings.auto_allocation, auto_allocation_rules=rules
        )
    return Desk(Catalogue(), settings)


def request(
    at: Desk, request: LeaseRequest, *, busy: Collection[int] = (), now: float = 0.0
) -> Grant:
    ruling = at.allocate(request, lease_id=str(next(ids)), now=now, busy=busy)
    for event in ruling.events:
        at.apply(event)
    return ruling.answer


def request_surely(at: Desk, name: str) -> Grant:
    """Ask for a type, whatever its name resembles."""
    try:
        return request(at, LeaseRequest(service_type=name))
    except ConfirmationRequired as proposal:
        token = str(proposal.context["confirm"])
        return request(at, LeaseRequest(service_type=name, confirm=token))


def test_a_type_that_may_be_a_slip_is_made_only_where_it_is_confirmed() -> None:
    at = desk()
    with pytest.raises(ConfirmationRequired, match=r"did you mean 'dev'\?") as refusal:
        request(at, LeaseRequest(service_type="devv"))
    assert refusal.value.context["did_you_mean"] == "dev"
    with pytest.raises(ConfirmationRequired):
        request(at, LeaseRequest(service_type="devv", dry_run=True))
    assert request_surely(at, "devv").lease.service_type == "devv"
    assert request(at, LeaseRequest(service_type="dev2")).lease.service_type == "dev2"


def test_an_unknown_type_is_made_with_its_first_lease() -> None:
    at = desk()

    grant = request(at, LeaseRequest(service_type="grafana"))

    assert grant.lease.port == 11510
    assert grant.made is not None
    assert str(grant.made.made) == "11510-11519"
    assert at.catalogue.get("grafana").auto_allocated == "1970-01-01"


def test_a_made_type_keeps_its_range() -> None:
    at = desk()
    request(at, LeaseRequest(service_type="grafana"))

    again = request(at, LeaseRequest(service_type="grafana"))

    assert (again.lease.port, again.made) == (11511, None)


def test_a_range_stays_clear_of_what_listens() -> None:
    assert request(desk(), LeaseRequest(service_type="grafana"), busy=[11515]).lease.port == 11516


def test_a_rule_decides_size_placement_and_start() -> None:
    rule = AllocationRule(
        pattern="x-*", chunk_size=3, placement="smart", preferred_range_start=Port(9000)
    )

    grant = request(desk(None, rule), LeaseRequest(service_type="x-1"))

    assert grant.made is not None
    assert (str(grant.made.made), grant.made.placement) == ("9000-9002", "smart")


def test_the_first_matching_rule_wins() -> None:
    rules = [AllocationRule(pattern="*", chunk_size=2), AllocationRule(pattern="x*", chunk_size=7)]

    grant = request(desk(None, *rules), LeaseRequest(service_type="x1"))

    assert grant.made is not None
    assert grant.made.chunk_size == 2


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("monitoring-*", "monitoring-x", True),
        ("monitoring-*", "monitoring", False),
        ("*-db", "my-db", True),
        ("a*c", "abc", True),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("*", "anything", True),
        ("", "", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "ab-a", False),
        ("a**c", "ac", True),
        ("*a" * 20, "a" * 49 + "b", False),  # tried one by one, the places have no end
    ],
)
def test_only_a_star_is_special_in_a_pattern(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def test_a_full_made_range_grows_beside_itself() -> None:
    at = desk(AutoAllocation(default_chunk_size=2))

    grants = [request(at, LeaseRequest(service_type="grafana")) for _ in range(5)]

    assert [grant.lease.port for grant in grants] == [11510, 11511, 11512, 11513, 11514]
    assert str(at.catalogue.get("grafana").ports) == "11510-11515"


def test_a_full_made_range_without_room_beside_it_grows_elsewhere() -> None:
    at = desk(AutoAllocation(default_chunk_size=2))
    request(at, LeaseRequest(service_type="one"))
    request(at, LeaseRequest(service_type="two"))

    ports = [request(at, LeaseRequest(service_type="one")).lease.port for _ in range(2)]

    assert ports == [11511, 11534]
    assert [str(each) for each in at.catalogue.get("one").ranges] == ["11510-11511", "11534-11535"]


@pytest.mark.parametrize("highest", [11513, 11514])
def test_a_made_range_grows_up_to_the_highest_port_and_not_beyond(highest: int) -> None:
    at = desk(AutoAllocation(default_chunk_size=2, max_port=Port(highest)))

    ports = [request(at, LeaseRequest(service_type="grafana")).lease.port for _ in range(4)]

    assert ports == [11510, 11511, 11512, 11513]
    assert str(at.catalogue.get("grafana").ports) == "11510-11513"
    with pytest.raises(NoRoom):
        request(at, LeaseRequest(service_type="grafana"))


def test_a_dry_run_makes_nothing() -> None:
    at = desk()

    grant = request(at, LeaseRequest(service_type="grafana", dry_run=True))

    assert grant.lease.port == 11510
    assert "grafana" not in at.catalogue


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "ä", "x" * 51, "a\n", "../etc"])
def test_a_bad_name_makes_nothing(name: str) -> None:
    at = desk()

    with pytest.raises(InvalidInput):
        request(at, LeaseRequest(service_type=name))

    assert list(at.catalogue) == list(Catalogue())


def test_switched_off_no_type_is_made() -> None:
    with pytest.raises(UnknownServiceType):
        request(desk(AutoAllocation(enabled=False)), LeaseRequest(service_type="grafana"))


def test_a_type_is_made_only_when_its_proposal_is_confirmed() -> None:
    at = desk(AutoAllocation(require_confirmation=True))

    with pytest.raises(ConfirmationRequired) as refused:
        request(at, LeaseRequest(service_type="grafana"))
    assert "grafana" not in at.catalogue

    token = str(refused.value.context["confirm"])
    assert request(at, LeaseRequest(service_type="grafana", confirm=token)).lease.port == 11510


def test_a_token_confirms_no_other_proposal() -> None:
    at = desk(AutoAllocation(require_confirmation=True))
    with pytest.raises(ConfirmationRequired) as refused:
        request(at, LeaseRequest(service_type="grafana"))

    with pytest.raises(ConfirmationRequired):
        request(
            at, LeaseRequest(service_type="other", confirm=str(refused.value.context["confirm"]))
        )


def test_no_room_names_the_limits() -> None:
    settings = AutoAllocation(min_port=Port(11500), max_port=Port(11512))

    with pytest.raises(NoRoom, match=r"11500 and 11512 with a gap of 10"):
        request(desk(settings), LeaseRequest(service_type="grafana"))


def test_undo_is_refused_while_leases_live() -> None:
    at = desk()
    request(at, LeaseRequest(service_type="grafana"))

    with pytest.raises(Conflict, match="grafana 11510-11519 still has 1 lease"):
        at.undo_range("grafana", now=1.0)


def test_a_forced_undo_ends_what_nothing_uses() -> None:
    at = desk()
    used, unused = (request(at, LeaseRequest(service_type="grafana")).lease for _ in range(2))
    for event in at.seen({used.port}, now=1.0).events:
        at.apply(event)

    for event in at.undo_range("grafana", now=2.0, force=True).events:
        at.apply(event)

    assert at.lease_index.on_port(used.port) is not None
    assert at.lease_index.on_port(unused.port) is None
    assert "grafana" not in at.catalogue


def test_a_built_in_type_cannot_be_undone() -> None:
    with pytest.raises(Conflict, match="not auto-allocated"):
        desk().undo_range("dev", now=0.0)


names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)


@given(
    requests=st.lists(names, min_size=1, max_size=30),
    chunk=st.integers(1, 30),
    gap=st.integers(0, 20),
    placement=st.sampled_from(["after", "before", "smart"]),
)
def test_made_ranges_never_overlap_and_keep_their_gaps(
    requests: list[str], chunk: int, gap: int, placement: str
) -> None:
    settings = AutoAllocation(
        default_chunk_size=chunk,
        gap_size=gap,
        placement=placement,  # type: ignore[arg-type]  # drawn from the three
    )
    at = Desk(Catalogue(), Configuration(auto_allocation=settings, auto_allocation_rules=()))
    for name in requests:
        with contextlib.suppress(NoRoom):
            request_surely(at, name)

    made = [kind for kind in at.catalogue if kind.auto_allocated]
    for kind in made:
        assert all(settings.min_port <= each.first for each in kind.ranges)
        assert all(each.last <= settings.max_port for each in kind.ranges)
        for other in at.catalogue:
            if other.name != kind.name:
                assert all(a.gap_to(b) >= gap for a in kind.ranges for b in other.ranges), (
                    kind,
                    other,
                )


def test_a_replay_of_the_events_knows_the_made_types() -> None:
    at, copy = desk(), desk()
    ruling = at.allocate(LeaseRequest(service_type="grafana"), lease_id="a", now=0.0)

    for event in ruling.events:
        copy.apply(event)

    assert isinstance(ruling.events[0], RangeAdded)
    assert copy.catalogue.get("grafana") == ruling.events[0].service
