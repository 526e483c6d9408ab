"""The script that the command prints is the one that was written at the build."""

from __future__ import annotations

from pathlib import Path

import pytest

import styxy as package
from styxy.client.cli.commands.completion import SCRIPTS
from tests.commands import CommandLine


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_is_printed_as_it_was_written(styxy: CommandLine, shell: str) -> None:
    text = Path(package.__file__).with_name("share").joinpath(SCRIPTS[shell]).read_text()
    assert styxy.run("completion", shell).stdout == text
    assert styxy.json("completion", shell) == {"shell": shell, "script": text}


def test_an_unknown_shell_is_answered_with_the_known_ones(styxy: CommandLine) -> None:
    done = styxy.run("completion", "csh")
    assert done.returncode == 2
    assert "zsh" in done.stderr
