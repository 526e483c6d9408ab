"""What the tests of the client share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import CommandLine


@pytest.fixture
def styxy(tmp_path: Path) -> Iterator[CommandLine]:
    """Give a command line in a home of its own; its daemon does not outlive the test."""
    command_line = CommandLine(tmp_path / "home")
    yield command_line
    command_line.kill_daemon()
