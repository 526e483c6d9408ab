"""Whose the listener on a leased port is: only a lease's own binds it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, wait_until
from tests.fakes import clean_environment

SERVER = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if len(sys.argv) > 2:
    os.chdir(sys.argv[2])
print("up", flush=True)
sys.stdin.read()
"""


@contextmanager
def server_on(port: object, cwd: Path, *words: str, **env: str) -> Iterator[int]:
    """Run a server in a directory; give its pid."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", SERVER, str(port), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=clean_environment(**env),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process.pid
        process.kill()


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    (tmp_path / "ours").mkdir()
    return tmp_path / "ours"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs"


def web(daemon: Daemon, project: Path, **more: object) -> dict[str, Any]:
    return daemon.allocate(
        "build", service_name="web", project_path=str(project), reuse=True, **more
    )


def after_a_look(daemon: Daemon) -> dict[str, Any]:
    """Return the one lease, once the daemon has compared the leases with the listeners."""
    daemon.call("POST", "/cleanup", {})
    (lease,) = daemon.leases()
    return lease


def test_a_strangers_server_neither_keeps_a_lease_nor_shortens_it(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    granted = web(daemon, ours)
    with server_on(granted["port"], theirs):
        lease = after_a_look(daemon)
        assert (lease["state"], lease["expires_at"]) == ("reserved", granted["expires_at"])
    wait_until(lambda: daemon.call("GET", f"/observe/{granted['port']}").body["bound"] is False)
    assert after_a_look(daemon)["expires_at"] == granted["expires_at"]


def test_the_projects_own_server_binds_its_lease(daemon: Daemon, ours: Path) -> None:
    port = web(daemon, ours)["port"]
    with server_on(port, ours):
        assert after_a_look(daemon)["state"] == "bound"


def test_a_port_that_a_stranger_took_over_is_no_longer_bound(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    port = web(daemon, ours)["port"]
    with server_on(port, ours):
        assert after_a_look(daemon)["state"] == "bound"
    with server_on(port, theirs):
        assert after_a_look(daemon)["state"] == "reserved"


def test_a_server_that_went_elsewhere_is_its_projects(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    port = web(daemon, ours)["port"]
    with server_on(port, ours, str(theirs), PWD=str(ours)):
        assert after_a_look(daemon)["state"] == "bound"


def test_a_daemon_of_the_system_may_be_anybodys(daemon: Daemon, ours: Path) -> None:
    port = web(daemon, ours)["port"]
    with server_on(port, Path("/")):
        assert after_a_look(daemon)["state"] == "bound"


def test_what_the_holder_started_is_its_own_wherever_it_runs(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    port = web(daemon, ours, pid=os.getpid())["port"]
    with server_on(port, theirs):
        assert after_a_look(daemon)["state"] == "bound"


def test_of_two_instances_without_a_project_each_binds_its_own(
    daemon: Daemon, theirs: Path
) -> None:
    port = daemon.allocate("build", instance_id="agent-1")["port"]
    with server_on(port, theirs, STYXY_INSTANCE_ID="agent-2"):
        assert after_a_look(daemon)["state"] == "reserved"
    with server_on(port, theirs, STYXY_INSTANCE_ID="agent-1"):
        assert after_a_look(daemon)["state"] == "bound"


def test_the_lease_of_a_dead_holder_does_not_pass_to_a_stranger(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as holder:
        port = web(daemon, ours, pid=holder.pid)["port"]
        with server_on(port, theirs):
            holder.kill()
            wait_until(lambda: not daemon.leases())


def test_the_lease_of_a_gone_instance_does_not_pass_to_a_stranger(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    body = {"instance_id": "agent", "working_directory": str(ours)}
    assert daemon.call("POST", "/instance/register", body).status == 200
    for where, left in ((theirs, 0), (ours, 1)):
        port = daemon.allocate("build", instance_id="agent", project_path=str(ours))["port"]
        with server_on(port, where):
            assert daemon.call("DELETE", "/instance/agent").status == 200
            assert len(daemon.leases()) == left
        daemon.call("POST", "/instance/register", body)
    daemon.call("DELETE", "/instance/agent")


def test_a_named_lease_that_a_stranger_uses_is_not_handed_out_silently(
    daemon: Daemon, ours: Path, theirs: Path
) -> None:
    port = web(daemon, ours)["port"]
    assert "warning" not in web(daemon, ours)
    with server_on(port, theirs) as pid:
        again = web(daemon, ours)
        assert (again["port"], again["existing"]) == (port, True)
        assert (
            f"(pid {pid}) of {theirs} is listening there; see: styxy who {port}"
            in (again["warning"])
        )
        assert again["message"].endswith(again["warning"])
    with server_on(port, ours):
        assert "warning" not in web(daemon, ours)
