"""What the tests of the service have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.service.managed import managed_in
from tests.commands import CommandLine


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line of a user with a service manager."""
    with managed_in(tmp_path) as command_line:
        yield command_line
