"""Start-up is a feature: what the commands that agents call all day must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.fakes import FakeDaemon

HEAVY = {
    "asyncio", "dataclasses", "datetime", "difflib", "email", "hashlib", "http", "inspect",
    "logging", "msgspec", "pathlib", "random", "select", "shutil", "signal", "socket",
    "starlette", "subprocess", "tempfile", "traceback", "typing", "urllib", "uuid", "uvicorn",
    "zipfile",
}  # fmt: skip

PROGRAM = """
import sys
before = set(sys.modules)  # what the interpreter and its `site` need is not ours to answer for
def show(event="os.exec", _arguments=()):
    if event == "os.exec":
        print(*sorted(set(sys.modules) - before), file=sys.stderr)
sys.addaudithook(show)
from styxy.client.cli.main import main
main(sys.argv[1:])
show()
"""


def loaded_by(words: list[str], env: dict[str, str]) -> set[str]:
    """The modules that a command loads by its end, or by the start of what it executes."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("words", [["check", "3000"], ["allocate", "-s", "dev"], ["--version"]])
def test_a_fast_command_imports_nothing_heavy(
    tmp_path: Path, styxy: CommandLine, words: list[str]
) -> None:
    answer = {"port": 3000, "available": True}
    with FakeDaemon(tmp_path / "s", lambda *_: (200, answer)):
        loaded = loaded_by(words, {**styxy.env, "STYXY_SOCKET": str(tmp_path / "s")})
    assert "styxy" in loaded
    assert loaded & HEAVY == set()


def test_a_program_is_run_without_anything_heavy(shared: CommandLine) -> None:
    shared.run("run", "--", "true")  # the first one tests whether the library works here
    loaded = loaded_by(["run", "--", "true"], shared.env)
    assert "styxy" in loaded
    assert loaded & HEAVY - {"signal"} == set()


def test_who_needs_no_types_of_the_daemons(shared: CommandLine) -> None:
    shared.run("daemon", "status")
    loaded = loaded_by(["who", "3000"], shared.env)
    assert "styxy" in loaded
    assert "msgspec" not in loaded
