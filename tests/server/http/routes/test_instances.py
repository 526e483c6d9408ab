"""Instances over HTTP: registered, heard, listed, gone, with real processes that die."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Answer, Daemon, wait_until


def register(daemon: Daemon, instance_id: str, **more: object) -> Answer:
    answer = daemon.call("POST", "/instance/register", {"instance_id": instance_id, **more})
    assert answer.status == 200, answer
    return answer


def listed(daemon: Daemon) -> dict[str, dict[str, Any]]:
    found = daemon.call("GET", "/instance/list").body["instances"]
    return {each["instance_id"]: each for each in found}


def leave(daemon: Daemon, instance_id: str, query: str = "") -> Any:
    answer = daemon.call("DELETE", f"/instance/{instance_id}{query}")
    assert answer.status == 200, answer
    return answer.body


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that does nothing until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def clean(daemon: Daemon) -> Iterator[None]:
    """Leave the shared daemon as it was."""
    yield
    for name in listed(daemon):
        leave(daemon, name)
    daemon.call("POST", "/cleanup", {"force": True})
    assert daemon.leases() == []


def test_registering_an_instance_does_not_kill_the_daemon(daemon: Daemon, tmp_path: Path) -> None:
    answer = register(
        daemon, "agent-1", working_directory=str(tmp_path), metadata={"model": ["x", 1, None]}
    )
    assert answer.body == {
        "success": True,
        "instance_id": "agent-1",
        "message": "Instance agent-1 registered",
    }
    lease = daemon.allocate("build", instance_id="agent-1")
    (known,) = listed(daemon).values()
    assert known["working_directory"] == str(tmp_path)
    assert known["project_path"] == str(tmp_path)
    assert known["metadata"] == {"model": ["x", 1, None]}
    assert [each["lock_id"] for each in known["leases"]] == [lease["lock_id"]]
    assert 0 <= known["age"] < 60
    assert daemon.call("GET", "/status").body["instances"] == 1


def test_a_heartbeat_is_answered_and_kept(daemon: Daemon) -> None:
    register(daemon, "agent-1")
    before = listed(daemon)["agent-1"]
    answer = daemon.call("PUT", "/instance/agent-1/heartbeat")
    assert answer.status == 200
    assert answer.body.keys() == {"success", "instance_id", "last_heartbeat"}
    after = listed(daemon)["agent-1"]
    assert after["last_heartbeat"] == answer.body["last_heartbeat"] >= before["last_heartbeat"]
    assert after["registered_at"] == before["registered_at"]


def test_registering_again_keeps_the_leases(daemon: Daemon) -> None:
    register(daemon, "agent-1", template="dev")
    lease = daemon.allocate("build", instance_id="agent-1")
    again = register(daemon, "agent-1", metadata={"turn": 2})
    assert again.body["message"] == "Instance agent-1 refreshed"
    known = listed(daemon)["agent-1"]
    assert (known["template"], known["metadata"]) == ("dev", {"turn": 2})
    assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]


def test_leaving_releases_what_it_holds(daemon: Daemon) -> None:
    register(daemon, "agent-1", pid=os.getpid())
    mine = [
        daemon.allocate("build", instance_id="agent-1")["port"],
        daemon.allocate("build", instance_id="agent-1", pid=os.getpid())["port"],
    ]
    other = daemon.allocate("build", instance_id="agent-2")
    body = leave(daemon, "agent-1")
    assert (body["success"], body["instance_id"]) == (True, "agent-1")
    assert sorted(each["port"] for each in body["released"]) == sorted(mine)
    assert [each["lock_id"] for each in daemon.leases()] == [other["lock_id"]]
    assert listed(daemon) == {}


def test_leaving_keeps_the_leases_where_that_is_asked_for(daemon: Daemon) -> None:
    register(daemon, "agent-1")
    lease = daemon.allocate("build", instance_id="agent-1")
    assert "expires_at" not in lease
    assert leave(daemon, "agent-1", "?keep_leases=true")["released"] == []
    (kept,) = daemon.leases()
    assert kept["lock_id"] == lease["lock_id"]
    assert kept["expires_at"] is not None


def test_a_server_that_runs_keeps_its_port_when_its_session_ends(daemon: Daemon) -> None:
    register(daemon, "agent-1")
    lease = daemon.allocate("build", instance_id="agent-1")
    unused = daemon.allocate("build", instance_id="agent-1")
    with socket.socket() as server:
        server.bind(("127.0.0.1", lease["port"]))
        server.listen()
        released = leave(daemon, "agent-1")["released"]
        assert [each["port"] for each in released] == [unused["port"]]
        (kept,) = daemon.leases()
        assert (kept["lock_id"], kept["pid"]) == (lease["lock_id"], os.getpid())
        assert daemon.call("POST", "/cleanup", {"force": True}).body["cleaned"] == 0


def test_an_instance_ends_with_its_process_and_so_do_its_leases(daemon: Daemon) -> None:
    with sleeper() as agent, sleeper() as program:
        register(daemon, "agent-1", pid=agent.pid)
        daemon.allocate("build", instance_id="agent-1")
        of_a_program = daemon.allocate("build", instance_id="agent-1", pid=program.pid)
        agent.kill()
        assert wait_until(lambda: not listed(daemon)) < 1.0
        assert [each["lock_id"] for each in daemon.leases()] == [of_a_program["lock_id"]]


def test_an_instance_that_died_while_the_daemon_was_down_is_gone(fresh: Daemon) -> None:
    with sleeper() as agent, sleeper() as survivor:
        register(fresh, "dead", pid=agent.pid)
        register(fresh, "alive", pid=survivor.pid)
        register(fresh, "silent")
        for name in ("dead", "alive", "silent"):
            fresh.allocate("build", instance_id=name)
        fresh.kill()
        agent.kill()
        agent.wait()
        fresh.start()
        assert listed(fresh).keys() == {"alive", "silent"}
        assert {each["instance_id"] for each in fresh.leases()} == {"alive", "silent"}
        survivor.kill()
        assert wait_until(lambda: "alive" not in listed(fresh)) < 1.0


def test_an_instance_that_fell_silent_loses_its_unbound_leases_and_no_other(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    health = {"check_interval": 0.2, "heartbeat_timeout": 0.5, "max_failures": 2}
    config = {"recovery": {"health_monitoring": health}}
    (home / "config.json").write_text(json.dumps(config))
    with Daemon(home) as daemon, socket.socket() as server:
        register(daemon, "agent-1")
        bound = daemon.allocate("build", instance_id="agent-1")
        daemon.allocate("build", instance_id="agent-1")
        server.bind(("127.0.0.1", bound["port"]))
        server.listen()
        wait_until(lambda: "agent-1" not in listed(daemon))
        (kept,) = daemon.leases()
        assert (kept["port"], kept["pid"]) == (bound["port"], os.getpid())
        heartbeat = daemon.call("PUT", "/instance/agent-1/heartbeat")
        assert (heartbeat.status, heartbeat.body["code"]) == (404, "unknown_instance")


def test_a_program_registers_itself_in_a_few_words(daemon: Daemon) -> None:
    body = {"pid": os.getpid(), "port": 3000, "service_type": "dev"}
    answer = daemon.call("POST", "/register-instance", body)
    name = f"ldpreload-{os.getpid()}"
    assert answer.status == 200
    assert answer.body == {
        "success": True,
        "instance_id": name,
        "message": f"Instance {name} registered",
    }
    known = listed(daemon)[name]
    assert {field: known[field] for field in body} == body
    assert known["leases"] == []
    assert daemon.leases() == []


def test_a_program_may_name_itself_and_its_project(daemon: Daemon, tmp_path: Path) -> None:
    body = {"instance_id": "web", "project_path": str(tmp_path)}
    assert daemon.call("POST", "/register-instance", body).status == 200
    assert listed(daemon)["web"]["project_path"] == str(tmp_path)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/instance/ghost/heartbeat"), ("DELETE", "/instance/ghost")],
)
def test_who_never_registered_is_404(daemon: Daemon, method: str, path: str) -> None:
    answer = daemon.call(method, path)
    assert (answer.status, answer.body["code"]) == (404, "unknown_instance")
    assert "ghost" in answer.body["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/instance/register", {}),
        ("/instance/register", {"instance_id": "a b"}),
        ("/instance/register", {"instance_id": "a/b"}),
        ("/instance/register", {"instance_id": ""}),
        ("/instance/register", {"instance_id": "x" * 101}),
        ("/instance/register", {"instance_id": "default"}),
        ("/instance/register", {"instance_id": "a", "working_directory": "here"}),
        ("/instance/register", {"instance_id": "a", "template": "production"}),
        ("/instance/register", {"instance_id": "a", "template": 1}),
        ("/instance/register", {"instance_id": "a", "pid": 0}),
        ("/instance/register", {"instance_id": "a", "pid": 4194303}),
        ("/instance/register", {"instance_id": "a", "metadata": "text"}),
        ("/instance/register", {"instance_id": "a", "color": "red"}),
        ("/register-instance", {}),
        ("/register-instance", {"pid": 4194303}),
        ("/register-instance", {"instance_id": "a", "port": 0}),
        ("/register-instance", {"instance_id": "a", "service_type": ""}),
        ("/register-instance", {"instance_id": "a", "project_path": "here"}),
    ],
)
def test_a_registration_that_makes_no_sense_is_400(
    daemon: Daemon, path: str, body: dict[str, object]
) -> None:
    answer = daemon.call("POST", path, body)
    assert (answer.status, answer.body["success"]) == (400, False)
    assert listed(daemon) == {}


def test_a_flag_that_is_none_is_400(daemon: Daemon) -> None:
    register(daemon, "agent-1")
    assert daemon.call("DELETE", "/instance/agent-1?keep_leases=maybe").status == 400
    assert daemon.call("DELETE", "/instance/agent-1?keep=true").status == 400
    assert listed(daemon).keys() == {"agent-1"}


def test_an_instance_with_a_template_gets_the_offset_port_first(fresh: Daemon) -> None:
    register(fresh, "agent-1", template="staging")
    asked = {"instance_id": "agent-1", "dry_run": True}
    for port in (4002, 8000, 4050):
        if not fresh.call("GET", f"/check/{port}").body["available"]:
            pytest.skip(f"{port} is in use on this machine")
    assert fresh.allocate("ui", **asked)["port"] == 4002
    assert fresh.allocate("api", **asked)["port"] == 8000
    assert fresh.allocate("ui", preferred_port=4050, **asked)["port"] == 4050


def test_a_lease_takes_its_project_from_the_instance(daemon: Daemon, tmp_path: Path) -> None:
    register(daemon, "agent-1", working_directory=str(tmp_path))
    assert daemon.allocate("build", instance_id="agent-1")["project_path"] == str(tmp_path)


def test_the_project_path_is_another_spelling_of_the_directory(daemon: Daemon) -> None:
    body = {"instance_id": "old-client", "project_path": "/srv/shop"}
    assert daemon.call("POST", "/instance/register", body).status == 200
    listed = daemon.call("GET", "/instance/list").body["instances"]
    (one,) = [each for each in listed if each["instance_id"] == "old-client"]
    assert (one["working_directory"], one["project_path"]) == ("/srv/shop", "/srv/shop")
    daemon.call("DELETE", "/instance/old-client")
