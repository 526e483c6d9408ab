"""What the daemon shows of the ports, with real listeners of real processes; and cleanups."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.fakes import clean_environment

SERVER = """
import socket, sys
with socket.socket(getattr(socket, sys.argv[1]), getattr(socket, sys.argv[2])) as server:
    server.bind((sys.argv[3], int(sys.argv[4])))
    if sys.argv[2] == "SOCK_STREAM":
        server.listen()
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""

OBSERVATION = {
    "pid", "process", "command", "service_type", "project", "instance_id", "addresses",
    "bound_since",
}  # fmt: skip
USAGE = {"protocol", "addresses", "pid", "process", "command", "project", "since"}


@contextmanager
def server(
    cwd: Path,
    port: int = 0,
    *,
    address: str = "127.0.0.1",
    kind: str = "SOCK_STREAM",
    **env: str,
) -> Iterator[tuple[int, int]]:
    """Run a server in a directory; give its pid and port."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", SERVER, family, kind, address, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=clean_environment(**env),
    ) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def get(daemon: Daemon, path: str) -> Any:
    answer = daemon.call("GET", path)
    assert answer.status == 200, answer
    return answer.body


def some_ports(daemon: Daemon, count: int) -> list[int]:
    """Choose free ports of one range that nobody else is likely to choose now."""
    return random.sample(get(daemon, "/suggest/test?count=60")["suggestions"], count)


def scanned(daemon: Daemon, port: int) -> list[dict[str, Any]]:
    body = get(daemon, f"/scan?start={port}&end={port}")
    assert body["scan_range"] == f"{port}-{port}"
    rows = body["ports_in_use"]
    assert isinstance(rows, list)
    return rows


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()


# --- one port ------------------------------------------------------------------------------------


def test_a_listener_is_shown_with_all_that_is_known(daemon: Daemon, tmp_path: Path) -> None:
    get(daemon, "/observe/all")
    before = time.time()
    with server(tmp_path, STYXY_INSTANCE_ID="agent-7") as (pid, port):
        body = get(daemon, f"/observe/{port}")
        assert (body["port"], body["bound"]) == (port, True)
        assert "message" not in body
        seen = body["observation"]
        assert seen.keys() == OBSERVATION
        assert (seen["pid"], seen["project"]) == (pid, str(tmp_path))
        assert (seen["instance_id"], seen["addresses"]) == ("agent-7", ["127.0.0.1"])
        assert seen["process"].startswith("python")
        assert "server.listen()" in seen["command"]
        assert before - 1 <= seconds(seen["bound_since"]) <= time.time()
        (row,) = scanned(daemon, port)
        usage = get(daemon, f"/check/{port}")["system_usage"]
        assert usage == row["system_usage"]
        assert usage.keys() == USAGE
        assert (usage["protocol"], usage["pid"], usage["since"]) == (
            "tcp",
            pid,
            seen["bound_since"],
        )
        assert row["allocated_to"] is None
    body = get(daemon, f"/observe/{port}")
    assert (body["port"], body["bound"]) == (port, False)
    assert "observation" not in body
    assert str(port) in body["message"]


def test_a_listener_on_ipv6_loopback_is_seen(daemon: Daemon, tmp_path: Path) -> None:
    with server(tmp_path, address="::1") as (pid, port):
        assert get(daemon, f"/observe/{port}")["observation"]["addresses"] == ["::1"]
        check = get(daemon, f"/check/{port}")
        assert (check["available"], check["system_usage"]["pid"]) == (False, pid)


def test_a_lease_gives_its_type_and_instance(daemon: Daemon, tmp_path: Path) -> None:
    lease = daemon.allocate("build", instance_id="agent-1", project_path=str(tmp_path))
    port = lease["port"]
    (row,) = scanned(daemon, port)
    assert (row["port"], row["system_usage"]) == (port, None)
    assert row["allocated_to"]["lock_id"] == lease["lock_id"]
    assert get(daemon, f"/observe/{port}")["bound"] is False
    with server(tmp_path, port):
        seen = get(daemon, f"/observe/{port}")["observation"]
        assert (seen["service_type"], seen["instance_id"]) == ("build", "agent-1")
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")


def test_the_range_gives_the_type_where_no_lease_does(daemon: Daemon, tmp_path: Path) -> None:
    port = some_ports(daemon, 1)[0]
    with server(tmp_path, port):
        assert get(daemon, f"/observe/{port}")["observation"]["service_type"] == "test"
    with server(tmp_path) as (_pid, stray):
        assert get(daemon, f"/observe/{stray}")["observation"]["service_type"] is None


def test_a_socket_is_older_than_a_daemon_that_finds_it(tmp_path: Path) -> None:
    with server(tmp_path) as (_pid, port), Daemon(tmp_path / "home") as daemon:
        since = get(daemon, f"/observe/{port}")["observation"]["bound_since"]
        # The process cannot be younger than its socket; the kernel counts boot time in seconds.
        assert seconds(since) <= daemon.facts["started_at"] + 1


def test_a_udp_socket_is_shown_and_leaves_tcp_free(daemon: Daemon, tmp_path: Path) -> None:
    port = some_ports(daemon, 1)[0]
    with server(tmp_path, port, kind="SOCK_DGRAM") as (pid, _port):
        check = get(daemon, f"/check/{port}")
        assert check["available"] is True
        assert (check["system_usage"]["protocol"], check["system_usage"]["pid"]) == ("udp", pid)
        assert "UDP" in check["reason"]
        assert scanned(daemon, port)[0]["system_usage"]["protocol"] == "udp"
        with server(tmp_path, port):
            assert get(daemon, f"/check/{port}")["system_usage"]["protocol"] == "both"


def test_a_udp_client_is_no_server(daemon: Daemon) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        port = client.getsockname()[1]
        assert scanned(daemon, port) == []
        assert get(daemon, f"/check/{port}")["system_usage"]["protocol"] == "udp"


def test_a_udp_lease_in_use_is_bound_and_survives_a_cleanup(daemon: Daemon, tmp_path: Path) -> None:
    lease = daemon.allocate("build", protocol="udp")
    with server(tmp_path, lease["port"], kind="SOCK_DGRAM"):
        assert daemon.call("POST", "/cleanup", {"force": True}).body["released"] == []
        assert [each["state"] for each in daemon.leases()] == ["bound"]
    released = daemon.call("POST", "/cleanup", {"force": True}).body["released"]
    assert [each["port"] for each in released] == [lease["port"]]


# --- many ports ----------------------------------------------------------------------------------


def test_observe_all_is_no_port(daemon: Daemon, tmp_path: Path) -> None:
    with server(tmp_path) as (pid, port):
        body = get(daemon, "/observe/all")
        seen = {each["port"]: each for each in body["observations"]}
        assert body["total"] == len(seen) == body["stats"]["total"]
        assert list(seen) == sorted(seen)
        assert seen[port].keys() == OBSERVATION | {"port", "protocol"}
        assert seen[port]["pid"] == pid
        assert seen[daemon.port]["pid"] == daemon.process.pid


def test_observations_are_counted(daemon: Daemon, tmp_path: Path) -> None:
    with ExitStack() as stack:
        for port in some_ports(daemon, 2):
            stack.enter_context(server(tmp_path, port, STYXY_INSTANCE_ID="agent-9"))
        stats = get(daemon, "/observation-stats")
    assert stats.keys() == {"total", "leased", "by_service_type", "by_instance", "by_project"}
    assert stats["total"] >= 3
    assert stats["by_instance"]["agent-9"] == 2
    assert stats["by_project"][str(tmp_path)] == 2
    assert stats["by_service_type"]["test"] >= 2


@pytest.mark.alone
def test_the_whole_machine_is_scanned_in_one_call(daemon: Daemon, tmp_path: Path) -> None:
    lease = daemon.allocate("build")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(200)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
            each.listen()
        mine = {each.getsockname()[1] for each in sockets}
        get(daemon, "/scan?start=1&end=65535")
        begin = time.monotonic()
        body = get(daemon, "/scan?start=1&end=65535")
        took = time.monotonic() - begin
    assert body["scan_range"] == "1-65535"
    ports = [row["port"] for row in body["ports_in_use"]]
    assert ports == sorted(set(ports))
    assert mine | {lease["port"], daemon.port} <= set(ports)
    assert took < 0.5, f"{took:.3f} s"
    assert get(daemon, "/scan")["scan_range"] == "1-65535"
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")


@pytest.mark.parametrize(
    "path",
    [
        "/scan?start=4000&end=3000",
        "/scan?start=0&end=3000",
        "/scan?start=1&end=65536",
        "/scan?start=a",
        "/scan?start=-1",
        "/scan?first=1",
        "/observe/0",
        "/observe/65536",
        "/observe/abc",
        "/observe/-1",
        "/observe/" + "9" * 5000,
        "/check/" + "9" * 5000,
    ],
)
def test_ports_that_make_no_sense_are_400(daemon: Daemon, path: str) -> None:
    answer = daemon.call("GET", path)
    assert (answer.status, answer.body["success"]) == (400, False)


def test_a_server_whose_parent_ended_is_found_in_the_child(daemon: Daemon, tmp_path: Path) -> None:
    script = (
        "import os, socket, sys\n"
        "server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()\n"
        "print(server.getsockname()[1], flush=True)\n"
        "sys.stdin.readline()\n"
        "pid = os.fork()\n"
        "if pid: print(pid, flush=True); os._exit(0)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert get(daemon, f"/observe/{port}")["observation"]["pid"] == parent.pid
        parent.stdin.write("\n")
        parent.stdin.flush()
        child = int(parent.stdout.readline())
        parent.wait()
        assert get(daemon, f"/observe/{port}")["observation"]["pid"] == child
        os.kill(child, 9)


# --- cleanup -------------------------------------------------------------------------------------


def test_a_cleanup_without_force_ends_what_has_lapsed_alone(fresh: Daemon) -> None:
    fresh.allocate("build", pid=os.getpid())
    fresh.allocate("ai")
    for body in ({}, {"force": False}, None):
        answer = fresh.call("POST", "/cleanup", body)
        assert answer.status == 200
        assert answer.body.keys() == {"success", "cleaned", "released", "message"}
        assert (answer.body["success"], answer.body["cleaned"]) == (True, 0)
    assert len(fresh.leases()) == 2
    answer = fresh.call("POST", "/cleanup", {"force": True})
    assert (answer.body["cleaned"], len(answer.body["released"])) == (2, 2)
    assert {each["service_type"] for each in answer.body["released"]} == {"ai", "build"}
    assert fresh.leases() == []
    assert fresh.call("GET", "/status").body["allocations"] == 0
    assert "existing" not in fresh.allocate("ai")


@pytest.mark.parametrize("body", [{"force": "yes"}, {"force": 1}, {"all": True}, []])
def test_a_cleanup_that_makes_no_sense_is_400(daemon: Daemon, body: object) -> None:
    assert daemon.call("POST", "/cleanup", body).status == 400
