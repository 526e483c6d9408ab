"""Which project a path or a process belongs to: real directories, a real child."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.adapters.processes import Processes
from styxy.adapters.projects.projects import ProcessFacts, Projects
from styxy.core.errors import InvalidInput
from styxy.core.model.projects import LONGEST_PATH

SAY_AND_WAIT = "print('here', flush=True); input()"


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    """Projects of a user whose home is no worktree."""
    return Projects(processes=Processes(), user_home=str(tmp_path / "home"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A worktree with a directory in it."""
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "shop" / "web").mkdir()
    return tmp_path / "shop"


@pytest.fixture
def server(shop: Path) -> Iterator[int]:
    """The pid of a program that runs in the worktree, and that was told its instance."""
    child = subprocess.Popen(
        [sys.executable, "-c", SAY_AND_WAIT],
        cwd=shop / "web",
        env={"STYXY_INSTANCE_ID": "agent-1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.kill()


def test_a_request_names_its_project_by_path_else_by_process(
    projects: Projects, shop: Path, server: int
) -> None:
    other = str(shop.parent)
    assert projects.resolve(str(shop / "web")) == str(shop)
    assert projects.resolve(None, pid=server) == str(shop)
    assert projects.resolve(other, pid=server) == other
    assert projects.resolve(None) is None


@pytest.mark.parametrize("path", ["/a\0b", "/" + "x" * LONGEST_PATH, "/\ud800"])
def test_a_request_that_names_no_path_is_refused(projects: Projects, path: str) -> None:
    with pytest.raises(InvalidInput):
        projects.resolve(path)


def test_a_process_that_was_told_no_path_is_of_its_directory(
    projects: Projects, shop: Path
) -> None:
    assert projects.below(str(shop / "web"), named="x" * LONGEST_PATH) == str(shop)
    assert projects.below(None, named="x") is None


def test_a_process_tells_its_command_its_project_and_its_instance(
    projects: Projects, shop: Path, server: int
) -> None:
    told = ProcessFacts(Processes(), projects).of(server)
    assert (told["project"], told["instance_id"]) == (str(shop), "agent-1")
    assert told["command"] == shlex.join([sys.executable, "-c", SAY_AND_WAIT])


def test_a_process_that_has_ended_tells_nothing(projects: Projects) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    told = ProcessFacts(Processes(), projects).of(ended.pid)
    assert set(told.values()) == {None}
