"""A project's servers in the files of agents' apps: put in beside what is there, and taken out."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.agents.install.installing import Installer
from styxy.client.agents.install.start_entries import (
    ENVIRONMENT_FILE,
    LAUNCH_FILE,
    MARK,
    Start,
    install_starts,
    starts_of,
    uninstall_starts,
    with_actions,
    with_launches,
    without_actions,
    without_launches,
)
from styxy.core.errors import Conflict

DEV = Start(script="dev", words=("npm", "run", "dev"), port=5173)
FILES = {"claude": LAUNCH_FILE, "codex": ENVIRONMENT_FILE}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose scripts start two servers and build."""
    place = tmp_path / "shop"
    place.mkdir()
    scripts = {"dev": "vite", "build": "vite build", "stories": "storybook dev -p 6006"}
    (place / "package.json").write_text(json.dumps({"scripts": scripts}))
    return place


@pytest.fixture
def installer(tmp_path: Path, project: Path) -> Installer:
    paths = Paths({"STYXY_HOME": str(tmp_path / "styxy")})
    return Installer(paths, {"HOME": str(tmp_path), "PATH": ""}, project=str(project))


def tree(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in place.rglob("*")}


def test_the_scripts_that_start_a_server_are_found(project: Path) -> None:
    assert [(each.script, each.port) for each in starts_of(str(project))] == [
        ("dev", 5173),
        ("stories", 6006),
    ]
    (project / "pnpm-lock.yaml").touch()
    assert starts_of(str(project))[0].words == ("pnpm", "run", "dev")


def test_a_project_without_scripts_has_none(tmp_path: Path) -> None:
    assert starts_of(str(tmp_path)) == []


@pytest.mark.parametrize("agent", FILES)
def test_what_is_installed_twice_is_there_once_and_leaves_without_a_trace(
    agent: str, installer: Installer, project: Path
) -> None:
    before = tree(project)
    (note,) = install_starts(agent, installer, str(project))
    assert "dev, stories" in note
    once = (project / FILES[agent]).read_text()
    assert once.count("(Styxy)") == 2
    install_starts(agent, installer, str(project))
    assert (project / FILES[agent]).read_text() == once
    uninstall_starts(agent, installer, str(project))
    after = tree(project)
    after.pop(str(project / ".claude"), None)  # the hooks' own, which go last
    after.pop(str(project / ".codex"), None)
    assert after == before


@pytest.mark.parametrize(
    ("agent", "theirs"),
    [
        ("claude", '{"configurations": [{"name": "mine", "port": 1}], // ports\n "version": "1"}'),
        ("claude", '{\n\t"version": "0.0.1"\n}\n'),
        ("codex", 'version = 1\nname = "x"\n\n[[actions]]\nname = "Run"\ncommand = "make"\n'),
    ],
)
@pytest.mark.parametrize("more", ["", "\n"], ids=["untouched", "changed"])
def test_what_others_wrote_stays(
    agent: str, theirs: str, more: str, installer: Installer, project: Path
) -> None:
    file = project / FILES[agent]
    file.parent.mkdir(parents=True)
    file.write_text(theirs)
    install_starts(agent, installer, str(project))
    file.write_text(file.read_text() + more)
    uninstall_starts(agent, installer, str(project))
    left = file.read_text().rstrip("\n").replace(', "configurations": []', "")
    assert left.replace(',\n\t"configurations": []', "") == theirs.rstrip("\n")


def test_an_entry_starts_the_script_through_styxy() -> None:
    (entry,) = json.loads(with_launches(None, [DEV]))["configurations"]
    assert entry["runtimeExecutable"] == "styxy"
    assert entry["runtimeArgs"] == ["run", "--", "npm", "run", "dev"]
    assert (entry["port"], entry["autoPort"]) == (5173, True)


def test_an_action_starts_the_script_through_styxy() -> None:
    content = tomllib.loads(with_actions(None, [DEV], name='a "b"'))
    assert (content["version"], content["name"]) == (1, 'a "b"')
    assert [each["command"] for each in content["actions"]] == ["styxy run -- npm run dev"]


@pytest.mark.parametrize("name", ["a \N{ROCKET}", "del \x7f", "back\\slash"])
def test_the_name_of_any_directory_is_one_in_toml(name: str) -> None:
    assert tomllib.loads(with_actions(None, [DEV], name=name))["name"] == name


def test_a_directory_whose_name_is_not_utf_8_gets_one() -> None:
    content = tomllib.loads(with_actions(None, [DEV], name=os.fsdecode(b"caf\xe9")))
    assert content["name"] == "caf?"


def test_our_actions_are_found_in_a_file_with_other_line_ends() -> None:
    text = with_actions("version = 1\n", [DEV], name="x").replace("\n", "\r\n")
    assert MARK not in without_actions(text)
    assert with_actions(text, [DEV], name="x").count("[[actions]]") == 1


def test_a_comment_behind_our_actions_stays() -> None:
    text = with_actions("version = 1\n", [DEV], name="x") + "# more\n"
    assert without_actions(text) == "version = 1\n\n# more\n"


@pytest.mark.parametrize("text", ["[", '{"configurations": {}}', "[]"])
def test_a_file_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Conflict, match="mend the file"):
        without_launches(text)
