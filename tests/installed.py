"""Run what an installer has put somewhere, without what would lead it back to this checkout."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from styxy import __version__
from tests.fakes import free_port
from tests.network import outside


@functools.cache
def _reaches_index() -> bool:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0"]
    with outside(), tempfile.TemporaryDirectory() as place:
        words = [*pip, "download", "--quiet", "--no-deps", "--dest", place, "click"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


def skip_without_index() -> None:
    """Skip a test that installs what is only in the package index, where that is away."""
    if not _reaches_index():
        pytest.skip("the package index cannot be reached")


def clean_env(**changes: str) -> dict[str, str]:
    """Our environment without what would lead a new installation back to this one."""
    strange = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_PRELOAD", "CC")
    return {name: value for name, value in os.environ.items() if name not in strange} | changes


def run(
    *command: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail; its output is the caller's to judge."""
    return subprocess.run(
        [str(word) for word in command],
        env=env or clean_env(),
        capture_output=True,
        text=True,
        check=False,
    )


def run_well(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Run a command that has to succeed; return what it says on standard output."""
    done = run(*command, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_moves_a_server(bin_dir: Path, home: Path, *, env: dict[str, str] | None = None) -> None:
    """Bind a busy port under the installed `styxy run` and expect another one."""
    bind = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))"
    program = (bin_dir / "python", "-c", f"{bind}; print(s.getsockname()[1])")
    here = {"STYXY_HOME": str(home), "STYXY_DAEMON_PORT": str(free_port())}
    env = (env or clean_env()) | here
    try:
        # `run` waits a second for a daemon that it starts; a crowded machine may need two.
        run_well(bin_dir / "styxy", "daemon", "start", "-d", env=env)
        with socket.create_server(("127.0.0.1", 0)) as busy:
            asked = busy.getsockname()[1]
            got = int(run_well(bin_dir / "styxy", "run", "--", *program, str(asked), env=env))
        assert got != asked
    finally:
        run_well(bin_dir / "styxy", "daemon", "stop", env=env)


def assert_has_the_hook(bin_dir: Path) -> None:
    """Expect the program that agents call beside the command line, compiled: no script."""
    assert run_well(bin_dir / "styxy-hook", "--version") == f"styxy-hook {__version__}\n"
    assert (bin_dir / "styxy-hook").read_bytes().startswith(b"\x7fELF")
