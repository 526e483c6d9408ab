"""The command around the view: what it needs, what it prints without a terminal, what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import COMMAND, CommandLine
from tests.examples import slow


def test_without_a_terminal_it_says_what_needs_none(styxy: CommandLine) -> None:
    done = styxy.run("top")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "styxy: styxy top needs a terminal; for the ports as text: styxy top --once\n"
    )


def test_without_textual_one_sentence_says_how_to_get_it(styxy: CommandLine) -> None:
    ours, theirs = os.openpty()
    # -S: nothing that pip has installed can be imported.
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-m", "styxy", "top", "--no-start"],
        env=styxy.env, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (
        1,
        f"styxy: styxy top needs Textual; install it with: {sys.executable} -m pip install "
        "'styxy[tui]'\n",
    )


def test_once_prints_the_ports_as_text(attached: CommandLine, here: Path) -> None:
    attached.run("allocate", "-s", "build", "-n", "web", cwd=here)
    lines = attached.run("top", "--once").stdout.splitlines()
    assert lines[0].split()[:3] == ["PORT", "PROCESS", "ASKED"]
    row = next(line.split() for line in lines if "build web" in line)
    assert (row[1], row[-1]) == ("reserved", str(here))


def test_json_is_the_daemons_answer(attached: CommandLine) -> None:
    answer = attached.json("top")
    assert answer["complete"] is True
    assert {"ports", "projects", "events", "instances", "ranges", "warnings"} <= answer.keys()


@pytest.mark.parametrize("words", [["top", "--help"], *slow(["--help"], ["check", "--help"])])
def test_no_other_command_pays_for_textual(words: list[str], tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], *words]
    done = subprocess.run(command, env=line.env, capture_output=True, text=True, check=True)
    loaded = {row.rpartition("|")[2].strip() for row in done.stderr.splitlines()}
    assert "styxy.client.cli.main" in loaded
    assert {name.partition(".")[0] for name in loaded} & {"textual", "rich", "asyncio"} == set()
