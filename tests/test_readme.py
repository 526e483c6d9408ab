"""Run what the README tells a new user to type, against a daemon of the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import sections
from tests.docs.terminal import Terminal

README = Path(__file__).parent.parent / "README.md"
BIN = Path(sys.executable).parent


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A shell's environment with a fresh home and a free port; its daemon is stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STYXY_")}
    ours |= {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "STYXY_HOME": str(tmp_path / "home"),
        "STYXY_DAEMON_PORT": str(port),
    }
    yield ours
    subprocess.run([BIN / "styxy", "daemon", "stop"], env=ours, capture_output=True, check=False)


def typed(line: str, *, env: dict[str, str], place: Path) -> subprocess.CompletedProcess[str]:
    """Type one line into a shell."""
    return subprocess.run(
        ["bash", "-c", line], env=env, cwd=place, capture_output=True, text=True, check=False
    )


def block_after(marker: str) -> list[str]:
    """The lines with a prompt in the first console block behind `marker`."""
    text = README.read_text(encoding="utf-8").partition(marker)[2]
    found = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    assert found, f"no console block behind {marker!r}"
    return re.findall(r"^\$ (.*)$", found[1], re.MULTILINE)


def test_the_first_steps_work_as_written(env: dict[str, str], tmp_path: Path) -> None:
    lines = block_after("a test runs these")
    assert len(lines) > 5
    lock_id = ""
    for line in lines:
        done = typed(line.replace("LOCK_ID", lock_id), env=env, place=tmp_path)
        # `check` tells the truth about 3000 on this machine: 0 free, 1 taken.
        allowed = (0, 1) if line.startswith("styxy check") else (0,)
        assert done.returncode in allowed, f"{line}\n{done.stdout}{done.stderr}"
        if line.startswith("styxy allocate"):
            listed = typed("styxy list --json", env=env, place=tmp_path)
            lock_id = json.loads(listed.stdout)["allocations"][0]["lock_id"]


def test_three_worktrees_each_test_their_own_server(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    home = tmp_path.resolve() / "ada"
    section = sections("README.md")[0]
    suite, *_ = section.examples
    assert suite.command == "cat suite.sh"
    with Terminal(home, section) as terminal:
        make_worktrees(home, suite=terminal.matcher.command("\n".join(suite.said)) + "\n")
        for example in section.examples:
            wrong = terminal.type(example.command, example.said)
            assert wrong is None, "\n".join([f"$ {example.command}", *example.said, "not:", wrong])


def make_worktrees(home: Path, *, suite: str) -> None:
    """Give the shop its suite, and two more worktrees; each page is the name of its branch."""
    shop = home / "shop"
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@localhost"]
    (shop / "suite.sh").write_text(suite)
    (shop / "branch.txt").write_text("main\n")
    commands = [["add", "."], ["commit", "-q", "-m", "Add the suite"]]
    commands += [["worktree", "add", "-q", f"../shop-{name}"] for name in ("login", "search")]
    for words in commands:
        subprocess.run([*git, *words], cwd=shop, check=True, capture_output=True)
    for name in ("login", "search"):
        (home / f"shop-{name}" / "branch.txt").write_text(f"{name}\n")


def test_the_demonstration_shows_two_servers_that_answer(env: dict[str, str]) -> None:
    demo = README.parent / "scripts" / "demo.py"
    done = subprocess.run(
        [sys.executable, demo], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"✓ STYXY: Port \d+ was in use, auto-assigned port \d+", done.stdout)
    for project in ("first", "second"):
        assert f"->  hello from the {project} project" in done.stdout
    assert "styxy daemon stop" in done.stdout
