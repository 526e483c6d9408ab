"""The values on a command line: the project of the caller, at real directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styxy.adapters.projects.git import project_path
from styxy.client.cli.values import project_here, project_of
from styxy.core.errors import InvalidInput
from tests.hanging_mount import HangingMount

NOWHERE = "/nowhere"


def test_a_named_project_wins_and_is_canonical(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert project_here({"STYXY_PROJECT": str(tmp_path / "link")}) == str(tmp_path / "real")
    assert project_here({"STYXY_PROJECT": "/a/b/../c/"}) == "/a/c"


def test_without_a_name_the_working_directory_tells() -> None:
    here = project_path(os.getcwd(), NOWHERE)
    assert project_here({"HOME": NOWHERE}) == here
    assert project_here({"HOME": NOWHERE, "STYXY_PROJECT": ""}) == here


def test_a_directory_that_is_missing_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        project_of(str(tmp_path / "missing"), {})


def test_a_directory_that_does_not_answer_is_a_project_by_its_name(tmp_path: Path) -> None:
    with HangingMount(tmp_path / "mount") as mount:
        web = str(mount.path / "shop" / "web")
        assert project_of(web, {"HOME": NOWHERE}) == str(mount.path / "shop")
        mount.hang()
        assert project_of(web, {"HOME": NOWHERE}) == web
        assert project_here({"STYXY_PROJECT": web}) == web
