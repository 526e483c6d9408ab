"""A rewritten line does what it did: real bash runs both, and only what is recorded differs.

The programs of the lines are small scripts that print their arguments, variables and input; so is
`styxy`, which records what it is given and then becomes it.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from styxy.core.advice.rewriting import rewritten
from styxy.core.commands.classify import starts_of
from tests.core.commands.tables import lines_of

HERE = Path(__file__).parent
LONGEST = 20

PROGRAMS = """
npm npx next vite webpack-dev-server python3 uvicorn uv gunicorn flask poetry bundle ollama make
concurrently redis-server
"""
PROGRAM = """#!/bin/sh
words=$(printf ' [%s]' "$@")
echo "${0##*/}$words in ${PWD##*/} PORT=$PORT OTHER=$OTHER $OLLAMA_HOST $FLASK_RUN_PORT"
test -t 0 || cat
echo complaint >&2
exit 3
"""
STYXY = """#!/bin/sh
echo "$*" >> "$RECORD"
test "$1" = run && test "$2" = -- || exit 99
shift 2
exec "$@"
"""


def lines() -> list[str]:
    """The lines that are run; `\\n` stands for a newline."""
    text = (HERE / "lines.txt").read_text(encoding="utf-8")
    return [line.replace("\\n", "\n") for line in text.splitlines()]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a line did."""

    output: str
    complaints: int
    status: int


class Shell:
    """A bash in a directory of its own, where the programs of the lines are those of this test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._record = directory / "record"
        programs = directory / "bin"
        programs.mkdir()
        for name in PROGRAMS.split():
            write(programs / name, PROGRAM)
        write(programs / "styxy", STYXY)
        write(directory / ".profile", f"PATH={programs}:$PATH\n")  # for a login shell
        self._env = {
            "PATH": f"{programs}:{os.defpath}",
            "HOME": str(directory),
            "RECORD": str(self._record),
        }

    def run(self, line: str) -> Ran:
        """Run a line in a fresh directory."""
        self._record.unlink(missing_ok=True)
        project = self._directory / f"project{len(list(self._directory.iterdir()))}" / "app"
        (project / "web").mkdir(parents=True)
        write(project / "manage.py", PROGRAM)
        ran = subprocess.run(
            ["bash", "-c", line],
            cwd=project,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return Ran(ran.stdout, ran.stderr.count("complaint"), ran.returncode)

    def recorded(self) -> list[str]:
        """What `styxy` was called with while the last line ran."""
        return self._record.read_text().splitlines() if self._record.exists() else []


def write(path: Path, text: str) -> None:
    """Write a program."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def is_shell(line: str) -> bool:
    """Whether bash can parse a line."""
    told = subprocess.run(["bash", "-n", "-c", line], capture_output=True, check=False)
    return told.returncode == 0


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A bash with the programs of this test."""
    return Shell(tmp_path)


def unordered(ran: Ran) -> tuple[list[str], int, int]:
    """What a line did, where commands run beside each other."""
    return sorted(ran.output.splitlines()), ran.complaints, ran.status


@pytest.mark.parametrize("line", lines())
def test_a_rewritten_line_does_what_it_did(shell: Shell, line: str) -> None:
    new = rewritten(line)
    assert new is not None
    before = shell.run(line)
    assert shell.recorded() == []
    after = shell.run(new)
    assert unordered(after) == unordered(before)
    assert len(shell.recorded()) >= len(places_of_commands(line)), "a loop runs one more than once"
    assert all(each.startswith("run -- ") for each in shell.recorded())


def places_of_commands(line: str) -> set[int]:
    """Where in the line the commands begin that start servers."""
    return {start.source.start for start in starts_of(line) if start.source is not None}


def test_the_list_has_lines_of_every_kind() -> None:
    assert len(lines()) >= 60


@pytest.mark.parametrize("name", ["command_table.tsv", "servers.tsv"])
def test_what_is_rewritten_stays_shell(name: str) -> None:
    checked = 0
    for line in lines_of(name):
        new = rewritten(line)
        if new is None:
            continue
        assert new.replace("styxy run -- ", "") == line.replace("styxy run -- ", "")
        assert rewritten(new) is None, "never twice"
        checked += 1
        if checked % 8 == 0:  # a bash for each of six hundred lines takes long
            assert is_shell(line) == is_shell(new), new
    assert checked > 100


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cd web && npm run dev &", "cd web && styxy run -- npm run dev &"),
        ("PORT=3001 npm run dev", "PORT=3001 styxy run -- npm run dev"),
        ("exec npm run dev", "exec styxy run -- npm run dev"),
        ("npm ci && npm run dev | tee log", "npm ci && styxy run -- npm run dev | tee log"),
        ("styxy run -- vite & next dev", "styxy run -- vite & styxy run -- next dev"),
        ("docker compose up -d; vite", "docker compose up -d; styxy run -- vite"),
        ("PATH=.:$PATH vite", "PATH=.:$PATH styxy run -- vite"),
    ],
)
def test_the_prefix_stands_before_the_program(line: str, expected: str) -> None:
    assert rewritten(line) == expected


class Scripts:
    """A project with one package.json."""

    def __init__(self, **scripts: str) -> None:
        self._text = json.dumps({"scripts": scripts})

    def read(self, path: str) -> str | None:
        """Return the package.json."""
        return self._text if path == "package.json" else None

    def folders(self, _path: str) -> tuple[str, ...]:
        """Return nothing: there are no directories."""
        return ()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("vite", "styxy run -- npm run dev"),
        ("styxy run -- vite", None),
        ("docker compose up", None),
        ("tsc --watch", None),
    ],
)
def test_what_a_script_of_the_project_does_counts(script: str, expected: str | None) -> None:
    assert rewritten("npm run dev", project=Scripts(dev=script)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ls",
        "npm test",
        "grep -r 'npm run dev' .",
        "styxy run -- npm run dev",
        "npx styxy run -- vite",
        "styxy run -s api -- uvicorn a:b",
        "STYXY_DISABLE_REASSIGN=1 npm run dev",
        "sudo npm start",
        "tmux new -d 'npm run dev'",
        "docker run -p 3000:80 nginx",
        "docker compose up",
        "eval 'npm run dev'",
        "echo `npm run dev`",
        "trap 'npm run dev' EXIT",
        "exec -a web npm run dev",
        "PATH=./bin vite",
        "npm run dev 'unfinished",
        "npm run dev &&& x",
        "(npm run dev",
        "npm run dev \0",
    ],
)
def test_what_cannot_be_moved_or_is_no_server_is_left(line: str) -> None:
    assert rewritten(line) is None
