"""How the daemon says that it is well, or what is wrong, and what it then still does.

Also tests `instruments` and `daemon`.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from styxy.core.errors import JournalFailed
from styxy.server.reports.health import Health, HealthReport, PartState
from tests.daemon import Daemon, wait_until


def test_a_healthy_daemon_says_so(daemon: Daemon) -> None:
    """The earlier system answered 503, whatever the truth was."""
    answer = daemon.call("GET", "/health", over="tcp")
    assert answer.status == 200
    assert answer.body["status"] == "ok", answer.body
    assert answer.body["warnings"] == []
    assert 0 < answer.body["response_time_ms"] < 1000
    parts = answer.body["parts"]
    assert {"journal", "kernel", "doors", "port map", "recovery", "loop"} <= parts.keys()
    assert all(part["state"] == "ok" and part["message"] for part in parts.values()), parts


def test_health_needs_the_token(daemon: Daemon) -> None:
    assert daemon.call("GET", "/health", over="bare").status == 401


def test_a_full_disk_is_a_503_that_says_so(fresh: Daemon) -> None:
    held = fresh.allocate("build")
    # No file of the daemon may grow: writing to the journal fails as on a full disk (EFBIG).
    resource.prlimit(fresh.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    answer = fresh.call("GET", "/health")
    assert (answer.status, answer.body["code"]) == (503, "unavailable")
    health = answer.body["context"]["health"]
    assert health["parts"]["journal"]["state"] == "error"
    assert health["status"] == "error"
    assert fresh.call("POST", "/allocate", {"service_type": "build"}).status == 503
    assert [lease["lock_id"] for lease in fresh.leases()] == [held["lock_id"]]
    infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(fresh.process.pid, resource.RLIMIT_FSIZE, infinite)
    assert fresh.call("GET", "/health").status == 200


def test_a_port_map_that_somebody_deleted_is_said(fresh: Daemon) -> None:
    os.unlink(fresh.facts["map"])
    answer = fresh.call("GET", "/health")
    assert answer.status == 200  # leases are granted all the same
    assert answer.body["parts"]["port map"]["state"] == "error"
    assert any("port map" in warning for warning in answer.body["warnings"])


def test_a_socket_that_somebody_deleted_is_said(fresh: Daemon) -> None:
    os.unlink(Path(fresh.facts["line_socket"]))
    answer = fresh.call("GET", "/health")
    assert answer.body["parts"]["doors"]["state"] == "error"
    assert "daemon restart" in answer.body["parts"]["doors"]["message"]


# --- the register of parts -----------------------------------------------------------------------


def _fails() -> PartState:
    raise JournalFailed("the disk is full")


def _breaks() -> PartState:
    raise OSError(13, "Permission denied")


@pytest.mark.parametrize(
    ("states", "worst"),
    [([], "ok"), (["ok", "warning"], "warning"), (["error", "ok", "warning"], "error")],
)
def test_the_whole_is_as_its_worst_part(states: list[str], worst: str) -> None:
    parts = {str(number): PartState(state, "x") for number, state in enumerate(states)}  # type: ignore[arg-type]  # literals
    assert HealthReport(parts=parts, can_grant=True).state == worst


def test_only_a_vital_part_keeps_leases_from_being_granted() -> None:
    health = Health()
    health.register("journal", lambda: PartState("warning", "slow"), is_vital=True)
    health.register("doors", _breaks)
    report = health.report()
    assert report.can_grant
    assert report.warnings == ["journal: slow", "doors: Permission denied"]
    health.register("journal", _fails, is_vital=True)
    report = health.report()
    assert not report.can_grant
    assert report.parts["journal"] == PartState("error", "the disk is full")


def test_a_stranger_learns_how_many_warnings_there_are_and_nothing_of_the_home(
    fresh: Daemon,
) -> None:
    assert fresh.call("GET", "/status", over="bare").body["warnings"] == []
    (fresh.home / "config.json").write_text('{"zork": 1}')
    wait_until(lambda: bool(fresh.call("GET", "/status").body["warnings"]))
    for over in ("unix", "tcp"):
        (warning,) = fresh.call("GET", "/status", over=over).body["warnings"]
        assert str(fresh.home) in warning
    for headers in ({}, {"X_API_Key": "0" * 64}):
        answer = fresh.call("GET", "/status", over="bare", **headers)
        told = "1 warning; to read them, send the token or use the Unix socket"
        assert answer.body["warnings"] == [told]
        assert str(fresh.home) not in str(answer.body)


def test_status_tells_of_a_broken_configuration_until_it_is_mended(fresh: Daemon) -> None:
    """It told of the one that was found at the start, and for ever."""
    config = fresh.home / "config.json"

    def warnings() -> list[str]:
        told = fresh.call("GET", "/status").body["warnings"]
        assert isinstance(told, list)
        return told

    config.write_text('{"zork": 1}')
    wait_until(lambda: any("zork" in each for each in warnings()))
    assert fresh.stop() == 0
    fresh.start()
    assert any("zork" in each for each in warnings())
    config.write_text("{}")
    wait_until(lambda: warnings() == [])
