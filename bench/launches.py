"""For comparison: what a command waits for that is started through Styxy, and through portless.

portless, from npm, gives a command a port in `PORT` and a name that its proxy knows; Styxy waits
for the command's own bind. Both have their daemon running, both start `true`. portless is measured
with what takes it the least time: plain HTTP, and no entries in /etc/hosts. `make bench` gets it
into .cache/peers; without npm, it is named as left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.installation import STYXY, CannotMeasure, Installation, any_port
from bench.rows import Row, compared, left_out

PACKAGE = Path(__file__).parent.parent / ".cache/peers/node_modules/portless"
PATIENCE = 20.0
"""Seconds for its proxy to open its port; it takes less than one."""

WHAT = "start and end of true"


def measure(installation: Installation, place: Path) -> Iterator[Row]:
    """Take turns between `styxy run`, portless, and the command alone."""
    run = partial(
        subprocess.run, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    ours = ("styxy run -- true", partial(run, [STYXY, "run", "--", "true"], env=installation.env))
    alone = {"true alone": partial(run, ["true"], env=installation.env)}
    if why := why_not():
        yield from compared(WHAT, ours, alone)
        yield left_out(f"{WHAT}, portless", why)
        return
    with proxy(installation, place) as env:
        version = json.loads((PACKAGE / "package.json").read_text("utf-8"))["version"]
        theirs = partial(run, [*command(), "bench", "true"], env=env)
        yield from compared(WHAT, ours, {**alone, f"portless {version} NAME true": theirs})


def why_not() -> str | None:
    """Why portless cannot be measured here."""
    if shutil.which("node") is None:
        return "Node is not installed"
    return None if PACKAGE.is_dir() else "npm did not install it"


def command() -> list[str]:
    """Start it without a shell between, as a global installation does."""
    return ["node", str(PACKAGE / "dist/cli.js")]


@contextlib.contextmanager
def proxy(installation: Installation, place: Path) -> Iterator[dict[str, str]]:
    """Run its proxy, all of its state in a directory of its own; yields its environment."""
    state = place / "portless"
    state.mkdir()
    port = any_port()
    env = {
        **{name: each for name, each in installation.env.items() if "PORTLESS" not in name},
        "HOME": str(state),
        "PORTLESS_STATE_DIR": str(state),
        "PORTLESS_PORT": str(port),
        "PORTLESS_HTTPS": "0",
        "PORTLESS_SYNC_HOSTS": "0",
        "CI": "1",
    }
    words = [*command(), "proxy", "start", "--foreground", "--no-tls", "-p", str(port)]
    with open(state / "log", "wb") as log:
        server = subprocess.Popen(
            words, env=env, cwd=state, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_listening(server, port)
        yield env
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def wait_listening(server: subprocess.Popen[bytes], port: int) -> None:
    """Connect until the proxy accepts; it does not report readiness in any other way."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.02)
    raise CannotMeasure("portless did not start its proxy")
