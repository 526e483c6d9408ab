"""Starting a daemon, without one: the environment it gets, the lock, a start that fails."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from styxy.client.daemon.starting import StartLock, server_environment, start_once
from styxy.core.errors import DaemonUnreachable
from tests.fakes import clean_environment


def connection_of(home: Path) -> Connection:
    env = clean_environment(STYXY_HOME=str(home))
    return Connection(Paths(env))


def script(path: Path, text: str) -> list[str]:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def start(home: Path, text: str, *, patience: float = 5.0) -> None:
    start_once(
        connection_of(home),
        clean_environment(),
        patience=patience,
        arguments=script(home / "server", text),
    )


def test_the_daemon_runs_without_interception() -> None:
    env = server_environment({"LD_PRELOAD": "/x/libstyxy.so", "A": "b"})
    assert env == {"A": "b", "STYXY_DISABLE_REASSIGN": "1"}


def test_relative_places_are_meant_from_where_the_command_was_typed() -> None:
    env = server_environment({"STYXY_HOME": "here", "STYXY_SOCKET": "s"})
    assert env["STYXY_HOME"] == os.path.abspath("here")
    assert env["STYXY_SOCKET"] == os.path.abspath("s")
    assert "STYXY_HOME" not in server_environment({"STYXY_SOCKET": ""})


def test_relative_module_paths_survive_the_change_of_directory() -> None:
    env = server_environment({"PYTHONPATH": f"src{os.pathsep}/abs"})
    assert env["PYTHONPATH"] == f"{os.path.abspath('src')}{os.pathsep}/abs"


def test_a_daemon_that_refuses_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match=r"^port 9 is taken by pid 4$"):
        start(tmp_path, "echo error 1 port 9 is taken by pid 4 >/dev/fd/$2")


def test_a_daemon_that_dies_early_is_said_to_have_done_so(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match=r"exited before it was ready.*daemon\.log"):
        start(tmp_path, "exit 0")
    assert (tmp_path / "logs" / "daemon.log").stat().st_mode & 0o777 == 0o600


def test_an_interpreter_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable, match="cannot start /nowhere/python: No such file"):
        start_once(
            connection_of(tmp_path),
            clean_environment(),
            patience=5,
            arguments=["/nowhere/python"],
        )


def test_a_slow_start_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(DaemonUnreachable, match="slow to start"):
        start(tmp_path, "exec sleep 2", patience=0.2)
    assert time.monotonic() - began < 2


def test_a_failed_start_is_shared_with_those_who_waited(tmp_path: Path) -> None:
    before = time.monotonic()
    lock = StartLock(str(tmp_path / "start.lock"))
    lock.note_failure(DaemonUnreachable("the disk is full"))
    with pytest.raises(DaemonUnreachable, match="the disk is full"):
        lock.raise_failure_since(before)
    lock.raise_failure_since(time.monotonic())  # a later command tries again
    lock.close()


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let every write to a file fail, as on a full disk, but with EFBIG (setrlimit(2))."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_failed_start_that_cannot_be_noted_is_no_second_failure(
    tmp_path: Path, full_disk: None
) -> None:
    lock = StartLock(str(tmp_path / "start.lock"))
    lock.note_failure(DaemonUnreachable("the disk is full"))
    lock.close()
    assert (tmp_path / "start.lock").read_text() == ""


@pytest.mark.parametrize("note", [b"", b"garbage", b"1e999 later", b"\x00", b"\xff 1"])
def test_a_damaged_note_is_no_failure(tmp_path: Path, note: bytes) -> None:
    (tmp_path / "start.lock").write_bytes(note)
    lock = StartLock(str(tmp_path / "start.lock"))
    lock.raise_failure_since(0.0)
    lock.close()


def test_the_start_lock_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    first, second = (StartLock(str(tmp_path / "start.lock")) for _ in range(2))
    first.acquire(time.monotonic())
    with pytest.raises(DaemonUnreachable, match="still starting"):
        second.acquire(time.monotonic())
    first.close()
    second.acquire(time.monotonic())
    second.close()


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DaemonUnreachable, match="set STYXY_HOME"):
        start_once(connection_of(tmp_path / "file" / "home"), clean_environment(), patience=1)


def test_a_link_planted_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "daemon.log").symlink_to(tmp_path / "victim")
    with pytest.raises(DaemonUnreachable, match="cannot start a daemon"):
        start(tmp_path, "exit 0")
    assert not (tmp_path / "victim").exists()
