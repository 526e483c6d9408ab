"""What users of an earlier system of this kind suffered, in its answers and its commands.

Each test is named for what somebody saw. `test_old_faults` has what its daemon did to leases.
"""

from __future__ import annotations

import errno
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from scripts.tables import types as types_of_the_documents
from styxy.core.model.service_types import BUILT_IN
from tests.commands import CommandLine
from tests.daemon import Daemon, port_of
from tests.fakes import free_port

LARGE = b"[" * 100_000


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for the tests that leave it as they found it."""
    with Daemon(tmp_path_factory.mktemp("old") / "home") as running:
        yield running


@pytest.fixture
def styxy(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line in a home of its own."""
    command_line = CommandLine(tmp_path / "home")
    yield command_line
    command_line.kill_daemon()


def test_my_lease_could_not_be_released(daemon: Daemon) -> None:
    lease = daemon.allocate()
    answer = daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    assert (answer.status, answer.body["success"]) == (200, True)
    assert daemon.leases() == []


def test_registering_my_session_killed_the_daemon(daemon: Daemon) -> None:
    answer = daemon.call("POST", "/instance/register", {"instance_id": "agent-1"})
    assert answer.status == 200
    assert daemon.call("GET", "/status").body["instances"] == 1
    daemon.call("DELETE", "/instance/agent-1")


def test_observe_all_was_taken_for_a_port(daemon: Daemon) -> None:
    answer = daemon.call("GET", "/observe/all")
    assert answer.status == 200
    assert daemon.port in {each["port"] for each in answer.body["observations"]}


def test_a_healthy_daemon_was_called_sick(daemon: Daemon) -> None:
    assert daemon.call("GET", "/health").status == 200


def test_the_audit_was_always_empty(daemon: Daemon) -> None:
    lease = daemon.allocate()
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    events = daemon.call("GET", "/audit").body["events"]
    told = [each["event"] for each in events if each.get("lock_id") == lease["lock_id"]]
    assert told == ["allocated", "released"]


def test_ten_new_types_at_once_got_one_and_the_same_range(tmp_path: Path) -> None:
    names = [f"kind-{number}" for number in range(10)]
    with Daemon(tmp_path / "home") as daemon:
        with ThreadPoolExecutor(len(names)) as pool:
            answers = list(pool.map(daemon.allocate, names))
        ranges = sorted(tuple(each["allocated_range"]) for each in answers)
        assert all(left[1] + 10 < right[0] for left, right in pairwise(ranges))
        written = json.loads((daemon.home / "config.json").read_text())["service_types"]
        assert sorted(tuple(each["range"]) for each in written.values()) == ranges


@pytest.mark.parametrize(
    "body",
    [{"service_type": "grafana", "dry_run": True}, {"service_type": "no such name!"}],
    ids=["dry run", "bad name"],
)
def test_a_question_changed_my_configuration(daemon: Daemon, body: dict[str, object]) -> None:
    before = daemon.call("GET", "/config").body
    daemon.call("POST", "/allocate", body)
    assert daemon.call("GET", "/config").body == before
    assert not (daemon.home / "config.json").exists()


def test_attaching_to_a_shared_service_failed_with_undefined(styxy: CommandLine) -> None:
    first = styxy.json("allocate", "-s", "ai", "-n", "ollama")
    second = styxy.json("allocate", "-s", "ai")
    assert {name: first[name] for name in ("success", "port", "lock_id")} == {
        name: second[name] for name in ("success", "port", "lock_id")
    }
    shown = styxy.run("allocate", "-s", "ai")
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, str(first["port"]))
    assert "undefined" not in shown.stdout + shown.stderr


def test_after_a_forced_cleanup_the_shared_service_could_not_be_started(daemon: Daemon) -> None:
    first = daemon.allocate("ai")
    daemon.call("POST", "/cleanup", {"force": True})
    second = daemon.allocate("ai")
    assert "existing" not in second
    assert second["lock_id"] != first["lock_id"]
    daemon.call("POST", "/cleanup", {"force": True})


def test_a_second_daemon_lost_the_first_one_and_said_done(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    first = styxy.daemon_pid()
    second = styxy.run("daemon", "start", "-p", str(free_port()))
    assert second.returncode == 1
    assert str(first) in second.stderr
    assert styxy.daemon_pid() == first
    assert styxy.json("daemon", "status")["pid"] == first


def test_the_daemon_listened_elsewhere_than_the_option_said(styxy: CommandLine) -> None:
    port = free_port()
    styxy.run("daemon", "start", "-d", "-p", str(port))
    with socket.create_connection(("127.0.0.1", port)):
        pass


def test_the_daemon_listened_elsewhere_than_the_environment_said(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    with socket.create_connection(("127.0.0.1", int(styxy.env["STYXY_DAEMON_PORT"]))):
        pass


def test_what_is_no_port_was_in_use_and_that_was_fine(styxy: CommandLine) -> None:
    done = styxy.run("check", "abc")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'abc' is not a port" in done.stderr


def test_what_doctor_called_json_was_none(styxy: CommandLine) -> None:
    done = styxy.run("doctor", "--json")
    assert isinstance(json.loads(done.stdout), dict)


def serve_in(kind: str, host: str) -> socket.socket:
    """Listen somewhere in the range of a service type."""
    span = next(each.ports for each in BUILT_IN if each.name == kind)
    for port in range(span.last, span.first, -1):
        server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            server.bind((host, port))
            server.listen()
        except OSError as error:
            server.close()
            if error.errno != errno.EADDRINUSE:
                pytest.skip(f"this machine has no {host}")
        else:
            return server
    pytest.skip(f"every port of {kind} is in use on this machine")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_port_was_available_though_my_server_ran_on_it(daemon: Daemon, host: str) -> None:
    with serve_in("messaging", host) as server:
        assert not daemon.call("GET", f"/check/{port_of(server)}").body["available"]


def test_the_lists_of_ranges_disagreed(daemon: Daemon) -> None:
    table = {kind.name: (kind.ports.first, kind.ports.last) for kind in BUILT_IN}
    answered = daemon.call("GET", "/config").body["service_types"]
    assert {name: tuple(each["range"]) for name, each in answered.items()} == table
    documented = re.findall(r"\| `([\w-]+)` \| (\d+)-(\d+)", types_of_the_documents())
    assert {name: (int(first), int(last)) for name, first, last in documented} == table
    for name, (first, last) in table.items():
        suggested = daemon.call("GET", f"/suggest/{name}").body["suggestions"]
        assert all(first <= port <= last for port in suggested)


@pytest.mark.parametrize("body", [b"{not json", LARGE], ids=["bad", "large"])
@pytest.mark.parametrize("over", ["tcp", "bare"])
def test_a_stack_trace_in_html_came_for_a_bad_body(daemon: Daemon, body: bytes, over: str) -> None:
    answer = daemon.call("POST", "/allocate", body, over=over)  # reads JSON, or fails
    assert set(answer.body) == {"success", "error", "code", "context"}
    assert answer.status == (401 if over == "bare" else 413 if body == LARGE else 400)
    assert "Traceback" not in answer.body["error"]
