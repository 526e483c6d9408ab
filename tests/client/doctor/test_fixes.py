"""Fixes that depend on the machine: each one is done, or at least fits what is there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from styxy.client.doctor import fixes
from tests.client.examining import apply_fix, examine
from tests.commands import COMMAND, LONGEST, CommandLine


def programs(directory: Path, *names: str) -> dict[str, str]:
    """Make a PATH with these programs alone."""
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return {"PATH": str(directory)}


def test_a_compiler_is_installed_where_there_is_none(tmp_path: Path) -> None:
    bare = fixes.reinstall(programs(tmp_path / "bare", "dnf"), prefix="/venv")
    pip = fixes.reinstall(programs(tmp_path / "full", "cc", "dnf"), prefix="/venv")
    assert pip.startswith(f"{sys.executable} -m pip install --force-reinstall --no-cache-dir ")
    assert bare == f"sudo dnf install -y gcc glibc-devel && {pip}"


def test_styxy_is_installed_again_by_what_installed_it(tmp_path: Path) -> None:
    (tmp_path / "pipx_metadata.json").touch()
    command = fixes.reinstall(programs(tmp_path, "gcc"), prefix=str(tmp_path))
    assert command == "pipx reinstall styxy"


def test_a_package_without_a_library_is_installed_again(styxy: CommandLine, tmp_path: Path) -> None:
    bare = tmp_path / "bare" / "styxy"
    source = Path(fixes.__file__).parents[2]
    shutil.copytree(source, bare, ignore=shutil.ignore_patterns("*.so", "styxy-seccomp"))
    styxy.env["PYTHONPATH"] = str(bare.parent)
    found = examine(styxy, code=1)
    for name in ("library", "bind", "seccomp"):
        assert "pip install --force-reinstall" in found[name]["fix"], name


def test_a_home_on_a_read_only_disk_is_left_for_another(stopped: CommandLine) -> None:
    home = str(stopped.home)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", home, *COMMAND, "doctor", "--json"],
        env=stopped.env, capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip
    if not done.stdout:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    found = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    for name in ("daemon", "home"):
        assert "read-only" in found[name]["message"], found[name]
        assert found[name]["fix"].startswith("export STYXY_HOME=")
    assert "logs" not in {each["fix"] for each in found.values()}


def test_a_port_of_another_home_is_exchanged_for_a_free_one(
    running: CommandLine, tmp_path: Path
) -> None:
    other = CommandLine(tmp_path / "other")
    other.env["STYXY_DAEMON_PORT"] = str(running.port)
    found = examine(other, code=1)["daemon"]
    assert f"port {running.port} is in use by another program of yours" in found["message"]
    assert found["fix"].startswith("export STYXY_DAEMON_PORT=")
    other.env["STYXY_DAEMON_PORT"] = found["fix"].partition("=")[2]
    assert other.run("daemon", "start", "-d").returncode == 0
    other.kill_daemon()


def test_a_configured_port_of_another_home_is_configured_anew(
    running: CommandLine, tmp_path: Path
) -> None:
    other = CommandLine(tmp_path / "other")
    del other.env["STYXY_DAEMON_PORT"]
    assert other.run("config", "set", "listen-port", str(running.port)).returncode == 0
    found = examine(other, code=1)["daemon"]
    assert found["fix"].startswith("styxy config set listen-port ")
    apply_fix(found, other)
    assert other.run("daemon", "start", "-d").returncode == 0
    other.kill_daemon()


def test_whoever_has_a_port_is_known() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        assert fixes.taker_of(port) is not None
    assert fixes.taker_of(port) is None
