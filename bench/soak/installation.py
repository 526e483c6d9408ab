"""What is soaked: a home, its daemon, which may be dead at any moment, and how to speak to it.

The daemon is started as people start it, by a command: `styxy daemon start -d`, or any other that
misses it. Requests are not repeated here, because only the caller knows what is lost with one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.installation import STYXY, any_port, clean_env
from bench.soak.tally import Tally

RANGE = (20_000, 23_999)
"""For leases: below the ports that the kernel gives to clients."""

SERVER_PORTS = (26_000, 27_999)
"""For the port that is hard-coded in the servers."""

PATIENCE = 30.0
"""Seconds; what takes longer hangs."""

OK = 200

RECOVERY = 2.0
"""Seconds after the daemon answers again in which it may still be finding out what it missed."""


class Unanswered(Exception):
    """The daemon was not there, or went away before it had answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon said; `is_repeat` is whether it was asked before, and did not answer."""

    status: int
    body: Any
    is_repeat: bool = False


@dataclass(slots=True, kw_only=True)
class Soak:
    """The installation with its tally; `stopping` ends all workers."""

    home: Path
    tally: Tally
    random: random.Random
    stopping: threading.Event = field(default_factory=threading.Event)
    env: dict[str, str] = field(init=False)
    outages: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.env = clean_env(self.home)
        self.env["STYXY_DAEMON_PORT"] = str(any_port())

    # --- the daemon ------------------------------------------------------------------------------

    def start_daemon(self) -> str | None:
        """Start the daemon as a user does, unless one runs; tell what went wrong.

        The command gives up on a daemon that is slow to start. That daemon goes on all the same,
        so what counts is whether one answers in the end.
        """
        done = self.command("daemon", "start", "-d")
        if done.returncode != 0:
            self.tally.note("slow starts")
            if not self.answers_soon():
                return f"exit status {done.returncode}: {(done.stdout + done.stderr).strip()}"
        if self.outages and self.outages[-1][1] == float("inf"):
            self.outages[-1][1] = time.monotonic() + RECOVERY
        return None

    def answers_soon(self) -> bool:
        """Wait until the daemon answers."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(Unanswered):
                return self.ask("GET", "/status").status == OK
            time.sleep(0.1)
        return False

    def kill_daemon(self) -> None:
        """Kill it without a warning, and wait for its death."""
        pid = self.pid()
        self.outages.append([time.monotonic(), float("inf")])
        with contextlib.suppress(ProcessLookupError):
            death = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(death, signal.SIGKILL)
                select.select([death], [], [], PATIENCE)
            finally:
                os.close(death)

    def pid(self) -> int:
        """Return the process that the home names, running or not."""
        return int(self.facts()["pid"])

    def facts(self) -> dict[str, Any]:
        """Return what daemon.json says; a stopped daemon has removed it."""
        facts = json.loads((self.home / "daemon.json").read_text("utf-8"))
        assert isinstance(facts, dict)
        return facts

    def was_served(self, begin: float, end: float) -> bool:
        """Whether a daemon ran from one moment to another, and had found out what it had missed."""
        return not any(dead < end and alive > begin for dead, alive in list(self.outages))

    def last_death(self) -> float:
        """Return when a daemon was last killed; never is 0."""
        return self.outages[-1][0] if self.outages else 0.0

    # --- talking to it ---------------------------------------------------------------------------

    def connect(self) -> http.client.HTTPConnection:
        """Connect to its Unix socket. Raises `Unanswered`."""
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(PATIENCE)
        try:
            link.connect(self.facts()["socket"])
        except (OSError, ValueError) as error:
            link.close()
            raise Unanswered(str(error)) from error
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = link
        return connection

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request on a connection of its own. Raises `Unanswered`."""
        connection = self.connect()
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def command(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `styxy` to its end; out of reach of the terminal's Ctrl-C, which is for us."""
        return subprocess.run(
            [STYXY, *words],
            env=self.env,
            cwd=cwd or self.home.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=4 * PATIENCE,
            check=False,
        )

    def run(self, *words: str, cwd: Path) -> subprocess.Popen[str]:
        """Start a Python program under `styxy run`; it ends when its standard input does."""
        return subprocess.Popen(
            [STYXY, "run", "--", sys.executable, "-IS", "-u", *words],
            env=self.env,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pause(self, seconds: float) -> bool:
        """Wait between half and one and a half times as long; tell whether to go on."""
        return not self.stopping.wait(seconds * (0.5 + self.random.random()))


def hard_coded_port() -> int:
    """Find a port that nothing uses, for servers that insist on one."""
    for port in random.sample(range(*SERVER_PORTS), len(range(*SERVER_PORTS))):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port is free in {SERVER_PORTS[0]}-{SERVER_PORTS[1]}")


def end(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """End a program, and all that it started, and read what it has left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
