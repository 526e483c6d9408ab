"""Every command but interception where netlink, /proc and pidfds are not used (STYXY_PORTABLE)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.client.cli.command import Command
from styxy.client.cli.main import all_commands
from tests.client.cli.test_examples import desk, needs_its_own_daemon, run_example, shown
from tests.commands import LONGEST, CommandLine
from tests.daemon import wait_until

__all__ = ["desk"]

INTERCEPTION = ("run", "env", "reassignments")
"""Commands that are about moved binds."""

PAGE = ("open",)
"""The page lets in only whoever the kernel says is the daemon's user."""

LISTENING = "import socket; s = socket.create_server(('', 0)); print(s.getsockname()[1]); input()"


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A command line and its daemon, both of which look through psutil."""
    home = tmp_path_factory.mktemp("portable") / "home"
    command_line = CommandLine(home, STYXY_PORTABLE="1")
    assert command_line.run("daemon", "start", "-d").returncode == 0
    yield command_line
    command_line.kill_daemon()


@pytest.fixture
def server(here: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server of a project, and its port."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-u", "-c", LISTENING], stdin=-1, stdout=subprocess.PIPE, cwd=here
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()


def test_who_listens_is_known(
    portable: CommandLine, server: tuple[subprocess.Popen[bytes], int], here: Path
) -> None:
    process, port = server
    seen = portable.json("check", str(port), code=1)
    assert f"'pid': {process.pid}" in str(seen)
    found = portable.json("who", str(port))["servers"]
    assert isinstance(found, list)
    assert [(each["pid"], each["project"]) for each in found] == [(process.pid, str(here))]
    assert portable.run("wait", str(port)).returncode == 0
    assert f"{port}  tcp" in portable.run("scan", "-s", str(port), "-e", str(port)).stdout


def test_the_dead_hold_nothing(
    portable: CommandLine, server: tuple[subprocess.Popen[bytes], int]
) -> None:
    process, _ = server
    lease = portable.json("allocate", "-s", "build", "--pid", str(process.pid))
    process.kill()
    process.wait(LONGEST)
    wait_until(lambda: str(lease["lock_id"]) not in portable.run("list", "--json").stdout)


def test_a_server_is_stopped_and_nothing_else(
    portable: CommandLine, server: tuple[subprocess.Popen[bytes], int], here: Path
) -> None:
    process, port = server
    assert portable.run("stop", str(port), cwd=here).returncode == 0
    assert process.wait(LONGEST) == -signal.SIGTERM
    assert portable.run("check", str(port)).returncode == 0


def test_a_program_runs_unmoved_and_is_told_why(portable: CommandLine) -> None:
    done = portable.run("run", "--", sys.executable, "-c", "print('up')")
    assert (done.returncode, done.stdout) == (0, "up\n")
    assert done.stderr == (
        "styxy: STYXY_PORTABLE has Styxy look through psutil: ports are not moved\n"
    )


def test_no_code_is_given_out_that_nobody_could_use(portable: CommandLine) -> None:
    done = portable.run("open", "--print")
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "netlink" in done.stderr
    assert "styxy top" in done.stderr


def test_the_doctor_finds_nothing_wrong(portable: CommandLine) -> None:
    checks = portable.json("doctor")["checks"]
    assert isinstance(checks, list)
    assert [each for each in checks if each["verdict"] == "error"] == []


def test_a_second_daemon_is_refused_and_the_first_one_stops(tmp_path: Path) -> None:
    styxy = CommandLine(tmp_path / "home", STYXY_PORTABLE="1")
    assert styxy.run("daemon", "start", "-d").returncode == 0
    pid = styxy.daemon_pid()
    assert styxy.run("daemon", "start").returncode == 1
    assert styxy.run("daemon", "restart").returncode == 0
    assert styxy.daemon_pid() != pid
    assert styxy.run("daemon", "stop").returncode == 0
    assert styxy.daemon_pid() is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [each for each in all_commands() if each.name.split()[0] not in (*INTERCEPTION, *PAGE)],
    ids=shown,
)
def test_the_example_of_each_command_runs(
    command: Command, portable: CommandLine, desk: Path, tmp_path: Path
) -> None:
    if not needs_its_own_daemon(command):
        run_example(command, portable, desk)
        return
    own = CommandLine(tmp_path / "own", STYXY_PORTABLE="1")
    assert own.run("daemon", "start", "-d").returncode == 0
    try:
        run_example(command, own, desk)
    finally:
        own.kill_daemon()
