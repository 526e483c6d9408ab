"""Daemons for the tests of this room, and a listener for them to find."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for all tests of a module that leave it as they found it."""
    with Daemon(tmp_path_factory.mktemp("shared") / "home") as running:
        yield running


@pytest.fixture
def daemon(shared: Daemon) -> Iterator[Daemon]:
    """The shared daemon; what a test has leased is released after it."""
    yield shared
    for lease in shared.leases():
        shared.call("DELETE", f"/allocate/{lease['lock_id']}")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon of the test's own, to be stopped, killed and started again."""
    with Daemon(tmp_path / "home") as running:
        yield running


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A listener of this process."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server
