"""GET and PATCH /config, and the file that a running daemon follows.

Also tests `config_reload` and `port_document`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from styxy.core.config.port_document import BEGIN, END
from tests.daemon import Daemon, wait_until
from tests.fakes import free_port


def config(daemon: Daemon) -> dict[str, object]:
    """Ask for the configuration in force."""
    answer = daemon.call("GET", "/config")
    assert answer.status == 200
    assert isinstance(answer.body, dict)
    return answer.body


def change(daemon: Daemon, **changes: object) -> dict[str, object]:
    """Change the configuration."""
    answer = daemon.call("PATCH", "/config", {"changes": changes})
    assert answer.status == 200, answer
    assert isinstance(answer.body, dict)
    return answer.body


def write(daemon: Daemon, text: str) -> None:
    """Put config.json in place as an editor does that writes in place."""
    (daemon.home / "config.json").write_text(text)


CUSTOM = '{"service_types": {"custom": {"range": [9500, 9509], "instanceBehavior": "single"}}}'


def test_without_a_file_the_built_in_configuration_is_told(daemon: Daemon) -> None:
    answer = config(daemon)
    assert answer["source"] == "built-in"
    assert answer["listen_port"] == daemon.port
    assert answer["origins"] == {"listen_port": "--port"}
    assert answer["problems"] == []
    types = answer["service_types"]
    assert isinstance(types, dict)
    assert len(types) == 17
    assert types["ai"]["instance_behavior"] == "single"
    templates = answer["instance_templates"]
    assert isinstance(templates, dict)
    assert templates["staging"]["ports"]["dev"] == 3002


def test_an_edit_by_hand_is_followed_and_a_broken_one_is_not(fresh: Daemon) -> None:
    write(fresh, CUSTOM)
    wait_until(lambda: fresh.call("GET", "/suggest/custom").body.get("fallback") is None)
    lease = fresh.allocate("custom")
    assert lease["port"] == 9500
    write(fresh, CUSTOM[:-1])
    wait_until(lambda: bool(config(fresh)["problems"]))
    (problem,) = fresh.call("GET", "/config").body["problems"]
    assert (problem["file"], problem["line"]) == (str(fresh.home / "config.json"), 1)
    assert fresh.allocate("custom")["existing"] is True
    health = fresh.call("GET", "/health").body
    assert health["parts"]["configuration"]["state"] == "warning"
    write(fresh, "{}")
    wait_until(lambda: not config(fresh)["problems"])
    assert [each["port"] for each in fresh.leases()] == [9500], "leases outlive their type"
    assert fresh.call("DELETE", f"/allocate/{lease['lock_id']}").status == 200
    events = fresh.call("GET", "/audit?limit=100").body
    assert "the service type custom was removed" in json.dumps(events)
    assert "is not valid" in json.dumps(events)


def test_a_daemon_restarts_with_a_broken_file_and_loses_no_type(fresh: Daemon) -> None:
    write(fresh, CUSTOM)
    wait_until(lambda: "custom" in json.dumps(config(fresh)["service_types"]))
    fresh.allocate("custom")
    fresh.stop()
    write(fresh, "{")
    fresh.start()
    assert config(fresh)["source"] == "last good copy"
    assert fresh.allocate("custom")["existing"] is True
    assert fresh.call("GET", "/status").status == 200


def test_a_change_is_in_force_when_it_is_answered(fresh: Daemon) -> None:
    answer = change(fresh, service_types={"queue": {"range": [9600, 9609]}})
    assert answer["changed"] is True
    assert fresh.allocate("queue")["port"] == 9600
    assert json.loads((fresh.home / "config.json").read_text()) == {
        "service_types": {"queue": {"range": [9600, 9609]}}
    }
    assert change(fresh, service_types={"queue": {"range": [9600, 9609]}})["changed"] is False


def test_a_key_that_waits_for_a_restart_is_named(fresh: Daemon) -> None:
    answer = change(fresh, listen_port=9000)
    assert answer["needs_restart"] == ["listen_port"]
    assert "--port overrides listen_port" in str(answer["message"])
    assert config(fresh)["listen_port"] == fresh.port


@pytest.fixture
def made(fresh: Daemon) -> Iterator[Daemon]:
    """A daemon whose configuration a refused change must leave alone."""
    change(fresh, cleanup_interval=7)
    before = config(fresh)
    yield fresh
    assert config(fresh) == before


def test_a_change_that_is_wrong_is_refused(made: Daemon) -> None:
    deep: object = 1
    for _ in range(300):
        deep = {"a": deep}
    for changes in (
        {"cleanup_intervall": 5},
        {"cleanup_interval": "x"},
        {"service_types": {"x": {"range": [3000, 3010]}}},
        {"service_types": None, "listen_port": 1},
        {"x": deep},
        {"listen_port": 10**30},
    ):
        answer = made.call("PATCH", "/config", {"changes": changes})
        assert answer.status == 400, answer
        assert answer.body["code"] == "invalid_input"
    assert made.call("PATCH", "/config", {"changes": []}).status == 400
    assert made.call("PATCH", "/config", {"changes": {}, "x": 1}).status == 400
    answer = made.call("PATCH", "/config", {"changes": {"log_level": "debug"}, "dry_run": True})
    assert answer.body["changed"] is False


def test_a_file_that_cannot_be_understood_is_not_overwritten(fresh: Daemon) -> None:
    write(fresh, "{")
    answer = fresh.call("PATCH", "/config", {"changes": {"cleanup_interval": 7}})
    assert answer.status == 409
    assert "mend the file first" in answer.body["error"]
    assert (fresh.home / "config.json").read_text() == "{"


def test_a_preferred_port_outside_its_range_is_refused_where_ranges_are_enforced(
    fresh: Daemon,
) -> None:
    outside = free_port()
    request = {"service_type": "dev", "preferred_port": outside, "dry_run": True}
    assert fresh.call("POST", "/allocate", request).body["port"] == outside
    change(fresh, enforce_ranges=True)
    answer = fresh.call("POST", "/allocate", request)
    assert answer.status == 409
    assert f"{outside} is outside dev 3000-3099" in answer.body["error"]
    assert fresh.allocate("dev", preferred_port=3050)["port"] == 3050


def test_durations_come_from_the_file(fresh: Daemon) -> None:
    change(fresh, recovery={"health_monitoring": {"unused_ttl": 60}})
    lease = fresh.allocate("dev")
    listed = fresh.leases()[0]
    assert lease["expires_at"] == listed["expires_at"]
    begin, end = (datetime.fromisoformat(listed[key]) for key in ("allocated_at", "expires_at"))
    assert end - begin == timedelta(seconds=60)


def test_the_port_document_follows_the_service_types(fresh: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "PORTS.md"
    path.write_bytes(b"# Ours\r\n\xff")
    change(fresh, port_document=str(path))
    wait_until(lambda: fresh.call("GET", "/status").status == 200 and BEGIN in path.read_bytes())
    assert path.read_bytes().startswith(b"# Ours\r\n\xff\r\n")
    change(fresh, service_types={"queue": {"range": [9600, 9609]}})
    wait_until(lambda: fresh.call("GET", "/status").status == 200 and b"9600" in path.read_bytes())
    fresh.allocate("made-for-this")
    wait_until(
        lambda: fresh.call("GET", "/status").status == 200 and b"made-for-this" in path.read_bytes()
    )
    assert path.read_bytes().count(END) == 1


def test_a_port_document_that_cannot_be_written_is_a_warning(fresh: Daemon, tmp_path: Path) -> None:
    os.symlink(tmp_path / "nowhere", tmp_path / "PORTS.md")
    change(fresh, port_document=str(tmp_path / "PORTS.md"))
    wait_until(
        lambda: fresh.call("GET", "/health").body["parts"]["port document"]["state"] == "warning"
    )
    assert fresh.allocate("another-one")["success"] is True
    change(fresh, port_document=None)
    wait_until(lambda: fresh.call("GET", "/health").body["parts"]["port document"]["state"] == "ok")


def test_the_file_decides_the_port_where_nobody_else_does(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home", STYXY_DAEMON_HOST="127.0.0.1") as daemon:
        assert config(daemon)["origins"] == {
            "listen_port": "--port",
            "listen_host": "STYXY_DAEMON_HOST",
        }
        assert daemon.facts["host"] == "127.0.0.1"
