"""What the tests of real programs share, and which of them are left to `make compat`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.programs.browser import PLAYWRIGHT
from tests.programs.catalogue import COMPARED, PROGRAMS
from tests.programs.clients import CLIENTS
from tests.programs.compatibility import PAGE, page, this_run
from tests.programs.conflicts import KINDS
from tests.programs.installation import Installation, Repo
from tests.programs.program import Program
from tests.programs.program_list import PROGRAM_LIST, ProgramList

IS_COMPAT = os.environ.get("STYXY_COMPAT") == "1"


DOZEN = {
    "http.server", "asyncio on both families", "socketserver", "http.server, environment cleared",
    "uvicorn", "node http", "node cluster", "C, static", "nginx", "redis-server", "socat", "php -S",
}  # fmt: skip
"""The programs that `make test` drives, each in one kind of conflict."""


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave all but a dozen programs to `make test-slow`; to `make compat`, slow ones and all but
    the dozen in further kinds of conflict.
    """
    if IS_COMPAT:
        return
    for item in items:
        if item.path.parent == Path(__file__).parent:
            is_one, is_first = of_the_dozen(item), of_the_first_kind(item)
            if not is_one or not is_first:
                item.add_marker(pytest.mark.slow if is_one or is_first else pytest.mark.compat)
    left_out = [item for item in items if item.get_closest_marker("compat")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def parameters(item: pytest.Item) -> dict[str, object]:
    """Return what a test is tried with."""
    assert isinstance(item, pytest.Function)
    case = getattr(item, "callspec", None)
    return dict(case.params) if case is not None else {}


def of_the_dozen(item: pytest.Item) -> bool:
    """Whether a test is of one of the dozen programs, or of none."""
    subject = parameters(item).get("subject")
    return not isinstance(subject, Program) or subject.name in DOZEN


def of_the_first_kind(item: pytest.Item) -> bool:
    """Whether a test is of the first kind of conflict, or of none."""
    return parameters(item).get("kind", KINDS[0]) == KINDS[0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table of the programs."""
    if IS_COMPAT:
        old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        program_list = session.config.stash[PROGRAM_LIST]
        new = page(
            old,
            servers=PROGRAMS,
            compared=COMPARED,
            clients=CLIENTS,
            program_list=program_list,
            run=this_run(),
        )
        PAGE.write_text(new, encoding="utf-8")


@pytest.fixture
def program_list(request: pytest.FixtureRequest) -> ProgramList:
    """Give the list of programs, to sign in."""
    return request.config.stash[PROGRAM_LIST]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Give a Styxy whose daemon runs for all tests of the session."""
    home = Installation(tmp_path_factory.mktemp("installation") / "home")
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


@pytest.fixture
def playwright(program_list: ProgramList) -> None:
    """Skip the test, by name, where there is no Playwright or no Chromium."""
    program_list.require(PLAYWRIGHT)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Give a daemon for the visits of a module."""
    with Daemon(tmp_path_factory.mktemp("page") / "home") as running:
        yield running
