"""What a project is, on a real disk with real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from styxy.adapters.projects.git import (
    branch_of,
    is_linked,
    is_unlisted,
    is_worktree,
    project_path,
    repo_of,
)
from styxy.core.model.projects import PROJECT_FILES
from tests.fakes import clean_environment

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
NOWHERE = "/no/home"


def git(directory: Path, *words: str) -> None:
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": os.devnull}
    committer = {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    env = clean_environment(**names, **committer, GIT_CONFIG_NOSYSTEM="1")
    subprocess.run(["git", "-C", str(directory), *words], check=True, env=env, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q")
    (repo / "src" / "deep").mkdir(parents=True)
    git(repo, "commit", "-q", "--allow-empty", "-m", "first")
    return repo


@needs_git
def test_a_repo_is_one_project(repo: Path) -> None:
    for inside in (repo, repo / "src", repo / "src" / "deep"):
        assert project_path(str(inside), NOWHERE) == str(repo)


@needs_git
def test_a_linked_worktree_is_a_project_of_its_own(repo: Path) -> None:
    linked = repo.parent / "linked"
    git(repo, "worktree", "add", "-q", str(linked), "-b", "side")
    (linked / "src").mkdir()
    assert (linked / ".git").is_file()
    assert project_path(str(linked / "src"), NOWHERE) == str(linked)


@needs_git
def test_a_worktree_inside_the_repo_is_a_project_of_its_own(repo: Path) -> None:
    git(repo, "worktree", "add", "-q", str(repo / "trees" / "one"), "-b", "one")
    assert project_path(str(repo / "trees" / "one"), NOWHERE) == str(repo / "trees" / "one")
    assert project_path(str(repo / "trees"), NOWHERE) == str(repo)


@needs_git
def test_a_submodule_is_a_project_of_its_own(repo: Path) -> None:
    module = repo / "vendor" / "module"
    (module / "src").mkdir(parents=True)
    (module / ".git").write_text("gitdir: ../../.git/modules/module\n")
    assert project_path(str(module / "src"), NOWHERE) == str(module)
    assert project_path(str(repo / "vendor"), NOWHERE) == str(repo)


@needs_git
def test_the_home_never_counts_as_a_worktree(repo: Path) -> None:
    inside = repo / "src" / "deep"
    assert project_path(str(inside), str(repo)) == str(inside)
    (repo / "src" / "package.json").write_text("{}")
    assert project_path(str(inside), str(repo)) == str(repo / "src")


@needs_git
def test_a_home_behind_a_link_is_still_the_home(repo: Path) -> None:
    (repo.parent / "home").symlink_to(repo)
    assert project_path(str(repo / "src"), str(repo.parent / "home")) == str(repo / "src")


@needs_git
def test_a_path_through_a_link_is_the_same_project(repo: Path) -> None:
    (repo.parent / "link").symlink_to(repo / "src")
    assert project_path(str(repo.parent / "link" / "deep"), NOWHERE) == str(repo)


@needs_git
def test_a_worktree_outranks_a_project_file_below_it(repo: Path) -> None:
    (repo / "src" / "package.json").write_text("{}")
    assert project_path(str(repo / "src" / "deep"), NOWHERE) == str(repo)


@pytest.mark.parametrize("name", PROJECT_FILES)
def test_a_project_file_makes_a_project(tmp_path: Path, name: str) -> None:
    (tmp_path / "app" / "src").mkdir(parents=True)
    (tmp_path / "app" / name).write_text("")
    assert project_path(str(tmp_path / "app" / "src"), NOWHERE) == str(tmp_path / "app")


def test_a_plain_directory_is_its_own_project(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert project_path(str(plain), NOWHERE) == str(plain)


def test_a_directory_that_is_gone_is_its_own_project(tmp_path: Path) -> None:
    assert project_path(str(tmp_path / "gone"), NOWHERE) == str(tmp_path / "gone")


def test_an_empty_git_directory_is_no_worktree(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert not is_worktree(str(tmp_path))


def test_the_root_is_no_worktree_of_ours() -> None:
    assert project_path("/", NOWHERE) == "/"


def make_repo(directory: Path, *, origin: str | None = None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q")
    git(directory, "commit", "-q", "--allow-empty", "-m", "first")
    if origin is not None:
        git(directory, "remote", "add", "origin", origin)
    return directory


@needs_git
def test_worktrees_of_one_repo_have_one_name(tmp_path: Path) -> None:
    main, linked = make_repo(tmp_path / "main"), tmp_path / "linked"
    git(main, "worktree", "add", "-q", str(linked))
    stranger = make_repo(tmp_path / "stranger")

    assert repo_of(str(main)) == repo_of(str(linked)) != 0
    assert repo_of(str(main)) != repo_of(str(stranger))


@needs_git
def test_clones_of_one_origin_have_one_name(tmp_path: Path) -> None:
    by_ssh = make_repo(tmp_path / "one", origin="git@github.com:org/repo.git")
    by_https = make_repo(tmp_path / "two", origin="https://github.com/org/repo")

    assert repo_of(str(by_ssh)) == repo_of(str(by_https)) != 0


@needs_git
def test_a_relative_remote_is_taken_from_where_the_repo_lies(tmp_path: Path) -> None:
    one, two, other = (
        make_repo(tmp_path / name, origin="../upstream") for name in ("a/one", "a/two", "b/one")
    )

    assert repo_of(str(one)) == repo_of(str(two))
    assert repo_of(str(one)) != repo_of(str(other))


def test_a_directory_without_git_has_no_repo(tmp_path: Path) -> None:
    assert repo_of(str(tmp_path)) == 0


@needs_git
def test_the_branch_of_each_worktree_is_read_from_its_files(repo: Path) -> None:
    linked = repo.parent / "linked"
    git(repo, "checkout", "-q", "-b", "some/branch")
    git(repo, "worktree", "add", "-q", str(linked), "-b", "side")
    assert (branch_of(str(repo)), is_linked(str(repo))) == ("some/branch", False)
    assert (branch_of(str(linked)), is_linked(str(linked))) == ("side", True)
    git(linked, "checkout", "-q", "--detach")
    assert str(branch_of(str(linked))).startswith("commit ")
    assert (branch_of(str(repo.parent)), is_linked(str(repo.parent))) == (None, False)


def test_a_repo_with_its_refs_in_a_table_has_no_branch_to_read(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")
    assert branch_of(str(tmp_path)) is None


def test_a_pipe_in_the_place_of_a_file_of_git_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert repo_of(str(tmp_path)) == 0
    assert branch_of(str(tmp_path)) is None


@needs_git
def test_a_worktree_that_its_repo_does_not_know_any_more_is_unlisted(repo: Path) -> None:
    linked = repo.parent / "linked"
    git(repo, "worktree", "add", "-q", str(linked), "-b", "side")
    assert not is_unlisted(str(linked))
    assert not is_unlisted(str(repo))
    assert not is_unlisted(str(repo.parent))
    moved = repo.rename(repo.parent / "moved")
    assert not is_unlisted(str(linked)), "the repo may have been moved"
    moved.rename(repo)
    shutil.rmtree(repo / ".git" / "worktrees" / "linked")
    assert is_unlisted(str(linked))
