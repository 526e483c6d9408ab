"""What the tests of `styxy-hook` share: the program, and daemons that behave as a test wants."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from native.build import hook_command
from tests.native.supervised import SANITIZERS, STRICT
from tests.scratch import once, scratch

LONGEST = 60
"""Seconds; a hook that takes longer hangs. Its own limits are far below."""

Behaviour = Callable[[socket.socket, bytes], None]
"""What a daemon does with a connection, once it has read the request."""


@functools.cache
def hook(*, sanitize: bool = True) -> Path:
    """The program, compiled as the build compiles it, and sanitized."""
    extra = [*STRICT, *(SANITIZERS if sanitize else [])]

    def build(out: Path) -> None:
        subprocess.run(hook_command(str(out), extra=extra), check=True, timeout=300)

    return once(scratch() / "hook" / ("sanitized" if sanitize else "styxy-hook"), build)


def reply(body: bytes, status: str = "200 OK") -> bytes:
    """Spell an answer as the daemon does."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\nconnection: close\r\n\r\n".encode() + body


def say(*pieces: bytes) -> Behaviour:
    """Answer with these bytes, piece by piece, and hang up."""

    def behaviour(connection: socket.socket, request: bytes) -> None:
        del request
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)

    return behaviour


def begin(start: bytes) -> Behaviour:
    """Answer with these bytes, and neither go on nor hang up."""

    def behaviour(connection: socket.socket, request: bytes) -> None:
        del request
        connection.sendall(start)

    return behaviour


silence = begin(b"")


class Peer:
    """A home with daemon.json, and a thread that answers on the socket which that names."""

    def __init__(self, home: Path, behaviour: Behaviour) -> None:
        self.home = home
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        self.socket = home / "styxy.sock"
        home.mkdir(exist_ok=True)
        self.write_daemonfile({"pid": 1, "socket": str(self.socket), "map": "/m"})
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listener, *self._held):
            each.close()

    def write_daemonfile(self, content: object) -> None:
        """Write what the home says of its daemon."""
        (self.home / "daemon.json").write_text(json.dumps(content, ensure_ascii=False))

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down: the test is over
                return
            self._held.append(connection)
            connection.settimeout(LONGEST)
            try:
                request = read_request(connection)
                if request:  # not where the hook has given up
                    self.requests.append(request)
                    self.behaviour(connection, request)
            except OSError:  # likewise
                continue


def read_request(connection: socket.socket) -> bytes:
    """Read one request; nothing where it is cut off."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"-Length" in line]
    while len(body) < length:
        piece = connection.recv(1 << 20)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


def environment(home: Path, **more: str) -> dict[str, str]:
    """An agent's environment. No `styxy` is in its PATH."""
    return {"PATH": "/nowhere", "STYXY_HOME": str(home)} | more


def call(
    home: Path,
    event: str = "PreToolUse",
    payload: bytes = b"{}",
    *,
    program: tuple[str | Path, ...] = (),
    **more: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run the hook of one event to its end."""
    words = [*(program or (hook(),)), "claude", event]
    return subprocess.run(
        words, env=environment(home, **more), input=payload, capture_output=True, timeout=LONGEST
    )


def assert_silent(done: subprocess.CompletedProcess[bytes]) -> None:
    """Expect that an agent goes on as if Styxy were not there."""
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def answer_of(
    home: Path, event: str = "SessionStart", payload: bytes = b"{}", **more: str
) -> bytes:
    """Call until an answer is printed: a busy machine may miss the deadline of one call."""
    return until_answered(lambda: call(home, event, payload, program=(), **more))


def until_answered(attempt: Callable[[], subprocess.CompletedProcess[bytes]]) -> bytes:
    """Try again until something is printed."""
    deadline = time.monotonic() + LONGEST
    while True:
        done = attempt()
        assert (done.returncode, done.stderr) == (0, b"")
        if done.stdout:
            return done.stdout
        assert time.monotonic() < deadline, "it never answers"


def started(
    home: Path, event: str = "PreToolUse", *, stdin: int, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start a hook on other streams than pipes that are read and closed."""
    return subprocess.Popen(
        [hook(), "claude", event], env=environment(home), stdin=stdin, stdout=stdout
    )


def file_with(content: bytes, path: Path) -> int:
    """Open a file with this content."""
    path.write_bytes(content)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
