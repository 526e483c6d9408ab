"""Show Styxy at work with two real servers that want one port: what `make run` does.

It uses the `styxy` of the interpreter that runs it and the user's own Styxy home, picks a port that
is free now, ends both of its servers, and leaves the daemon running. A second run does no harm.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

STYXY = str(Path(sys.executable).parent / "styxy")
PATIENCE = 15.0
"""Seconds that a server may take to say that it serves; a slow machine needs one."""

WANTED = range(8000, 8100)
"""The range of the service type `api`, where `python -m http.server` lives by habit."""

SERVING = re.compile(r"Serving HTTP on .* port (\d+)")


class DemoFailed(Exception):
    """Say in one sentence what did not happen."""


def say(text: str = "") -> None:
    """Print at once, so that our lines and the servers' come in order."""
    print(text, flush=True)


def styxy(*words: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run([STYXY, *words], capture_output=True, text=True, check=False)


def start_daemon() -> None:
    """Start the daemon where none runs; on another port where the usual one is somebody else's."""
    started = styxy("daemon", "start", "-d")
    if started.returncode:
        say(f"   {started.stderr.strip()}")
        started = styxy("daemon", "start", "-d", "-p", str(any_port()))
    if started.returncode:
        raise DemoFailed(f"the daemon did not start: {started.stderr.strip()}")
    say(f"   {(started.stdout or started.stderr).strip()}")


def require_interception() -> None:
    """Stop early, with the one line of `styxy run`, where it could move nothing."""
    tried = styxy("run", "--", "true")
    if tried.returncode or tried.stderr:
        raise DemoFailed(tried.stderr.strip())


def any_port() -> int:
    """A port that nobody uses now, chosen by the kernel."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_port() -> int:
    """The first port of the usual range that is free, by Styxy's own word."""
    for port in WANTED:
        verdict = styxy("check", str(port)).returncode
        if verdict == 0:
            return port
        if verdict != 1:
            raise DemoFailed("the daemon does not answer; see: styxy daemon status")
    return any_port()


def folder(base: str, name: str) -> Path:
    """Make a little project that serves one line."""
    place = Path(base, name)
    place.mkdir()
    Path(place, "index.html").write_text(f"hello from the {name} project\n", encoding="utf-8")
    return place


@contextlib.contextmanager
def serving(command: list[str], *, place: Path, env: dict[str, str]) -> Iterator[int]:
    """Run a server in `place`, show what it says, yield the port that it says; then end it."""
    server = subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = threading.Timer(PATIENCE, server.kill)
    try:
        deadline.start()
        yield wait_serving(server)
    finally:
        deadline.cancel()
        server.terminate()
        server.wait()
        if server.stdout:
            server.stdout.close()


def wait_serving(server: subprocess.Popen[str]) -> int:
    """Pass on the server's lines up to the one that names its port."""
    for line in server.stdout or ():
        say(f"   {line.rstrip()}")
        if found := SERVING.search(line):
            return int(found[1])
    raise DemoFailed("a server ended, or was too slow, before it served; its words are above")


def fetch(port: int) -> str:
    """Ask one server for its page, past any proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()


def show(base: str) -> None:
    """Tell the story: daemon, first server, second server, both answer."""
    say("1. The daemon, which any command starts when it needs it:")
    start_daemon()
    require_interception()
    port = free_port()
    server = [sys.executable, "-u", "-m", "http.server", str(port)]

    say(f"\n2. The first project takes port {port}, and knows nothing of Styxy:")
    say(f"   $ python3 -m http.server {port} --bind 127.0.0.1")
    alone = {"STYXY_DISABLE_REASSIGN": "1"}
    first = serving([*server, "--bind", "127.0.0.1"], place=folder(base, "first"), env=alone)
    with first as first_port:
        say(f"\n3. The second project wants port {port} too, and runs under Styxy:")
        say(f"   $ styxy run -- python3 -m http.server {port}")
        told = {"STYXY_NOTIFY": "stdout"}
        run = [STYXY, "run", "--", *server]
        with serving(run, place=folder(base, "second"), env=told) as second_port:
            say("\n4. Both answer:")
            for at in (first_port, second_port):
                say(f"   http://localhost:{at}  ->  {fetch(at)}")
            if first_port == second_port:
                raise DemoFailed("the second server was not moved")


def say_what_next() -> None:
    """Name the next commands, and how to undo what is left."""
    bin_dir = os.path.relpath(Path(STYXY).parent)
    say(
        f"""
Both servers have been stopped; the daemon goes on. Next, in this shell:

   . {bin_dir}/activate
   styxy run -- npm run dev            any program, unmodified
   styxy allocate -s dev -n web        take a port for a project
   styxy list                          what is promised, to whom
   styxy check 3000                    free or taken, by whom
   styxy daemon stop                   when you have seen enough
"""
    )


def main() -> int:
    """Run the story once; 1 with one sentence where a part of it fails."""
    say("Styxy: a busy port is no longer the end.\n")
    try:
        with tempfile.TemporaryDirectory(prefix="styxy-demo-") as base:
            show(base)
    except (DemoFailed, OSError, http.client.HTTPException) as failure:
        say(f"\nThe demonstration stopped: {failure}")
        return 1
    say_what_next()
    return 0


if __name__ == "__main__":
    sys.exit(main())
