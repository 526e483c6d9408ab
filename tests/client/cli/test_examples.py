"""Every example of every command's help runs, as it stands there, against a real daemon."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from styxy.client.cli.command import Command
from styxy.client.cli.main import all_commands
from tests.commands import COMMAND, LONGEST, CommandLine
from tests.fakes import free_port

pytestmark = pytest.mark.slow

READY = {
    "agent install": "mkdir ~/.claude",
    "agent uninstall": "mkdir ~/.claude\nstyxy agent install claude",
    "release": "styxy allocate -s dev -p 3000",
    "wait": "python3 -m http.server 3000 2>/dev/null &",
    "stop": "python3 -m http.server 3000 >/dev/null 2>&1 &\nstyxy wait 3000 >/dev/null",
    "use": "styxy allocate -s ai",
    "hook": "echo '{}' > payload.json",
    "config validate": "styxy config generate -o config.json",
    "config undo-auto": "styxy release --port $(styxy allocate -s grafana | head -1)",
    # On a busy machine a bind may miss the deadline of its question, and then it is not moved.
    "reassignments": "python3 -m http.server 3000 >/dev/null 2>&1 &\nstyxy wait 3000 >/dev/null\n"
    "until styxy run -- python3 -m http.server 3000; do :; done >/dev/null 2>&1 &",
}
"""What has to be there before an example makes sense."""

NUMBERS = dict.fromkeys(("release", "wait", "who", "check", "reassignments", "stop"), "3000")
NUMBERS["daemon restart"] = "9877"
"""Ports that have to be free; one that is takes their place."""

ENDLESS = {"audit", "reassignments", "daemon logs"}
"""Examples that go on until they are stopped."""

CODES = {"who": 1, "service status": 1, "top": 2, **dict.fromkeys(ENDLESS, 130)}
"""Exit codes other than 0: nobody is on that port, there is no service; interrupted by ^C."""

PORTS = "| type | range |\n| --- | --- |\n| mine | 9500-9599 |\n"

NOT_OURS = ("npm", "ollama")
"""Programs that the examples run; a stand-in takes their place."""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A directory of a project, with the files and programs that the examples name."""
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = dict.fromkeys(NOT_OURS, '#!/bin/sh\necho "$0 $*"\n')
    scripts["styxy"] = f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n'
    for name, text in scripts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    project = tmp_path / "project"
    project.mkdir()
    (project / "package.json").write_text("{}")
    (project / "PORTS.md").write_text(PORTS)
    return project


def needs_its_own_daemon(command: Command) -> bool:
    """Whether an example leaves a daemon that is not as it was, or needs a new one."""
    return command.name.partition(" ")[0] in ("config", "daemon", "reassignments")


def shown(command: Command) -> str:
    """The name of a test case."""
    return command.name


@pytest.mark.parametrize(
    "command", [each for each in all_commands() if not needs_its_own_daemon(each)], ids=shown
)
def test_the_example_runs(command: Command, attached: CommandLine, desk: Path) -> None:
    run_example(command, attached, desk)


@pytest.mark.parametrize(
    "command", [each for each in all_commands() if needs_its_own_daemon(each)], ids=shown
)
def test_the_example_runs_on_a_daemon_of_its_own(
    command: Command, running: CommandLine, desk: Path
) -> None:
    run_example(command, running, desk)


def run_example(command: Command, styxy: CommandLine, desk: Path) -> None:
    """Run the example of a command's help as it stands there."""
    # Agents have their settings in the user's home, and an example changes them.
    env = {**styxy.env, "PATH": f"{desk.parent}/bin:{os.environ['PATH']}", "HOME": str(desk.parent)}
    text = f"{READY.get(command.name, ':')}\n{command.example}"
    if command.name in NUMBERS:
        # Of a range: on any other number, a second server of the kind is one too many, and stays.
        text = text.replace(NUMBERS[command.name], str(free_port(range(8000, 8100))))
    with subprocess.Popen(
        ["bash", "-c", text],
        env=env,
        cwd=desk,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            if command.name in ENDLESS:
                follow(process)
            code = process.wait(LONGEST)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert process.stderr is not None
        err = process.stderr.read()
    assert "usage:" not in err
    assert "unknown command" not in err
    assert code == CODES.get(command.name, 0), err


def follow(process: subprocess.Popen[str]) -> None:
    """Wait until it says something, and end it as a person does."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], LONGEST)[0]
    os.killpg(process.pid, signal.SIGINT)
