"""For comparison: Google's port server from the PyPI package `portpicker`, in the same run.

It leases a port to a process over a Unix socket, one connection a question, and keeps its leases in
memory alone. It is asked by the client that asks our line socket, so that the servers differ and
nothing else. Its log goes to a file: on a pipe that nobody reads it would stop.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.installation import CannotMeasure, clean_env
from bench.line import one_line
from bench.rows import Row, row, timed

PORTSERVER = Path(sys.executable).parent / "portserver.py"
ROUNDS = 500
WARM_UP = 50
PATIENCE = 10.0
"""Seconds for it to open its socket; it takes half a second."""


def measure(place: Path) -> Iterator[Row]:
    """Lease as many ports to this process as we lease ourselves."""
    if not PORTSERVER.exists():
        print("portpicker is not installed, so there is no peer in the table", file=sys.stderr)
        return
    question = f"{os.getpid()}\n".encode()
    with serving(place) as address:
        samples = [ask(address, question) for _ in range(WARM_UP + ROUNDS)]
    yield row("portpicker's portserver: lease in memory (its Unix socket)", samples[WARM_UP:])


def ask(address: str, question: bytes) -> float:
    """Seconds of connect, one line out, one line back."""
    took, answer = timed(lambda: one_line(address, question))
    if answer.strip() in (b"", b"0"):
        raise CannotMeasure(f"portserver answered {answer!r}")
    return took


@contextlib.contextmanager
def serving(place: Path) -> Iterator[str]:
    """Run it on an abstract socket of its own."""
    name = f"styxy-bench-{os.getpid()}"
    command = [sys.executable, str(PORTSERVER), "--portserver_address", f"@{name}"]
    with open(place / "portserver.log", "wb") as log:
        server = subprocess.Popen(command, env=clean_env(place), stdout=log, stderr=log)
    try:
        wait_listening(server, f"\0{name}")
        yield f"\0{name}"
    finally:
        server.kill()
        server.wait()


def wait_listening(server: subprocess.Popen[bytes], address: str) -> None:
    """Connect until it accepts; it does not report readiness in any other way."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            one_line(address, f"{os.getpid()}\n".encode())
            return
        time.sleep(0.02)
    raise CannotMeasure("portserver did not open its socket")
