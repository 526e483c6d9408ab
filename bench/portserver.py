"""For comparison: Google's port server from the PyPI package `portpicker`, in the same run.

It leases a port to a process over a Unix socket, one connection a question, and keeps its leases in
memory alone. It is asked by the client that asks our line socket, so that the servers differ and
nothing else. Its log goes to a file: on a pipe that nobody reads it would stop.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import line
from bench.http_client import HttpClient
from bench.installation import CannotMeasure, Installation, clean_env
from bench.line import one_line
from bench.rows import Row, left_out, ratio, row, timed
from styxy.core.model.ports import Port

PORTSERVER = Path(sys.executable).parent / "portserver.py"
PEER = "portpicker's portserver: lease in memory (its Unix socket)"
OURS = "beside it: bind question, new lease on disk (line socket)"
ROUNDS = 200
WARM_UP = 20
PATIENCE = 10.0
"""Seconds for it to open its socket; it takes half a second."""


def measure(installation: Installation, place: Path) -> Iterator[Row]:
    """Take turns between a lease of its and a lease of ours."""
    if not PORTSERVER.exists():
        yield left_out(PEER, "portpicker is not installed")
        return
    question = f"{os.getpid()}\n".encode()
    theirs: list[float] = []
    ours: list[float] = []
    client = HttpClient(installation, unix=True, keep=True)
    with serving(place) as address, socket.create_server(("127.0.0.1", 0)) as busy:
        port = Port(busy.getsockname()[1])
        for turn in range(WARM_UP + ROUNDS):
            theirs.append(ask(address, question))
            written = line.written(installation, port=port, image_id=turn + 1)
            ours.append(line.ask(installation, written))
            line.release_all(client)
    client.close()
    yield row(PEER, theirs[WARM_UP:])
    yield row(OURS, ours[WARM_UP:])
    yield ratio("a lease of ours / one of portserver's", ours[WARM_UP:], theirs[WARM_UP:])


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
