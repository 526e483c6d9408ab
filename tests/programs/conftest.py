"""What the tests of real programs share, and the line that tells how many programs ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from tests.programs.catalogue import Program
from tests.programs.house import House, Repo


@dataclass(slots=True)
class Roll:
    """Note which programs ran and which could not."""

    ran: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)

    def call(self, program: Program) -> None:
        """Skip the test, by the program's name, where the program cannot be had."""
        reason = program.missing()
        if reason:
            self.skip(program.name, reason)
        self.note(program.name)

    def note(self, name: str) -> None:
        """Note a program that runs."""
        self.ran.add(name)

    def skip(self, name: str, reason: str) -> NoReturn:
        """Note a program that cannot be had, and end the test."""
        self.skipped[name] = reason
        pytest.skip(f"{name}: {reason}")


ROLL = pytest.StashKey[Roll]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty roll."""
    config.stash[ROLL] = Roll()


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
