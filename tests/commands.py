"""The real command line in a home of its own, with a real daemon on a port of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import styxy
from tests.fakes import clean_environment, free_port

COMMAND = [sys.executable, "-P", "-m", "styxy"]
LONGEST = 90  # seconds; a command that takes longer hangs


class CommandLine:
    """Run `styxy` as a user would, and clean up after it."""

    def __init__(self, home: Path, *, port: int | None = None, **env: str) -> None:
        self.home = home
        self.port = port or free_port()
        self.env = clean_environment(
            STYXY_HOME=str(home),
            STYXY_DAEMON_PORT=str(self.port),
            PYTHONPATH=str(Path(styxy.__file__).parent.parent),
            **env,
        )

    def start(
        self, *words: str, cwd: Path | None = None, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start one command, its output in pipes."""
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.env,
            cwd=cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        with self.start(*words, cwd=cwd) as process:
            out, err = process.communicate(timeout=LONGEST)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def json(self, *words: str, code: int = 0) -> dict[str, object]:
        """Run one command with --json and read the one document that it prints."""
        done = self.run(*words, "--json")
        assert done.returncode == code, done
        document = json.loads(done.stdout)
        assert isinstance(document, dict)
        return document

    def daemon_pid(self) -> int | None:
        """Tell which process the home names, running or not."""
        with contextlib.suppress(FileNotFoundError):
            return int(json.loads((self.home / "daemon.json").read_text())["pid"])
        return None

    def kill_daemon(self) -> None:
        """Kill the daemon without a warning, and wait for its death."""
        pid = self.daemon_pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            signal.pidfd_send_signal(process, signal.SIGKILL)
            assert select.select([process], [], [], LONGEST)[0]
            os.close(process)
