"""What happened, for people: one line for one event, whatever the event says."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.client.text.audit_text import line, lines
from styxy.core.books.events import Event
from styxy.core.protocol.audit.entries import audit_entry
from tests.core.strategies import EVENTS


@pytest.mark.parametrize(
    ("event", "report"),
    [
        (
            {"event": "allocated", "port": 3000, "service_name": "web", "service_type": "dev",
             "pid": 7, "project_path": "/p"},
            "allocated             3000 to web, dev, pid 7, project /p",
        ),
        (
            {"event": "allocated", "port": 3001, "service_name": "node", "service_type": "dev",
             "requested_port": 3000},
            "allocated             3001 to node, dev, asked for 3000",
        ),
        (
            {"event": "released", "port": 3000, "reason": "holder died", "pid": 7},
            "released              3000, holder died, pid 7",
        ),
        (
            {"event": "reassigned", "requested_port": 3000, "port": 3001, "process": "node",
             "service_type": "dev", "pid": 7, "project": "/p"},
            "reassigned            3000 -> 3001, node, dev, pid 7, project /p",
        ),
        (
            {"event": "noted", "subject": "database", "message": "lost", "level": "warning"},
            "noted                 warning: database: lost",
        ),
        ({"event": "invented", "seq": 3, "color": "red"}, "invented              color red"),
        ({}, "-"),
    ],
)  # fmt: skip
def test_an_event_is_one_line(event: dict[str, object], report: str) -> None:
    assert line({"at": "?", **event}) == f"?  {report}"


@given(st.one_of(*EVENTS.values()))
def test_no_event_breaks_a_terminal(event: Event) -> None:
    said = line(msgspec.to_builtins(audit_entry(event, seq=1)))
    assert said.isprintable()


def test_nothing_is_said_too() -> None:
    assert lines([]) == "no events"


@pytest.mark.parametrize("kind", ["allocated", "released", "range_added", "something_new"])
def test_the_user_is_named_last(kind: str) -> None:
    event = {"event": kind, "at": "", "port": 3000, "user": {"uid": 7, "name": "ada"}}
    assert line(event).endswith(", by ada")
    nameless = {**event, "user": {"uid": 7, "name": None}}
    assert line(nameless).endswith(", by 7")
    assert "by" not in line({**event, "user": None})
