"""Sessions of agents: registered, introduced, ended. Also tests `exports` and `loading`."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.agent import Agent, worktree
from tests.daemon import Daemon
from tests.fakes import free_port


def instance(daemon: Daemon, agent: Agent) -> dict[str, Any] | None:
    found = daemon.call("GET", "/instance/list").body["instances"]
    name = f"{agent.agent}-{agent.session}"
    return next((each for each in found if each["instance_id"] == name), None)


def test_a_session_is_registered_with_its_agent(daemon: Daemon, shop: Agent) -> None:
    said = shop.says("SessionStart")
    assert len(said.splitlines()) <= 6
    assert "styxy run -- COMMAND" in said
    registered = instance(daemon, shop)
    assert registered is not None
    assert registered["pid"] == shop.process.pid
    assert registered["project_path"] == str(shop.project)
    assert registered["metadata"] == {
        "agent": "claude",
        "session_id": shop.session,
        "branch": "main",
    }


def test_a_session_of_halves_of_surrogates_does_no_harm(daemon: Daemon, shop: Agent) -> None:
    shop.hook("SessionStart", {"session_id": "a\ud800", "cwd": "/tmp/\ud800"})
    shop.hook("SessionStart", {"session_id": "b", "cwd": "/tmp/\udcff"})
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()
    assert daemon.call("GET", "/status").body.get("warnings", []) == []
    found = daemon.call("GET", "/instance/list").body["instances"]
    assert {each["instance_id"] for each in found} == {"claude-a_", "claude-b"}


def test_a_session_hears_what_its_project_has_and_who_has_the_usual_ports(
    daemon: Daemon, shop: Agent
) -> None:
    port = free_port()
    shop.start_server(port)
    lease = daemon.allocate(project_path=str(shop.project), service_name="web")
    said = shop.says("SessionStart")
    assert f"http://localhost:{port}" in said
    assert f"port {lease['port']} reserved" in said


def test_a_session_hears_of_servers_that_an_ended_one_left(daemon: Daemon, shop: Agent) -> None:
    port = free_port()
    shop.says("SessionStart")
    shop.start_server(port, CLAUDE_CODE_SESSION_ID=shop.session)
    shop.says("SessionEnd")
    with Agent(daemon, shop.project, session="next") as later:
        said = later.says("SessionStart")
    assert f"on port {port}" in said
    assert said.endswith("styxy prune")


def test_a_session_that_ends_gives_back_what_it_never_used(daemon: Daemon, shop: Agent) -> None:
    shop.says("SessionStart")
    lease = daemon.allocate(instance_id=f"claude-{shop.session}")
    assert shop.says("SessionEnd") == ""
    assert instance(daemon, shop) is None
    assert lease["port"] not in [each["port"] for each in daemon.leases()]


def test_a_session_ends_with_its_agent(daemon: Daemon, tmp_path: Path) -> None:
    with Agent(daemon, worktree(tmp_path / "shop")) as agent:
        agent.says("SessionStart")
        assert instance(daemon, agent) is not None
    while instance(daemon, agent) is not None:
        pass  # each look is a request, and the kernel reports the death


def test_interception_is_turned_on_where_the_agent_reads_variables(
    shop: Agent, tmp_path: Path
) -> None:
    file = tmp_path / "session-env"
    for _ in range(2):  # a session that is compacted starts again
        said = shop.hook(
            "SessionStart",
            {"session_id": shop.session, "cwd": str(shop.project)},
            CLAUDE_ENV_FILE=str(file),
        )
        assert "as usual" in json.dumps(said)
    lines = file.read_text().splitlines()
    assert [line.partition("=")[0] for line in lines if "LD_PRELOAD" in line] == [
        "export LD_PRELOAD"
    ]
    assert f"export STYXY_INSTANCE_ID=claude-{shop.session}" in lines
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["directory", "link", "fifo", "missing"])
def test_a_variables_file_that_is_none_is_left_alone(
    shop: Agent, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "session-env"
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "precious").write_text("precious")
        path.symlink_to(tmp_path / "precious")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = tmp_path / "no" / "such" / "directory"
    said = shop.hook(
        "SessionStart",
        {"session_id": shop.session, "cwd": str(shop.project)},
        CLAUDE_ENV_FILE=str(path),
    )
    assert "styxy run -- COMMAND" in json.dumps(said)
    if kind == "link":
        assert (tmp_path / "precious").read_text() == "precious"


def test_an_agent_that_runs_under_interception_passes_it_on(shop: Agent) -> None:
    payload = {"session_id": shop.session, "cwd": str(shop.project)}
    under = shop.hook("SessionStart", payload, LD_PRELOAD="/nonexistent/lib/libstyxy.so")
    assert "as usual" in json.dumps(under)
    assert "styxy run -- COMMAND" in json.dumps(shop.hook("SessionStart", payload))
