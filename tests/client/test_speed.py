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
from styxy.client.cli.main import main
main(sys.argv[1:])
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["check", "3000"], ["allocate", "-s", "dev"], ["--version"]])
def test_a_fast_command_imports_nothing_heavy(
    tmp_path: Path, styxy: CommandLine, words: list[str]
) -> None:
    answer = {"port": 3000, "available": True}
    with FakeDaemon(tmp_path / "s", lambda *_: (200, answer)):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words],
            env={**styxy.env, "STYXY_SOCKET": str(tmp_path / "s")},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "styxy" in loaded
    assert loaded & HEAVY == set()
