"""Command lines of users that have a service manager, which is real but small."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.commands import CommandLine
from tests.service_manager import running_manager

WATCHDOG = 1.0  # seconds without a sign of life; a false alarm here restarts what is restarted


def user_in(folder: Path) -> CommandLine:
    """A command line of a user of its own, whose service manager nobody reaches."""
    (folder / "user").mkdir()
    (folder / "runtime").mkdir(mode=0o700)
    command_line = CommandLine(folder / "home", HOME=str(folder / "user"))
    command_line.env["XDG_RUNTIME_DIR"] = str(folder / "runtime")
    return command_line


@contextlib.contextmanager
def managed_in(folder: Path) -> Iterator[CommandLine]:
    """A command line of a user with a service manager."""
    command_line = user_in(folder)
    with running_manager(folder, command_line.env, watchdog=WATCHDOG) as programs:
        command_line.env["PATH"] = f"{programs}:{command_line.env['PATH']}"
        yield command_line
    command_line.kill_daemon()


def units_of(styxy: CommandLine) -> Path:
    return Path(styxy.env["HOME"], ".config", "systemd", "user")


def programs_of(styxy: CommandLine) -> Path:
    return Path(styxy.env["PATH"].split(":")[0])


def systemctl(styxy: CommandLine, *words: str) -> None:
    subprocess.run([programs_of(styxy) / "systemctl", "--user", *words], check=True)
