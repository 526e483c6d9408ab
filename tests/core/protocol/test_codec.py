"""The API's shapes: our words translated, bodies checked.

Also tests `daemon`, `failures`, `observations` and `page`.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given

from styxy.core.books.events import Event, Leased, Reassigned
from styxy.core.decisions.requests import Grant
from styxy.core.model.leases import Holder, Lease, Owner
from styxy.core.model.ports import Port
from styxy.core.protocol import leases, reassignments, scalars
from tests.core import strategies

LEASE = Lease(
    lease_id="ab12",
    port=Port(3001),
    service_type="dev",
    service_name="web",
    owner=Owner(project="/p", instance_id="agent-1"),
    holder=Holder(pid=42, start_time=1, boot="b"),
    allocated_at=1_795_000_000.0,
    last_seen=1_795_000_001.25,
    asked=Port(3000),
)


def decode(**fields: object) -> leases.AllocateBody:
    return msgspec.json.decode(msgspec.json.encode(fields), type=leases.AllocateBody)


def test_a_lease_is_an_allocation_in_the_words_of_the_api() -> None:
    assert msgspec.to_builtins(leases.allocation(LEASE)) == {
        "port": 3001,
        "lock_id": "ab12",
        "service_type": "dev",
        "service_name": "web",
        "instance_id": "agent-1",
        "project_path": "/p",
        "pid": 42,
        "protocol": "tcp",
        "allocated_at": "2026-11-18T11:06:40.000Z",
        "state": "reserved",
        "last_seen": "2026-11-18T11:06:41.250Z",
        "expires_at": None,
        "requested_port": 3000,
    }


@given(strategies.leases)
def test_every_lease_can_be_said(lease: Lease) -> None:
    shape = leases.allocation(lease)
    assert (shape.port, shape.lock_id) == (lease.port, lease.lease_id)


def test_a_grant_has_its_lock_id_and_a_dry_run_has_none() -> None:
    real = msgspec.to_builtins(leases.granted(Grant(LEASE), dry_run=False))
    dry = msgspec.to_builtins(leases.granted(Grant(LEASE), dry_run=True))
    assert real["lock_id"] == "ab12"
    assert "dry_run" not in real
    assert dry["dry_run"] is True
    assert "lock_id" not in dry
    assert real.keys() - {"lock_id"} == dry.keys() - {"dry_run"}


def test_a_shared_singleton_says_who_runs_it_and_where() -> None:
    lease = replace(LEASE, service_type="ai", port=Port(11430), asked=None)
    answer = msgspec.to_builtins(leases.shared(lease, is_singleton=True, project="~/blog"))
    assert answer["success"] is True
    assert answer["existing"] is True
    assert (answer["port"], answer["lock_id"]) == (11430, "ab12")
    assert (answer["existing_instance_id"], answer["existing_pid"]) == ("agent-1", 42)
    assert answer["allocated_at"] == "2026-11-18T11:06:40.000Z"
    assert answer["message"] == (
        f"Service 'ai' only allows single instance: {lease.service_name} (pid 42, ~/blog) runs on "
        "port 11430; use that one: styxy use ai"
    )


def test_a_moved_bind_is_a_reassignment() -> None:
    event = Reassigned(
        requested_port=Port(3000),
        port=Port(3001),
        pid=42,
        process="node",
        service_type="dev",
        owner=LEASE.owner,
        at=0.0,
    )
    assert msgspec.to_builtins(reassignments.reassignment(event)) == {
        "requested_port": 3000,
        "port": 3001,
        "pid": 42,
        "service_type": "dev",
        "project": "/p",
        "process": "node",
        "at": "1970-01-01T00:00:00.000Z",
    }


def test_a_body_needs_its_service_type_alone() -> None:
    body = decode(service_type="dev")
    assert (body.service_name, body.instance_id) == ("unnamed-service", "default")
    assert (body.sticky, body.reuse, body.dry_run, body.protocol) == (True, False, False, "tcp")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_type", ""),
        ("service_type", "x" * 51),
        ("service_type", 3),
        ("service_type", None),
        ("service_name", ""),
        ("service_name", "a b"),
        ("service_name", "web\n"),
        ("service_name", "x" * 101),
        ("instance_id", "a/b"),
        ("preferred_port", 1023),
        ("preferred_port", 65536),
        ("preferred_port", "3000"),
        ("preferred_port", True),
        ("preferred_port", 3000.5),
        ("project_path", "relative"),
        ("project_path", "/nul\0"),
        ("project_path", "/" + "x" * 4096),
        ("pid", 0),
        ("pid", -1),
        ("pid", 2**40),
        ("ttl", 0),
        ("ttl", -1),
        ("ttl", "60"),
        ("dry_run", "yes"),
        ("dry_run", 1),
        ("protocol", "sctp"),
        ("lock_id", "x"),
    ],
)
def test_a_body_with_a_wrong_value_is_refused(field: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(**{"service_type": "dev", field: value})


def test_times_are_rfc_3339_in_utc() -> None:
    assert scalars.rfc3339(0.0004) == "1970-01-01T00:00:00.000Z"


def test_an_event_is_plain_data() -> None:
    event: Event = Leased(lease=LEASE, at=1.0)
    assert msgspec.convert(msgspec.to_builtins(event), type=Leased) == event
