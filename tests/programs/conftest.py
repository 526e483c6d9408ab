"""What the tests of real programs share, and the line that tells how many programs ran."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs.catalogue import PROGRAMS
from tests.programs.clients import CLIENTS
from tests.programs.compatibility import PAGE, page, this_run
from tests.programs.house import House, Repo
from tests.programs.roll import Roll

IS_COMPAT = os.environ.get("STYXY_COMPAT") == "1"

ROLL = pytest.StashKey[Roll]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty roll."""
    config.stash[ROLL] = Roll()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow programs to `make compat`."""
    if IS_COMPAT:
        return
    left_out = [item for item in items if item.get_closest_marker("compat")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table of the programs."""
    if IS_COMPAT:
        old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        roll = session.config.stash[ROLL]
        new = page(old, servers=PROGRAMS, clients=CLIENTS, roll=roll, run=this_run())
        PAGE.write_text(new, encoding="utf-8")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many programs ran, and name each that did not."""
    roll = config.stash[ROLL]
    if not roll.ran and not roll.skipped:
        return
    total = len(roll.ran | roll.skipped.keys())
    terminalreporter.write_sep("=", f"{len(roll.ran)} of {total} real programs ran")
    terminalreporter.write_line(", ".join(sorted(roll.ran)))
    for name, reason in sorted(roll.skipped.items()):
        terminalreporter.write_line(f"not run: {name}: {reason}")


@pytest.fixture
def roll(request: pytest.FixtureRequest) -> Roll:
    """Give the list of programs, to sign in."""
    return request.config.stash[ROLL]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give a Styxy whose daemon runs for all tests of the session."""
    home = House(tmp_path_factory.mktemp("house") / "home")
    home.start()
    yield home
    home.kill()


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Give a repo to take worktrees from."""
    return Repo(tmp_path_factory.mktemp("repo"))


@pytest.fixture
def ours(repo: Repo) -> Path:
    """Give the project that runs its server under Styxy."""
    return repo.worktree("ours")


@pytest.fixture
def theirs(repo: Repo) -> Path:
    """Give the project that has the port already."""
    return repo.worktree("theirs")
