"""The books: every index agrees with the leases, whatever is put and dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.books.lease_index import LeaseIndex
from styxy.core.errors import UnknownLease
from styxy.core.model.leases import Holder, Lease, Owner
from styxy.core.model.ports import Port
from tests.core import strategies
from tests.fakes import assert_consistent

P = Owner(project="/p")
Q = Owner(project="/q")


def lease_of(name: str, port: int, *, owner: Owner = P, pid: int | None = 7) -> Lease:
    holder = None if pid is None else Holder(pid=pid, start_time=1, boot="b")
    return Lease(
        lease_id=name,
        port=Port(port),
        service_type="dev",
        owner=owner,
        holder=holder,
        allocated_at=float(port),
        last_seen=0.0,
    )


def test_a_lease_is_found_by_everything_that_it_says() -> None:
    lease_index = LeaseIndex()
    lease = replace(lease_of("a", 3001), asked=Port(3000))
    lease_index.put(lease)
    assert lease_index.get("a") == lease
    assert lease_index.on_port(Port(3001)) == lease
    assert lease_index.of_pid(7) == lease_index.of_type("dev") == [lease]
    assert lease_index.moved_from(P, Port(3000)) == [lease]
    assert lease_index.moved_from(Q, Port(3000)) == []
    assert lease_index.on_port(Port(3000)) is None


def test_a_new_state_takes_the_place_of_the_old_one_in_every_index() -> None:
    lease_index = LeaseIndex()
    lease_index.put(lease_of("a", 3001, pid=7))
    lease_index.put(lease_of("a", 3001, pid=8))
    assert lease_index.of_pid(7) == []
    assert [lease.lease_id for lease in lease_index.of_pid(8)] == ["a"]
    assert len(lease_index) == 1


def test_an_unknown_lease_is_refused_by_name() -> None:
    with pytest.raises(UnknownLease, match="'nope'") as refusal:
        LeaseIndex().get("nope")
    assert refusal.value.context["lock_id"] == "nope"


def test_leases_are_listed_oldest_first() -> None:
    lease_index = LeaseIndex()
    for name, port in (("c", 3003), ("a", 3001), ("b", 3002)):
        lease_index.put(lease_of(name, port))
    assert [lease.lease_id for lease in lease_index.of_type("dev")] == ["a", "b", "c"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), strategies.leases), max_size=30))
def test_the_indexes_agree_with_the_leases(steps: list[tuple[bool, int, Lease]]) -> None:
    lease_index = LeaseIndex()
    for is_put, number, raw in steps:
        lease = replace(raw, lease_id=str(number), port=Port(3000 + number))
        if is_put:
            lease_index.put(lease)
        elif lease_index.on_port(lease.port) is not None:
            assert lease_index.drop(lease.lease_id).lease_id == lease.lease_id
        assert_consistent(lease_index)
