"""Run what the README tells a new user to type, against a daemon of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@contextlib.contextmanager
def shell(line: str, *, env: dict[str, str], place: Path) -> Iterator[subprocess.Popen[str]]:
    """Start what one line starts, with both its outputs in one pipe; end it at the end."""
    server = subprocess.Popen(
        ["bash", "-c", f"exec {line} 2>&1"], env=env, cwd=place, stdout=subprocess.PIPE, text=True
    )
    try:
        yield server
    finally:
        server.terminate()
        server.communicate()


def test_a_server_that_finds_its_port_taken_says_where_it_went(
    env: dict[str, str], tmp_path: Path
) -> None:
    plain, moved = (
        line.replace("python3", f"{sys.executable} -u").removesuffix(" &")
        for line in block_after("# Styxy")
    )
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        asked = str(probe.getsockname()[1])
    # `run` waits a second for a daemon that it starts; a crowded machine may need two.
    assert typed("styxy daemon start -d", env=env, place=tmp_path).returncode == 0
    # The same directory for both, as in one terminal.
    with shell(plain.replace("8000", asked), env=env, place=tmp_path) as first:
        assert first.stdout
        assert f"port {asked} " in first.stdout.readline()
        with shell(moved.replace("8000", asked), env=env, place=tmp_path) as second:
            assert second.stdout
            notice, serving = second.stdout.readline(), second.stdout.readline()
    found = re.fullmatch(rf"✓ STYXY: Port {asked} was in use, auto-assigned port (\d+)\n", notice)
    assert found, notice
    assert re.match(rf"Serving HTTP on \S+ port {found[1]} ", serving)


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
