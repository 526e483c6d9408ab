"""Every test runs in exactly one target of the Makefile, whatever its markers are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests.test_docs import ROOT, pyproject, text_of

CI_TARGETS = ("test", "test-slow")
"""The targets that share the tests of this directory, but for those of `make compat` and
`make agents`."""

LEFT_OUT = {"compat": "programs", "agents": "agents"}
"""The markers of tests that these targets leave out, each with the directory of its tests, whose
conftest.py does it. The target that runs them has the marker's name."""


def recipe_of(target: str) -> list[str]:
    """The lines of the Makefile that a target runs."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text_of("Makefile"), re.MULTILINE)
    assert found, f"no recipe of {target}"
    return found[1].splitlines()


def selections() -> list[str]:
    """What each run of pytest selects by -m, in the targets that CI runs."""
    lines = chain.from_iterable(recipe_of(target) for target in CI_TARGETS)
    return [
        quoted or word
        for line in lines
        if "-m pytest" in line
        for quoted, word in re.findall(r' -m (?!pytest)(?:"([^"]+)"|(\S+))', line)
    ]


def markers() -> list[str]:
    """The markers that pyproject.toml declares, without those that are left out."""
    tool = pyproject()["tool"]
    assert isinstance(tool, dict)
    names = [each.partition(":")[0] for each in tool["pytest"]["ini_options"]["markers"]]
    return [name for name in names if name not in LEFT_OUT]


@pytest.mark.parametrize(
    "marked",
    [each for size in range(len(markers()) + 1) for each in combinations(markers(), size)],
    ids=lambda marked: " and ".join(marked) or "no marker",
)
def test_a_test_with_any_markers_is_in_one_target(marked: tuple[str, ...]) -> None:
    def is_marked(name: str, /, **_: object) -> bool:
        return name in marked

    chosen = [each for each in selections() if Expression.compile(each).evaluate(is_marked)]
    assert len(chosen) == 1


def collected(*words: str) -> set[str]:
    """The tests below tests/programs that pytest finds when everything that is slow may run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *words],
        cwd=ROOT, env={**os.environ, "STYXY_COMPAT": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return {line for line in done.stdout.splitlines() if "::" in line}


def test_make_compat_has_every_test_that_is_left_to_it() -> None:
    files = re.search(r"^COMPAT_TESTS := .*?,\\\n\t(.*)\)$", text_of("Makefile"), re.MULTILINE)
    assert files
    wanted = collected("-m", "compat", "tests/programs")
    listed = {name.partition("::")[0] for name in wanted}
    assert listed <= {f"tests/programs/test_{name}" for name in files[1].split()}


def test_make_agents_has_every_test_that_is_left_to_it() -> None:
    assert any("-m agents tests/agents " in line for line in recipe_of("agents"))


@pytest.mark.parametrize("marker", LEFT_OUT)
def test_nothing_outside_its_directory_is_left_out(marker: str) -> None:
    room = LEFT_OUT[marker]
    files = [path for path in Path(ROOT, "tests").rglob("*.py") if room not in path.parts]
    marked = [path for path in files if re.search(rf"mark\.{marker}\b", path.read_text("utf-8"))]
    assert marked == []


def test_ci_runs_each_target_and_the_command_of_the_readme() -> None:
    ran = re.findall(r"^make ([a-z-]+)$", text_of(".ci/run"), re.MULTILINE)
    assert ran == ["check", *CI_TARGETS]
    assert re.search(r"^make test +#", text_of("README.md"), re.MULTILINE)
