"""The workflows for GitHub: what runs there, and that nobody can put something else in its place.

Their form is checked by `make check`. Nobody has run them: they say so themselves.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_docs import ROOT

WORKFLOWS = sorted(Path(ROOT, ".github", "workflows").glob("*.yml"))
NAMES = [path.stem for path in WORKFLOWS]


def text_of(name: str) -> str:
    """One workflow."""
    return Path(ROOT, ".github", "workflows", f"{name}.yml").read_text(encoding="utf-8")


def test_there_is_one_for_each_change_and_one_for_a_release() -> None:
    assert NAMES == ["ci", "release"]


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(name: str) -> None:
    lines = [line for line in text_of(name).splitlines() if "uses:" in line]
    lines = [line for line in lines if "uses: $/" not in line]  # of this very commit
    pinned = r"\s+- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [line for line in lines if not re.fullmatch(pinned, line)] == []
    assert lines


@pytest.mark.parametrize("name", NAMES)
def test_an_untested_workflow_says_so(name: str) -> None:
    assert "UNTESTED: nobody has run this file" in text_of(name)


def test_each_change_is_proved_by_the_script_that_proves_a_clone() -> None:
    assert "bash .ci/run\n" in text_of("ci")


def test_nothing_is_released_before_it_has_passed_what_each_change_has_to() -> None:
    jobs = text_of("release").partition("\njobs:\n")[2]
    test, build, publish, release = re.split(r"\n(?=  \w+:\n)", jobs.strip("\n"))
    assert "uses: $/.github/workflows/ci.yml" in test
    needed = [re.findall(r"^    needs: (\w+)$", job, re.M) for job in (build, publish, release)]
    assert needed == [["test"], ["build"], ["publish"]]
    assert "\n  workflow_call:" in text_of("ci")


def test_a_release_runs_the_steps_that_its_page_describes() -> None:
    page = Path(ROOT, "docs", "releasing.md").read_text(encoding="utf-8")
    for step in ("wheels", "deb", "sbom"):
        assert f"-m scripts.release.{step}\n" in text_of("release")
        assert f"make {step} " in page


def test_what_styxy_runs_with_is_audited_before_anything_is_built() -> None:
    text = text_of("release")
    assert 0 < text.index("pip-audit --strict") < text.index("scripts.release.wheels")
    assert not any("pip-audit" in path.read_text("utf-8") for path in [Path(ROOT, ".ci", "run")])


def test_only_the_job_that_publishes_may_ask_for_a_token_of_the_index() -> None:
    publish = text_of("release").partition("\n  publish:\n")[2].partition("\n  release:\n")[0]
    assert "id-token: write # trusted publishing" in publish
    assert "password" not in text_of("release")
    assert "secrets." not in text_of("release") + text_of("ci")
