"""What stands in the place of Styxy's files keeps no program from running, and is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import CommandLine

pytestmark = pytest.mark.slow

FILES = [
    "daemon.json",
    "logs/daemon.log",
    "libstyxy.so.proof",
    "libstyxy.so",
    "start.lock",
    "reassignments.log",
    "run/ports.map",
    "styxy.db",
    "styxy.db.lock",
    "auth.token",
    "config.json",
]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A home that was in use, with the library proved; no daemon runs."""
    styxy = CommandLine(tmp_path_factory.mktemp("used") / "home")
    assert styxy.run("run", "--", "true").returncode == 0
    styxy.run("daemon", "stop")
    yield styxy
    styxy.kill_daemon()


@contextmanager
def fifo_at(path: Path) -> Iterator[None]:
    """Put a FIFO in the place of a file, and put the file back."""
    kept = path.with_name("kept")
    if path.exists():
        path.rename(kept)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(path)


def place_of(styxy: CommandLine, name: str) -> Path:
    if name.startswith("libstyxy"):
        (library,) = styxy.home.glob("lib/*/libstyxy.so")
        return library.with_name(name)
    return styxy.home / name


@pytest.mark.parametrize("name", FILES)
def test_a_fifo_in_the_place_of_a_file_holds_nobody_up(used: CommandLine, name: str) -> None:
    with fifo_at(place_of(used, name)):
        done = used.run("run", "--", "echo", "it ran")
        started = used.run("daemon", "start", "-d")
        used.run("daemon", "stop")
        said = done.stderr + started.stdout + started.stderr
    assert (done.returncode, done.stdout) == (0, "it ran\n")
    assert "internal error" not in said
    assert started.returncode == 0 or f"{name}: it is not a regular file; move it away" in said
    assert "Traceback" not in (used.home / "logs" / "daemon.log").read_text()


def test_a_log_that_is_no_file_is_named_in_one_sentence(styxy: CommandLine) -> None:
    log = styxy.home / "logs" / "daemon.log"
    log.parent.mkdir(parents=True)
    os.mkfifo(log)
    done = styxy.run("daemon", "logs")
    assert (done.returncode, done.stderr) == (
        1,
        f"styxy: cannot read {log}: it is not a regular file; move it away\n",
    )
