"""Leases as values: when one lapses, who counts as one owner."""

from __future__ import annotations

import itertools

import pytest

from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port

LEASE = Lease(lease_id="a", port=Port(3001), service_type="dev", allocated_at=0.0, last_seen=0.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Owner(project="/p", instance_id="x"), Owner(project="/p", instance_id="y"), True),
        (Owner(project="/p"), Owner(project="/q"), False),
        (Owner(project="/p"), Owner(), False),
        (Owner(instance_id="x"), Owner(instance_id="x"), True),
        (Owner(instance_id="x"), Owner(instance_id="y"), False),
    ],
)
def test_sessions_in_one_worktree_are_one_owner(one: Owner, other: Owner, same: bool) -> None:
    assert one.is_same(other) == other.is_same(one) == same
    assert (one.key == other.key) == same


def test_the_fields_of_an_owner_make_its_key() -> None:
    owners = [Owner(), Owner(instance_id="x"), Owner(project="/p"), Owner(project="/q")]
    assert all(a.key != b.key for a, b in itertools.combinations(owners, 2))
