"""An installation just for measuring: fresh home, free port, real daemon, clean environment."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STYXY = str(Path(sys.executable).parent / "styxy")
STOP_PATIENCE = 10.0
"""Seconds for a clean stop, after which the daemon is killed, with a warning."""


class CannotMeasure(Exception):
    """Something is missing; the message is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One running daemon, and how to reach it."""

    home: Path
    port: int
    pid: int
    socket: str
    line_socket: str
    token: str
    env: dict[str, str]
    start_seconds: float


LEFT_OUT = ("LD_PRELOAD", "XDG_RUNTIME_DIR", "PYTHONDONTWRITEBYTECODE")
"""An installed Styxy has bytecode; one that may not write any would compile at each start."""


def clean_env(home: Path) -> dict[str, str]:
    """Return our environment, without the user's own Styxy, for `home`."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("STYXY_") and name not in LEFT_OUT
    }
    return {**ours, "STYXY_HOME": str(home)}


def any_port() -> int:
    """Return an unused port, chosen by the kernel."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_installation(home: Path) -> Iterator[Installation]:
    """Start the daemon on `home`, wait until it answers, stop it at the end."""
    home.mkdir(mode=0o700, exist_ok=True)
    env = clean_env(home)
    port = any_port()
    env["STYXY_DAEMON_PORT"] = str(port)
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "styxy.server", "--port", str(port), "--ready-fd", str(writer)]
    start = time.perf_counter()
    daemon = subprocess.Popen(
        command, env=env, pass_fds=(writer,), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as said:
            word = said.readline().strip()
        took = time.perf_counter() - start
        if word != "ready":
            raise CannotMeasure(f"the daemon did not start: {word or 'it said nothing'}")
        yield described(home, port=port, pid=daemon.pid, env=env, start_seconds=took)
    finally:
        stop(daemon)


def described(
    home: Path, *, port: int, pid: int, env: dict[str, str], start_seconds: float
) -> Installation:
    """Return the installation of a running daemon."""
    told = json.loads((home / "daemon.json").read_text(encoding="utf-8"))
    return Installation(
        home=home,
        port=port,
        pid=pid,
        socket=told["socket"],
        line_socket=told["line_socket"],
        token=(home / "auth.token").read_text(encoding="ascii").strip(),
        env=env,
        start_seconds=start_seconds,
    )


def stop(daemon: subprocess.Popen[bytes]) -> None:
    """Terminate the daemon, or kill it if necessary."""
    daemon.terminate()
    try:
        daemon.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        print("the daemon did not stop when asked; it was killed", file=sys.stderr)
        daemon.kill()
        daemon.wait()
