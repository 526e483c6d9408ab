"""GET /audit: real events, of the time and kind that were asked for."""

from __future__ import annotations

import os
import pwd
from urllib.parse import quote

import pytest

from styxy.core.errors import InvalidInput
from styxy.server.http.routes.audit import LAST_SECOND, moment
from tests.daemon import Daemon, wait_until


def test_the_audit_is_no_stub(daemon: Daemon) -> None:
    """The earlier system answered with an empty list, whatever had happened."""
    lease = daemon.allocate("build", service_name="web")
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    granted, released = daemon.call("GET", "/audit?limit=2").body["events"]
    assert (granted["event"], granted["service_name"]) == ("allocated", "web")
    assert (released["event"], released["reason"]) == ("released", "released")
    assert released["seq"] == granted["seq"] + 1
    assert granted["lock_id"] == released["lock_id"] == lease["lock_id"]


def test_the_newest_come_last_and_old_ones_are_left_out(daemon: Daemon) -> None:
    first, last = daemon.allocate("build"), daemon.allocate("build")
    events = daemon.call("GET", "/audit?event=allocated&limit=1").body["events"]
    assert [event["lock_id"] for event in events] == [last["lock_id"]]
    events = daemon.call("GET", "/audit?event=allocated&limit=2").body["events"]
    assert [event["lock_id"] for event in events] == [first["lock_id"], last["lock_id"]]


def test_what_happened_before_is_left_out(daemon: Daemon) -> None:
    daemon.allocate("build")
    last = daemon.allocate("build")
    at = daemon.call("GET", "/audit?limit=1").body["events"][0]["at"]
    since = daemon.call("GET", f"/audit?since={quote(at)}").body["events"]
    assert [event["lock_id"] for event in since][-1] == last["lock_id"]
    assert all(event["at"] >= at for event in since)
    assert daemon.call("GET", "/audit?since=99999999999").body == {"events": []}


def test_a_lease_that_outlives_its_instance_is_told_once(daemon: Daemon) -> None:
    daemon.call("POST", "/instance/register", {"instance_id": "agent-1"})
    lease = daemon.allocate("build", instance_id="agent-1")
    daemon.call("DELETE", "/instance/agent-1?keep_leases=true")
    events = daemon.call("GET", "/audit").body["events"]
    told = [each for each in events if each.get("lock_id") == lease["lock_id"]]
    assert [each["event"] for each in told] == ["allocated", "dated"]
    (kept,) = [each for each in daemon.leases() if each["lock_id"] == lease["lock_id"]]
    assert told[-1]["expires_at"] == kept["expires_at"] is not None


def test_a_restart_keeps_the_audit(fresh: Daemon) -> None:
    lease = fresh.allocate("build")
    fresh.kill()
    fresh.start()
    events = fresh.call("GET", "/audit?event=allocated").body["events"]
    assert [event["lock_id"] for event in events] == [lease["lock_id"]]
    assert fresh.call("GET", "/audit?event=noted").body["events"]  # the steps of the two starts


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=", "since=nan", "since=-1", "since=1e400", "since=1_000",
     "limit=0", "limit=1001", "limit=x", "event=Leased", "event=", "sinc=1"],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(daemon: Daemon, query: str) -> None:
    answer = daemon.call("GET", f"/audit?{query}")
    assert (answer.status, answer.body["code"]) == (400, "invalid_input")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1769860800", 1769860800.0),
        ("1769860800.25", 1769860800.25),
        ("2026-01-31T12:00:00Z", 1769860800.0),
        ("2026-01-31t12:00:00.500Z", 1769860800.5),
        ("2026-01-31 12:00:00Z", 1769860800.0),
        ("2026-01-31T13:00:00+01:00", 1769860800.0),
        ("2026-01-31T13:00:00 01:00", 1769860800.0),  # a plus that a query turned into a space
    ],
)
def test_a_time_may_be_said_in_two_ways(text: str, seconds: float) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["2026-01-31", "2026-01-31T12:00:00", "12:00:00Z", "inf", "1e300", str(LAST_SECOND + 1), "٣"],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        moment(text)


@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_the_user_who_asked_is_in_the_audit(daemon: Daemon, over: str) -> None:
    lease = daemon.call("POST", "/allocate", {"service_type": "build"}, over=over).body
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}", over=over)
    events = daemon.call("GET", "/audit?limit=2").body["events"]
    user = {"uid": os.geteuid(), "name": pwd.getpwuid(os.geteuid()).pw_name}
    assert [each["user"] for each in events] == [user, user]


def test_what_nobody_asked_for_has_no_user(daemon: Daemon) -> None:
    daemon.allocate("build", ttl=0.01)
    wait_until(lambda: daemon.leases() == [])
    (lapsed,) = daemon.call("GET", "/audit?limit=1").body["events"]
    assert (lapsed["reason"], lapsed["user"]) == ("lapsed", None)


def test_the_audit_is_counted_by_event_type_and_day(fresh: Daemon) -> None:
    lease = fresh.allocate("build")
    fresh.allocate("api")
    fresh.call("DELETE", f"/allocate/{lease['lock_id']}")
    stats = fresh.call("GET", "/audit/stats").body
    assert (stats["by_event"]["allocated"], stats["by_event"]["released"]) == (2, 1)
    assert stats["by_service_type"] == {"build": 1, "api": 1}
    assert sum(stats["by_day"].values()) == sum(stats["by_event"].values()) == stats["total"]
