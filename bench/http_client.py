"""The smallest possible HTTP client, so that the daemon is what is measured.

`http.client` costs more than the answer does. This one sends one prepared request and reads one
answer with a Content-Length; it knows nothing else of HTTP.
"""

from __future__ import annotations

import json
import re
import socket

from bench.installation import CannotMeasure, Installation

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class HttpClient:
    """Sends requests over TCP or the Unix socket, on one kept connection or a new one each time."""

    def __init__(self, installation: Installation, *, unix: bool, keep: bool) -> None:
        self._installation = installation
        self._unix = unix
        self._keep = keep
        self._connection: socket.socket | None = None

    def ask(
        self, method: str, path: str, body: dict[str, object] | None = None
    ) -> dict[str, object]:
        """Send one request, read one answer. Raises `CannotMeasure` if it fails."""
        request = self.prepare(method, path, body)
        return self.decode(self.send(request))

    def prepare(self, method: str, path: str, body: dict[str, object] | None = None) -> bytes:
        """Encode a request in advance, so that this is not part of the measurement."""
        payload = json.dumps(body).encode() if body is not None else b""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            f"Connection: {'keep-alive' if self._keep else 'close'}",
            "Content-Type: application/json",
            f"Content-Length: {len(payload)}",
        ]
        if not self._unix:
            lines.append(f"Authorization: Bearer {self._installation.token}")
        return "\r\n".join([*lines, "", ""]).encode() + payload

    def send(self, request: bytes) -> bytes:
        """Send a prepared request and return the whole answer: this is what is timed."""
        connection = self._connection or self.connect()
        connection.sendall(request)
        answer = read_answer(connection)
        if self._keep:
            self._connection = connection
        else:
            connection.close()
        return answer

    def connect(self) -> socket.socket:
        """Open a connection, with TCP_NODELAY as every HTTP client has."""
        if self._unix:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(self._installation.socket)
            return connection
        connection = socket.create_connection(("127.0.0.1", self._installation.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def decode(self, answer: bytes) -> dict[str, object]:
        """Read the JSON of an answer."""
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1]
        if status != b"200":
            raise CannotMeasure(f"the daemon answered {status.decode()}: {body.decode()}")
        decoded = json.loads(body)
        assert isinstance(decoded, dict)
        return decoded

    def close(self) -> None:
        """Close a kept connection."""
        if self._connection:
            self._connection.close()
            self._connection = None


def read_answer(connection: socket.socket) -> bytes:
    """Read head and body of one answer."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += more(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    found = LENGTH.search(head + b"\r\n")
    if not found:
        raise CannotMeasure("an answer without Content-Length")
    while len(body) < int(found[1]):
        body += more(connection)
    return head + b"\r\n\r\n" + body


def more(connection: socket.socket) -> bytes:
    """Receive something, or report that the daemon closed the connection."""
    part = connection.recv(65536)
    if not part:
        raise CannotMeasure("the daemon closed the connection before its answer was whole")
    return part
