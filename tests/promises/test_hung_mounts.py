"""Promise: a mount whose server is dead concerns those who use it, and nobody else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon import Daemon, question, wait_until
from tests.fakes import clean_environment, free_port
from tests.hanging_mount import HangingMount
from tests.promises.load import make_home

LISTEN_WHEN_TOLD = """
import socket, sys
print("here", flush=True)
sys.stdin.readline()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[HangingMount]:
    with HangingMount(tmp_path / "mount") as mounted:
        yield mounted


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(make_home(tmp_path / "home")) as running:
        yield running


@contextmanager
def server_in(directory: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A program in a directory, which listens on a port once it is sent a line."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", LISTEN_WHEN_TOLD, str(port)],
        cwd=directory,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "here\n"
            yield program
        finally:
            program.kill()


def tell_to_listen(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "listening\n"


def project_on(daemon: Daemon, port: int) -> object:
    return daemon.call("GET", f"/check/{port}").body["system_usage"]["project"]


def test_a_server_on_a_dead_mount_holds_nobody_up(daemon: Daemon, mount: HangingMount) -> None:
    port = free_port()
    with server_in(mount.path / "shop" / "web", port) as program:
        mount.hang()
        tell_to_listen(program)
        assert project_on(daemon, port) == str(mount.path / "shop" / "web")  # by its name alone
        mount.wait_for_look()
        assert daemon.call("GET", "/status").status == 200
        assert daemon.ask(question(free_port(), project="/elsewhere")).startswith(b"styxy/1 ")
        part = daemon.call("GET", "/health").body["parts"]["projects"]
        assert (part["state"], str(mount.path) in part["message"]) == ("warning", True)
        mount.recover()
        wait_until(lambda: project_on(daemon, port) == str(mount.path / "shop"))
        part = daemon.call("GET", "/health").body["parts"]["projects"]
        assert part["state"] == "ok"


def test_a_guest_on_a_dead_mount_gets_its_answer(daemon: Daemon, mount: HangingMount) -> None:
    mount.hang()
    for name in ("shop", "shop/web", "blog"):
        answer = daemon.ask(question(free_port(), project=f"{mount.path}/{name}"))
        assert answer.split()[1] in (b"keep", b"move"), answer
    assert mount.held == 1


def test_a_daemon_that_looks_at_a_dead_mount_can_stop_and_start(
    daemon: Daemon, mount: HangingMount
) -> None:
    mount.hang()
    lease = daemon.allocate("load", project_path=str(mount.path / "shop"), ttl=60)
    mount.wait_for_look()
    assert daemon.stop() == 0
    daemon.start()
    assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]
