"""The man page: it names every command, option and variable, and formatters read it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.shell_files import page
from styxy.client.cli.main import all_commands
from styxy.core.config.environment import VARIABLES


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page, on a disk."""
    path = tmp_path / "styxy.1"
    path.write_text(page())
    return path


def test_every_command_option_and_variable_is_on_the_page() -> None:
    text = page().replace("\\-", "-").replace("\\(aq", "'")
    text = text.replace("\\fB", "").replace("\\fR", "")
    for command in all_commands():
        assert f".SS styxy {command.name}" in text
        assert command.summary.split(";")[0][:40] in text.replace("\n", " ")
        for action in command.parser()._actions:
            assert all(flag in text for flag in action.option_strings)
    assert all(each.name in text for each in VARIABLES)


def test_the_same_sources_make_the_same_page() -> None:
    assert page() == page()


def test_man_formats_it_without_a_complaint(file: Path) -> None:
    if shutil.which("man") is None:
        pytest.skip("there is no man here")
    done = subprocess.run(
        ["man", "--warnings", "-P", "cat", "-l", str(file)],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"},
        check=True,
    )
    assert done.stderr == ""
    assert 'eval "$(styxy env)"' in done.stdout
    assert "styxy check 3000" in done.stdout


def test_mandoc_finds_no_fault_with_it(file: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("there is no mandoc here")
    done = subprocess.run(["mandoc", "-T", "lint", str(file)], capture_output=True, text=True)
    said = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert said == []
