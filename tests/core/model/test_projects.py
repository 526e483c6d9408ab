"""The rule for what a project is, over a disk made of words."""

from __future__ import annotations

import pytest

from styxy.core.model.projects import PROJECT_FILES, choose_project, shortest_end, upwards

CASES = [
    # directory, worktrees, directories with a project file, the project
    ("/w/app/src", {"/w/app"}, set(), "/w/app"),
    ("/w/app", {"/w/app"}, set(), "/w/app"),
    ("/w/app/lib/sub/deep", {"/w/app", "/w/app/lib/sub"}, set(), "/w/app/lib/sub"),
    ("/w/app/packages/a/src", {"/w/app"}, {"/w/app/packages/a"}, "/w/app"),
    ("/w/plain/a/b", set(), {"/w/plain", "/w/plain/a"}, "/w/plain/a"),
    ("/w/nothing/here", set(), set(), "/w/nothing/here"),
    ("/home/me/x", {"/home/me"}, set(), "/home/me/x"),
    ("/home/me", {"/home/me"}, set(), "/home/me"),
    ("/home/me/x/y", {"/home/me"}, {"/home/me/x"}, "/home/me/x"),
    ("/srv/x", {"/"}, set(), "/srv/x"),
    ("/home/me/repo/x", {"/home/me", "/home/me/repo", "/"}, set(), "/home/me/repo"),
    ("/", {"/"}, set(), "/"),
]


@pytest.mark.parametrize(("directory", "worktrees", "marked", "project"), CASES)
def test_a_directory_belongs_to_its_project(
    directory: str, worktrees: set[str], marked: set[str], project: str
) -> None:
    chosen = choose_project(
        directory,
        home="/home/me",
        is_worktree=worktrees.__contains__,
        has_project_file=marked.__contains__,
    )
    assert chosen == project


def test_the_walk_upwards_ends_at_the_root() -> None:
    assert list(upwards("/a/b/c")) == ["/a/b/c", "/a/b", "/a", "/"]
    assert list(upwards("/")) == ["/"]


def test_the_project_files_are_those_of_the_product() -> None:
    assert set(PROJECT_FILES) == {
        "package.json", "pyproject.toml", "Cargo.toml", "go.mod", "Gemfile", "composer.json",
        "mix.exs", "pom.xml", "build.gradle",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ([], "blog"),
        (["/w/blog"], "blog"),
        (["/w/shop", "/w/my-blog"], "blog"),
        (["/x/blog"], "w/blog"),
        (["/x/w/blog"], "/w/blog"),
        (["/x/blog", "/x/y/w/shop"], "w/blog"),
    ],
)
def test_a_project_is_named_by_the_shortest_end_that_no_other_has(
    others: list[str], name: str
) -> None:
    assert shortest_end("/w/blog", others) == name


def test_the_root_has_a_name() -> None:
    assert shortest_end("/", ["/w"]) == "/"
