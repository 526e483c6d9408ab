"""A mount whose server is dead holds no command up: the working directory, a project, the home."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import COMMAND, LONGEST, CommandLine
from tests.fakes import free_port
from tests.hanging_mount import HangingMount
from tests.promises.test_hung_mounts import server_in, tell_to_listen


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[HangingMount]:
    with HangingMount(tmp_path / "mount") as mounted:
        yield mounted


@pytest.fixture
def styxy(tmp_path: Path) -> Iterator[CommandLine]:
    commands = CommandLine(tmp_path / "home")
    yield commands
    commands.kill_daemon()


@contextmanager
def shell_in(
    mount: HangingMount, styxy: CommandLine, *words: str
) -> Iterator[subprocess.Popen[str]]:
    """A shell in `shop/web` that runs a command of ours once it is sent a line."""
    with subprocess.Popen(
        ["/bin/sh", "-c", 'echo here; read -r _; exec "$@"', "sh", *COMMAND, *words],
        cwd=mount.path / "shop" / "web",
        env=styxy.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as shell:
        try:
            assert shell.stdout is not None
            assert shell.stdout.readline() == "here\n"  # it looks at its directory first
            yield shell
        finally:
            mount.recover()  # what hangs cannot be killed
            shell.kill()


def test_a_program_runs_in_a_directory_that_does_not_answer(
    styxy: CommandLine, mount: HangingMount
) -> None:
    styxy.run("daemon", "start", "-d")
    with shell_in(mount, styxy, "run", "-s", "dev", "--", "printenv", "PORT") as shell:
        mount.hang()
        out, err = shell.communicate("\n", timeout=LONGEST)
    assert shell.returncode == 0, err
    assert 3000 <= int(out) < 4000
    assert "running without" not in err


def test_a_program_runs_for_a_project_that_does_not_answer(
    styxy: CommandLine, mount: HangingMount
) -> None:
    mount.hang()
    done = styxy.run("run", "--project", f"{mount.path}/shop", "--", "printenv", "STYXY_PROJECT")
    assert (done.returncode, done.stdout) == (0, f"{mount.path}/shop\n"), done.stderr


def test_who_describes_a_server_in_a_directory_that_does_not_answer(
    styxy: CommandLine, mount: HangingMount
) -> None:
    port = free_port()
    with server_in(mount.path / "shop" / "web", port) as server:
        mount.hang()
        tell_to_listen(server)
        report = styxy.json("who", str(port), "--no-start")
    servers = report["servers"]
    assert isinstance(servers, list)
    found = [(each["pid"], each["project"]) for each in servers]
    assert found == [(server.pid, f"{mount.path}/shop/web")]
