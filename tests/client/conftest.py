"""What the tests of the client share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.daemon import Daemon


@pytest.fixture
def styxy(tmp_path: Path) -> Iterator[CommandLine]:
    """Give a command line in a home of its own; its daemon does not outlive the test."""
    command_line = CommandLine(tmp_path / "home")
    yield command_line
    command_line.kill_daemon()


@pytest.fixture
def running(styxy: CommandLine) -> CommandLine:
    """A command line with a daemon."""
    assert styxy.run("daemon", "start", "-d").returncode == 0
    return styxy


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """One command line with a daemon for all tests of a module that leave it as they found it."""
    command_line = CommandLine(tmp_path_factory.mktemp("shared") / "home")
    assert command_line.run("daemon", "start", "-d").returncode == 0
    yield command_line
    command_line.kill_daemon()


@pytest.fixture
def attached(shared: CommandLine) -> Iterator[CommandLine]:
    """A command line of the shared daemon; what a test has leased is released after it."""
    yield CommandLine(shared.home, port=shared.port)
    daemon = Daemon(shared.home, port=shared.port)
    for lease in daemon.leases():
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")


@pytest.fixture
def stopped(styxy: CommandLine) -> CommandLine:
    """A command line whose daemon has run and has stopped."""
    assert styxy.run("allocate", "-s", "dev").returncode == 0
    assert styxy.run("daemon", "stop").returncode == 0
    return styxy


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project."""
    place = tmp_path / "shop"
    place.mkdir()
    (place / "package.json").write_text("{}")
    return place


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another project."""
    place = tmp_path / "blog"
    place.mkdir()
    (place / "package.json").write_text("{}")
    return place
