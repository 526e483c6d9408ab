"""A real daemon in a home of its own, the worktrees that it serves, and what it knows of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from styxy.adapters.paths import Paths
from styxy.client.interception.run import own_library_and_supervisor
from tests.commands import COMMAND, CommandLine
from tests.programs.http_probe import wait_until
from tests.programs.running import PATIENCE, Running, running

LOG_LINE = re.compile(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] "
    r"PID (?P<pid>\d+): Port (?P<asked>\d+) -> (?P<got>\d+) \(service: (?P<service>[\w-]+)\)"
)


PROMPT = 0.05
"""Seconds for an answer of a daemon that is not held up; an idle one takes a millisecond."""


class Lease(TypedDict):
    """The fields of a lease that these tests read."""

    lock_id: str
    port: int
    project_path: str | None


class Reassignment(TypedDict):
    """A move as the API shows it."""

    requested_port: int
    port: int
    pid: int
    service_type: str
    project: str | None
    process: str
    at: str


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, which asks for no token."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class Installation:
    """One Styxy: its home, its daemon, its command line."""

    def __init__(self, home: Path) -> None:
        self.styxy = CommandLine(home)
        self.paths = Paths(self.styxy.env)
        self.log = home / "reassignments.log"

    @property
    def env(self) -> dict[str, str]:
        """The environment of a terminal that belongs to this home."""
        return dict(self.styxy.env)

    def start(self) -> None:
        """Start the daemon; it answers when this returns."""
        done = self.styxy.run("daemon", "start", "-d")
        assert done.returncode == 0, f"{done.stderr}{self.styxy.run('daemon', 'logs').stdout}"

    def stop(self) -> None:
        """Stop the daemon cleanly."""
        done = self.styxy.run("daemon", "stop")
        assert done.returncode == 0, done

    def kill(self) -> None:
        """Kill the daemon, as the end of a test or as a part of it."""
        self.styxy.kill_daemon()

    def library(self) -> str:
        """Install the preload library as an activation does, for an LD_PRELOAD set by hand."""
        return own_library_and_supervisor(self.paths)

    def guest_env(self, **more: str) -> dict[str, str]:
        """The environment of an activated shell."""
        return {**self.env, "LD_PRELOAD": self.library(), **more}

    @contextlib.contextmanager
    def run(
        self,
        words: Sequence[str | Path],
        *,
        cwd: Path,
        terminal: int | None = None,
        **env: str,
    ) -> Iterator[Running]:
        """Run a program as `styxy run` does, and leave nothing of it behind."""
        self.wait_awake()
        own = self.env | env
        with running(under_styxy(words), cwd=cwd, env=own, terminal=terminal) as program:
            try:
                yield program
            except BaseException as failure:
                failure.add_note(f"the daemon's last words:\n{self.last_words()}")
                raise

    def last_words(self) -> str:
        """Return the end of the daemon's log: what delayed it, and which guests it refused."""
        lines = Path(self.paths.daemon_log).read_text(encoding="utf-8").splitlines()
        return "\n".join(lines[-20:])

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Ask the daemon over its Unix socket."""
        with contextlib.closing(UnixConnection(self.paths.socket())) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            document: object = json.loads(answer.read())
        assert answer.status < 300, document
        return document

    def wait_awake(self) -> None:
        """Wait until the daemon answers at once.

        Where the machine stands still, a guest rightly gives up after 250 ms and is not moved.
        """

        def is_awake() -> bool:
            began = time.monotonic()
            self.ask("GET", "/status")
            return time.monotonic() - began < PROMPT

        wait_until(is_awake, "the daemon answers at once")

    def leases(self, project: Path | None = None) -> list[Lease]:
        """List the leases, of one project or all."""
        answer = self.ask("GET", "/allocations")
        assert isinstance(answer, dict)
        leases: list[Lease] = answer["allocations"]
        return [each for each in leases if project is None or each["project_path"] == str(project)]

    def reassignments(self, project: Path) -> list[Reassignment]:
        """List what was moved in one project."""
        answer = self.ask("GET", "/reassignments")
        assert isinstance(answer, dict)
        moves: list[Reassignment] = answer["reassignments"]
        return [each for each in moves if each["project"] == str(project)]

    def wait_no_lease(self, project: Path) -> None:
        """Wait until a project holds nothing."""
        wait_until(lambda: not self.leases(project), f"the leases of {project} end")

    @contextlib.contextmanager
    def promised(self, project: Path, ports: range) -> Iterator[int]:
        """Lease a port in a range for a project, without a listener."""
        body = {
            "service_type": "dev" if 3000 in ports else "api",
            "project_path": str(project),
            "preferred_port": random.choice(ports),
            "sticky": False,
        }
        answer = self.ask("POST", "/allocate", body)
        assert isinstance(answer, dict)
        yield answer["port"]
        with contextlib.suppress(OSError):  # a test may have ended the daemon
            self.ask("DELETE", f"/allocate/{answer['lock_id']}")

    def logged(self, path: Path | None = None) -> list[re.Match[str]]:
        """Read the log of moves; each line must have the product's form."""
        path = path or self.log
        lines = path.read_text().splitlines() if path.exists() else []
        entries = [LOG_LINE.fullmatch(line) for line in lines]
        assert None not in entries, lines
        return [entry for entry in entries if entry is not None]


class Repo:
    """A git repo whose linked worktrees are the projects of the tests."""

    def __init__(self, place: Path) -> None:
        self._place = place.resolve()
        self._main = self._place / "main"
        self._main.mkdir(parents=True)
        self._count = 0
        self._git("init", "--quiet")
        self.commit({})

    def commit(self, files: Mapping[str, str]) -> None:
        """Add files that every later worktree has."""
        for name, text in files.items():
            (self._main / name).write_text(text)
        self._git("add", "--all")
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        self._git(*identity, "commit", "--quiet", "--allow-empty", "--message=Files")

    def worktree(self, name: str) -> Path:
        """Make a worktree, a project of its own."""
        self._count += 1
        path = self._place / f"{name}-{self._count}"
        self._git("worktree", "add", "--quiet", "--detach", str(path))
        return path

    def _git(self, *words: str) -> None:
        # Without the user's settings: no hook, signature or template of his belongs in here.
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        env = {name: value for name, value in env.items() if name not in ("GIT_DIR", "LD_PRELOAD")}
        subprocess.run(["git", *words], cwd=self._main, env=env, check=True, timeout=PATIENCE)


def under_styxy(words: Sequence[str | Path]) -> list[str | Path]:
    """Put `styxy run` before a command."""
    return [*COMMAND, "run", "--", *words]
