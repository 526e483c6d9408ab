"""The journal's facts in the API's words: every kind has one, and none loses what it says."""

from __future__ import annotations

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.books.events import KINDS, Event, Leased, Reassigned, Released
from styxy.core.model.leases import Holder, Lease, Owner
from styxy.core.model.ports import Port
from styxy.core.protocol.audit.entries import KIND_OF_WORD, WORD_OF_KIND, audit_entry
from styxy.core.protocol.audit.shapes import AuditAnswer, EventWord
from tests.core.strategies import EVENTS


def test_every_kind_of_event_has_a_word() -> None:
    assert set(WORD_OF_KIND) == set(KINDS.values())
    assert set(KIND_OF_WORD) == set(get_args(EventWord))


@given(st.one_of(*EVENTS.values()))
def test_every_event_can_be_told_and_fits_its_shape(event: Event) -> None:
    answer = AuditAnswer([audit_entry(event, seq=7)])
    plain = json.loads(json.dumps(msgspec.to_builtins(answer)))
    assert plain["events"][0]["event"] == WORD_OF_KIND[type(event)]
    assert plain["events"][0]["seq"] == 7
    assert msgspec.convert(plain, AuditAnswer) == answer


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            Leased(
                lease=Lease(
                    lease_id="a",
                    port=Port(3000),
                    service_type="dev",
                    allocated_at=0.0,
                    last_seen=0.0,
                    owner=Owner(project="/p"),
                ),
                at=0.0,
            ),
            {"lock_id": "a", "port": 3000, "project_path": "/p", "state": "reserved"},
        ),
        (
            Released(
                lease_id="a",
                port=Port(3000),
                reason="holder died",
                holder=Holder(pid=7, start_time=1, boot="b"),
                at=0.0,
            ),
            {"lock_id": "a", "port": 3000, "reason": "holder died", "pid": 7},
        ),
        (
            Reassigned(
                requested_port=Port(3000),
                port=Port(3001),
                pid=7,
                process="node",
                service_type="dev",
                owner=Owner(project="/p"),
                at=0.0,
            ),
            {"requested_port": 3000, "port": 3001, "project": "/p", "process": "node"},
        ),
    ],
)
def test_an_event_is_told_in_the_words_of_the_api(event: Event, said: dict[str, object]) -> None:
    plain = msgspec.to_builtins(audit_entry(event, seq=1))
    assert said.items() <= plain.items()
    assert plain["at"] == "1970-01-01T00:00:00.000Z"
