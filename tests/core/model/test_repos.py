"""One repo has one name, however its address is written."""

from __future__ import annotations

import pytest

from styxy.core.model.repos import normalised_origin, repo_key


@pytest.mark.parametrize(
    "url",
    [
        "git@GitHub.com:org/repo.git",
        "ssh://git@github.com:22/org/repo",
        "ssh://github.com/org/repo.git/",
        "https://github.com/org/repo",
        "https://user:secret@github.com:443/org/repo.git",
        "http://github.com/org/repo/",
        "git://github.com/org/repo.git",
        "github.com:org/repo",
        "github.com:/org/repo",
    ],
)
def test_every_form_of_an_address_is_one_name(url: str) -> None:
    assert normalised_origin(url) == "github.com/org/repo"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/srv/git/repo.git", "/srv/git/repo"),
        ("file:///srv/git/repo.git/", "/srv/git/repo"),
        ("../upstream", "../upstream"),
        ("ssh://git@[::1]:2222/org/repo.git", "[::1]/org/repo"),
        ("https://github.com/Org/Repo", "github.com/Org/Repo"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_other_addresses_keep_what_tells_them_apart(url: str, name: str) -> None:
    assert normalised_origin(url) == name


def test_an_origin_names_a_repo_before_its_directory_does() -> None:
    with_origin = repo_key(origin="github.com/org/repo", common_directory="/a/.git")

    assert with_origin == repo_key(origin="github.com/org/repo", common_directory="/b/.git")
    assert with_origin != repo_key(origin=None, common_directory="/a/.git")


def test_no_git_is_no_repo() -> None:
    assert repo_key(origin=None, common_directory=None) == 0
