"""A daemon for the view alone: it answers GET /overview with what a test has set, and says on its
stream when that is new. Also what such answers are made of.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from tests.daemon import LONGEST
from tests.fakes import http_answer

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
CHANGED = b"event: changed\ndata: {}\n\n"


def chunk(data: bytes) -> bytes:
    """Frame one piece of a stream (RFC 9112, 7.1)."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def port(number: int, *, project: str = "/home/ada/shop", **more: object) -> dict[str, Any]:
    """Describe a server on a port."""
    listener = {
        "protocol": "tcp",
        "addresses": ["127.0.0.1"],
        "url": f"http://localhost:{number}/",
        "pid": 100000 + number,
        "process": "node",
        "program": "vite",
        "command": "node vite.js",
        "since": "2026-01-31T12:00:00Z",
        "own": True,
    }
    return {"port": number, "project": project, "service_type": "dev", "listener": listener, **more}


def lease(name: str = "web", *, state: str = "reserved", **more: object) -> dict[str, Any]:
    """Describe a lease of a port."""
    return {
        "lock_id": f"lease-{name}",
        "service_name": name,
        "state": state,
        "allocated_at": "2026-01-31T12:00:00Z",
        **more,
    }


def project(path: str, *, branch: str | None = None, repo: str | None = None) -> dict[str, Any]:
    """Describe a project."""
    return {
        "path": path,
        "shown": path.replace("/home/ada", "~"),
        "repo": repo,
        "branch": branch,
        "is_linked": repo is not None and repo != path,
    }


def overview(*ports: Mapping[str, object], revision: int = 1, **more: object) -> dict[str, Any]:
    """Describe everything, whole."""
    return {
        "revision": revision,
        "complete": True,
        "version": "1.0",
        "pid": 1,
        "started_at": "2026-01-31T12:00:00Z",
        "ports": list(ports),
        "gone": [],
        "projects": [project("/home/ada/shop", branch="main")],
        "events": [],
        "instances": [],
        "ranges": [],
        "warnings": [],
        **more,
    }


class OverviewDaemon:
    """Serve one answer, and a stream for each client that wants to know when it is another."""

    def __init__(self, path: Path, answer: Mapping[str, object]) -> None:
        self.path = path
        self.asked: list[str] = []
        self._answer = answer
        self._status = 200
        self.is_silent = False
        self._streams: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> OverviewDaemon:
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(2), which close would not
        self._thread.join()
        self._listener.close()
        for stream in self._streams:
            stream.close()
        self.path.unlink()

    def connection(self, *, patience: float = LONGEST) -> Connection:
        """Connect to it."""
        paths = Paths({"STYXY_HOME": str(self.path.parent), "STYXY_SOCKET": str(self.path)})
        return Connection(paths, answer_patience=patience)

    def change(self, answer: Mapping[str, object]) -> None:
        """Answer this from now on, and say that there is news."""
        with self._lock:
            self._answer = answer
            streams = list(self._streams)
        for stream in streams:
            stream.sendall(chunk(CHANGED))

    def answer_with(self, status: int, answer: Mapping[str, object]) -> None:
        """Answer this with another status from now on."""
        self._status = status
        self.change(answer)

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return  # EINVAL: shut down, the test is over
            self._reply(link)

    def _reply(self, link: socket.socket) -> None:
        with link.makefile("rb") as lines:
            words = lines.readline().decode().split(" ")
            if len(words) < 2:
                link.close()
                return  # somebody knocked and went away
            while lines.readline().strip():
                pass
        self.asked.append(words[1])
        if words[1].startswith("/events"):
            with self._lock:
                self._streams.append(link)
            link.sendall(STREAM_HEAD + chunk(b": styxy\n\n"))
            return
        if self.is_silent:
            self._streams.append(link)  # and never answered
            return
        with self._lock:
            body = json.loads(json.dumps(self._answer))
        with link:
            link.sendall(http_answer(self._status, body))
