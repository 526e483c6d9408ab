"""Hold dependencies, README and make targets to what there is; tests/docs has the pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hatchling.metadata.core import CoreMetadata, ProjectMetadata
from hatchling.plugin.manager import PluginManager

from scripts.tables import filled
from styxy.core.messages import ISSUES, how_to_report

ROOT = Path(__file__).parent.parent
STYXY = str(Path(sys.executable).parent / "styxy")


def text_of(name: str) -> str:
    """Read one document."""
    return Path(ROOT, name).read_text(encoding="utf-8")


def pyproject() -> dict[str, object]:
    """Read the project's own description."""
    return tomllib.loads(text_of("pyproject.toml"))


def bare_name(requirement: str) -> str:
    """The name of a requirement, without versions and extras."""
    found = re.match(r"[A-Za-z0-9@/._-]+", requirement)
    assert found, requirement
    return found[0]


def declared() -> list[str]:
    """Every package that `pyproject.toml` and the tests' two `package.json` ask for."""
    project = pyproject()["project"]
    build = pyproject()["build-system"]
    assert isinstance(project, dict)
    assert isinstance(build, dict)
    wanted = [*project["dependencies"], *build["requires"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    for room in ("programs", "agents"):
        packages = json.loads(text_of(f"tests/{room}/package.json"))
        wanted += [*packages["dependencies"], *packages.get("devDependencies", ())]
    return sorted({bare_name(one) for one in wanted} - {"styxy"})


def commands_in(document: str) -> list[list[str]]:
    """The words of every `$ styxy ...` line of a document, up to what `run` is to run."""
    lines = re.findall(r"^\$ styxy (.*)$", text_of(document), flags=re.MULTILINE)
    return [line.partition(" -- ")[0].split() for line in lines]


def command_names(words: list[str]) -> list[str]:
    """The leading words that name a command, before options and values."""
    names: list[str] = []
    for word in words:
        if not re.fullmatch(r"[a-z]+", word):
            break
        names.append(word)
    return names


@pytest.mark.parametrize("name", declared())
def test_each_dependency_has_its_reason(name: str) -> None:
    assert re.search(rf"^- \*\*{re.escape(name)}\*\*: .+\.$", text_of("docs/dependencies.md"), re.M)


def test_no_reason_outlives_its_dependency() -> None:
    reasons = re.findall(r"^- \*\*(.+?)\*\*:", text_of("docs/dependencies.md"), re.M)
    assert sorted(reasons) == declared()


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    assert "\n## [Unreleased]\n" in text_of("CHANGELOG.md")


@pytest.mark.parametrize(
    "names",
    sorted({tuple(command_names(words)) for words in commands_in("README.md")}),
    ids=" ".join,
)
def test_each_command_of_the_readme_is_real(names: tuple[str, ...]) -> None:
    done = subprocess.run([STYXY, *names, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "styxy" in done.stdout


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_each_make_target_that_a_document_names_exists(document: str) -> None:
    targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M)
    assert set(re.findall(r"\bmake ([a-z-]+)(?= *[`#\n]| PYTEST)", text_of(document))) <= set(
        targets
    )


def metadata() -> CoreMetadata:
    """Read what a build would tell a package index."""
    return ProjectMetadata(str(ROOT), PluginManager()).core


def test_every_text_takes_the_address_for_reports_from_one_place() -> None:
    shown = subprocess.run([STYXY, "--help"], capture_output=True, text=True, check=True).stdout
    assert f"\n{how_to_report()}\n" in shown
    for document in ("README.md", "docs/troubleshooting.md"):
        text = text_of(document).replace("`", "")
        assert how_to_report()[1:] in text, "say: make docs"
    assert metadata().urls == ({"Issues": ISSUES} if ISSUES else {})
    assert "urls" not in tomllib.loads(text_of("pyproject.toml"))["project"]


def test_an_address_takes_the_place_of_the_document() -> None:
    assert (
        how_to_report("") == "to report a bug: CONTRIBUTING.md says where, and what a report needs"
    )
    assert how_to_report("https://localhost/issues").startswith(
        "to report a bug: https://localhost/issues ("
    )


def test_what_a_report_needs_is_said() -> None:
    words = text_of("CONTRIBUTING.md").partition("\n## Reporting a bug\n")[2].partition("\n## ")[0]
    assert "`styxy doctor --json`" in words
    assert "`styxy daemon logs" in words


def test_the_readme_has_what_is_derived() -> None:
    assert filled(text_of("README.md")) == text_of("README.md"), "say: make docs"
