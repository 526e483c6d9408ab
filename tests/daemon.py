"""A real daemon for tests: its own process, home and port, and ways to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import styxy
from tests.fakes import clean_environment, free_port

LONGEST = 60.0
"""Seconds; what takes longer hangs."""

PAUSE = 0.01
"""Seconds between two questions. Who asks without one keeps a whole processor from what they wait
for, and the other from the tests beside them."""

SERVER_ID = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what HTTP answered; `body` is decoded JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]


class StartRefused(Exception):
    """Carry what a daemon said on its ready descriptor, and its exit status."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.line = line
        self.code = code


class Daemon:
    """Start `python -m styxy.server`; as a context manager, kill it in the end.

    Whatever the test was about, a traceback or a warning in the daemon's log fails it. `wrapper`
    is a command that runs another one in its own place, such as setpriv(1).
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        options: tuple[str, ...] = (),
        wrapper: tuple[str, ...] = (),
        **env: str,
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.log = home.with_name(home.name + ".log")
        self._options = options
        self.wrapper = wrapper
        self.environment = clean_environment(
            STYXY_HOME=str(home),
            HOME=str(home.parent),
            PYTHONPATH=str(Path(styxy.__file__).parent.parent),
            **env,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        if kind is None:
            said = self.log.read_text()
            assert "Traceback" not in said, said
            assert "Warning" not in said, said

    # --- its life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it answers. Raises `StartRefused`."""
        ours, theirs = os.pipe()
        command = [sys.executable, "-P", "-m", "styxy.server", "--port", str(self.port)]
        with self.log.open("ab") as log, open(ours, "rb") as ready:
            self._process = subprocess.Popen(
                [*self.wrapper, *command, "--ready-fd", str(theirs), *self._options],
                env=self.environment,
                pass_fds=[theirs],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            os.close(theirs)
            assert select.select([ready], [], [], LONGEST)[0], "the daemon says nothing"
            line = ready.read().decode()
        if line != "ready\n":
            raise StartRefused(line, self._process.wait(LONGEST))

    def refusal(self) -> StartRefused:
        """Start it, which must fail, and tell what it said."""
        refusal = self.try_start()
        if refusal is None:
            self.kill()
            raise AssertionError("the daemon started")
        return refusal

    def try_start(self) -> StartRefused | None:
        """Start it, and tell what it said if it would not."""
        try:
            self.start()
        except StartRefused as refusal:
            self._process = None
            return refusal
        return None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; return its exit status."""
        process = self.process
        process.send_signal(number)
        self._process = None
        return process.wait(LONGEST)

    def kill(self) -> None:
        """Kill it without a warning, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(LONGEST)
            self._process = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None
        return self._process

    @property
    def facts(self) -> dict[str, Any]:
        """What daemon.json says."""
        facts = json.loads((self.home / "daemon.json").read_text())
        assert isinstance(facts, dict)
        return facts

    @property
    def token(self) -> str:
        """The secret of the TCP socket."""
        return (self.home / "auth.token").read_text().strip()

    # --- talking to it ---------------------------------------------------------------------------

    def call(
        self, method: str, path: str, body: object = None, *, over: str = "unix", **headers: str
    ) -> Answer:
        """Ask over `unix`, `tcp` (with the token) or `bare` (TCP without it).

        A body that is no bytes is sent as JSON. `X_API_KEY=...` becomes the header X-API-Key.
        """
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if over == "tcp":
            said.setdefault("Authorization", f"Bearer {self.token}")
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with closing(self.connect(over)) as connection:
            connection.request(method, path, raw, said)
            return answer_of(connection.getresponse())

    def connect(self, over: str = "unix") -> http.client.HTTPConnection:
        """Open a connection; HTTP over a Unix socket needs a hand-made one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        if over == "unix":
            connection.sock = self.connect_unix(self.facts["socket"])
        return connection

    def connect_unix(self, path: str) -> socket.socket:
        """Connect to one of its Unix sockets."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(LONGEST)
        try:
            link.connect(path)
        except OSError:
            link.close()
            raise
        return link

    def ask(self, line: bytes) -> bytes:
        """Ask on the line socket as the native library does; b"" where it hangs up."""
        with self.connect_unix(self.facts["line_socket"]) as link, link.makefile("rb") as lines:
            link.sendall(line)
            answer = lines.readline()
            return lines.readline() if answer == b"styxy/1 wait\n" else answer

    def allocate(self, kind: str = "dev", **fields: object) -> dict[str, Any]:
        """Lease a port."""
        answer = self.call("POST", "/allocate", {"service_type": kind, **fields})
        assert answer.status == 200, answer
        assert isinstance(answer.body, dict)
        return answer.body

    def leases(self, query: str = "") -> list[dict[str, Any]]:
        """List the leases."""
        found = self.call("GET", "/allocations" + query).body["allocations"]
        assert isinstance(found, list)
        return found


def answer_of(response: http.client.HTTPResponse) -> Answer:
    """Read an answer, which must be JSON."""
    raw = response.read()
    assert response.headers.get("content-type") == "application/json", raw
    return Answer(response.status, json.loads(raw), dict(response.headers.items()))


def port_of(server: socket.socket) -> int:
    """Tell which port a socket is bound to."""
    return int(server.getsockname()[1])


def question(asked: int, *, reason: str = "inuse", **more: object) -> bytes:
    """Spell a guest's question by hand, as `native/guest/daemon/wire.c` does."""
    words = {
        "protocol": "tcp",
        "family": 4,
        "port": asked,
        "address": "127.0.0.1",
        "reason": reason,
        "lost": 0,
        "server": SERVER_ID,
        "instance": "default",
        "kind": "-",
        "project": "/p",
        **more,
    }
    return " ".join(["styxy/1", "bind", *(str(word) for word in words.values())]).encode() + b"\n"


def wait_until(condition: Callable[[], bool], *, seconds: float = LONGEST) -> float:
    """Ask again and again until it is so; tell how many seconds it took.

    The condition itself has to wait for something, such as an answer of the daemon.
    """
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"not so after {seconds} seconds"
        time.sleep(PAUSE)
    return time.monotonic() - begin
