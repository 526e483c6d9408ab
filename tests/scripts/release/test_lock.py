"""The locks name a version and hashes of everything that `pyproject.toml` asks for, and no host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.test_docs import ROOT, pyproject

LOCKS = Path(ROOT, "scripts", "release", "locks")


def text_of(name: str) -> str:
    """One lock."""
    return LOCKS.joinpath(f"{name}.txt").read_text(encoding="utf-8")


def entries(name: str) -> list[Requirement]:
    """The entries of a lock; one without a hash fails."""
    found = re.split(r"\n(?=\w)", re.sub(r"^#.*\n", "", text_of(name), flags=re.MULTILINE))
    assert [each for each in found if "--hash=sha256:" not in each] == []
    return [Requirement(each.partition(" \\")[0]) for each in found]


def locked(name: str, *, here: bool = False) -> dict[str, str]:
    """The version of each package that a lock has, or of those that this system gets."""
    wanted = [
        each for each in entries(name) if not (here and each.marker) or each.marker.evaluate()
    ]
    return {each.name: str(each.specifier).removeprefix("==") for each in wanted}


def asked() -> list[Requirement]:
    """What the project needs to run, and in every extra."""
    project = pyproject()["project"]
    assert isinstance(project, dict)
    words = [*project["dependencies"]]
    for needs in project["optional-dependencies"].values():
        words += needs
    found = [Requirement(word) for word in words]
    return [each for each in found if each.name != project["name"]]


@pytest.mark.parametrize("name", ["running", "development"])
def test_a_lock_names_no_host_and_no_folder(name: str) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|/(home|work|tmp)/", text_of(name))


@pytest.mark.parametrize("need", asked(), ids=lambda need: str(need.name))
def test_what_development_needs_is_locked_in_a_version_that_fits(need: Requirement) -> None:
    version = locked("development").get(need.name.lower())
    assert version, "say: make lock"
    assert need.specifier.contains(version, prereleases=True), "say: make lock"


def test_what_styxy_runs_with_is_the_same_in_both_locks() -> None:
    running, development = locked("running"), locked("development")
    assert {name: development.get(name) for name in running} == running
    project = pyproject()["project"]
    assert isinstance(project, dict)
    assert {Requirement(each).name for each in project["dependencies"]} <= running.keys()
