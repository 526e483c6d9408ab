"""Two agents, each in a project of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import Agent, worktree
from tests.daemon import Daemon


@pytest.fixture
def shop(daemon: Daemon, tmp_path: Path) -> Iterator[Agent]:
    """An agent in the project `shop`, whose session has not started."""
    with Agent(daemon, worktree(tmp_path / "shop"), session="shop") as agent:
        yield agent


@pytest.fixture
def blog(daemon: Daemon, tmp_path: Path) -> Iterator[Agent]:
    """An agent in another project."""
    with Agent(daemon, worktree(tmp_path / "blog"), session="blog") as agent:
        agent.says("SessionStart")
        yield agent
