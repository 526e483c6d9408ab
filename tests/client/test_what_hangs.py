"""`styxy run` waits for nothing that can hang before it runs the program: each thing hangs in turn.

FIFOs in the place of files are in `test_strange_files`, working directories and projects on a dead
mount in `test_hung_mounts`.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.client.daemon.starting import StartLock
from tests.commands import CommandLine
from tests.hanging_mount import HangingMount

OURS = ["STYXY_HOME", "STYXY_SOCKET", "XDG_RUNTIME_DIR"]
"""The variables that name a place of our files."""


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[HangingMount]:
    with HangingMount(tmp_path / "mount") as mounted:
        yield mounted


def assert_it_runs(styxy: CommandLine, *options: str) -> str:
    """Run a program, and see that it ran as it would alone; return what was complained of."""
    done = styxy.run("run", *options, "--", "sh", "-c", "echo it ran; exit 3")
    assert (done.returncode, done.stdout) == (3, "it ran\n"), done.stderr
    return done.stderr


@pytest.mark.parametrize("name", OURS)
def test_a_place_of_our_files_on_a_dead_mount(
    styxy: CommandLine, mount: HangingMount, name: str
) -> None:
    place = f"{mount.path}/shop"
    styxy.env[name] = place
    mount.hang()
    assert assert_it_runs(styxy, "-s", "dev") == (
        f"styxy: {place} does not answer (is the server of its mount dead?); "
        "running without Styxy\n"
    )
    assert mount.held == 1


def test_a_daemon_that_is_stopped(running: CommandLine) -> None:
    os.kill(running.daemon_pid() or 0, signal.SIGSTOP)
    assert "running without Styxy" in assert_it_runs(running, "-s", "dev")
    assert assert_it_runs(running) == ""  # without a lease nobody has to answer


def test_a_daemon_that_accepts_nobody(styxy: CommandLine, tmp_path: Path) -> None:
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(path)
        listener.listen(0)
        waiting.connect(path)  # the queue is full, and connect(2) waits
        styxy.env["STYXY_SOCKET"] = path
        assert "running without Styxy" in assert_it_runs(styxy, "-s", "dev")


def test_another_command_that_starts_a_daemon_for_ever(styxy: CommandLine) -> None:
    styxy.home.mkdir(mode=0o700)
    lock = StartLock(str(styxy.home / "start.lock"))
    lock.acquire(0)
    try:
        assert "running without Styxy" in assert_it_runs(styxy, "-s", "dev")
    finally:
        lock.close()
