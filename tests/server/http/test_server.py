"""HTTP as strangers and broken clients speak it: always an answer in the one shape, or an end.

Tests `connection` and `server`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from styxy.core.messages import LONGEST_SENTENCE
from styxy.server.http.connection import MAX_HEAD, MAX_UNREAD
from styxy.server.net.connection_limit import MAX_CONNECTIONS
from tests.daemon import LONGEST, Daemon

CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Wire:
    """A raw connection to the TCP socket."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.link = socket.create_connection(("127.0.0.1", daemon.port), timeout=LONGEST)
        self.lines = self.link.makefile("rb")

    def close(self) -> None:
        """Hang up."""
        self.lines.close()
        self.link.close()

    def send(self, target: str = "/allocations", head: bytes = b"", body: bytes = b"",
             *, method: str = "GET", host: bytes = b"Host: localhost\r\n") -> None:  # fmt: skip
        """Send a request with the token."""
        self.raw(
            f"{method} {target} HTTP/1.1\r\nX-API-Key: {self.daemon.token}\r\n".encode("latin-1")
            + host
            + head
            + b"\r\n"
            + body
        )

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self.link.sendall(data)

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Read one answer, which is JSON with the headers that every answer has."""
        status = int(self.lines.readline().split()[1])
        fields = {}
        while (line := self.lines.readline().strip()) != b"":
            name, _, value = line.partition(b": ")
            fields[name.lower()] = value
        assert fields[b"content-type"] == b"application/json"
        assert fields[b"x-content-type-options"] == b"nosniff"
        assert fields[b"cache-control"] == b"no-store"
        body = json.loads(self.lines.read(int(fields[b"content-length"])))
        assert isinstance(body, dict)
        if status >= 400:
            assert body.keys() == {"success", "error", "code", "context"}
            assert "\n" not in body["error"]
            assert "Traceback" not in body["error"]
        return status, body

    def has_ended(self) -> bool:
        """Wait for the end of the connection; False where something else comes."""
        try:
            return self.lines.read(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def wire(daemon: Daemon) -> Iterator[Wire]:
    with closing(Wire(daemon)) as wire:
        yield wire


# --- what is no request --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03 garbage\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /status HTTP/9.9\r\n\r\n",
        b"BREW /status HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /st\xc3\xa4tus HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /status\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHo st: localhost\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x10\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET http://localhost/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET status HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_the_one_shape_and_an_end(wire: Wire, data: bytes) -> None:
    wire.raw(data)
    status, body = wire.answer()
    assert (status, body["code"]) == (400, "invalid_input")
    assert wire.has_ended()
    assert wire.daemon.call("GET", "/status").status == 200


def test_garbage_after_a_request_does_not_cost_its_answer(wire: Wire) -> None:
    wire.raw(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\x00 garbage\r\n\r\n")
    assert wire.answer()[0] == 200
    assert wire.has_ended()


def test_garbage_in_the_middle_of_a_body_is_refused(wire: Wire) -> None:
    wire.send("/allocate", CHUNKED, b'5\r\n{"ser\r\nZZZ\r\n', method="POST")
    assert wire.answer()[0] == 400
    assert wire.has_ended()


# --- size ----------------------------------------------------------------------------------------


def test_a_head_over_the_limit_is_refused_in_one_piece(wire: Wire) -> None:
    wire.send(head=b"X: " + b"a" * MAX_HEAD + b"\r\n")
    status, body = wire.answer()
    assert (status, body["code"]) == (400, "invalid_input")
    assert str(MAX_HEAD) in body["error"]


def test_a_head_over_the_limit_is_refused_before_its_end(wire: Wire) -> None:
    wire.raw(b"GET /status HTTP/1.1\r\nHost: localhost\r\n")
    try:
        for _ in range(200):
            wire.raw(b"X: " + b"a" * 1000 + b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return  # hung up on while we were still sending: the answer may be lost with it
    assert wire.answer()[0] == 400


def test_a_target_over_the_limit_is_refused(wire: Wire) -> None:
    wire.send("/" + "a" * (2 * MAX_HEAD))
    assert wire.answer()[0] == 400


@pytest.mark.parametrize("digits", [5, 6, 100, 5000])
def test_a_number_of_any_length_is_no_crash(wire: Wire, digits: int) -> None:
    wire.send("/check/" + "9" * digits)
    status, body = wire.answer()
    assert (status, body["code"]) == (400, "invalid_input")
    assert len(body["error"]) <= LONGEST_SENTENCE + 1


def test_a_body_over_the_limit_is_a_413_and_its_sender_hears_it(wire: Wire) -> None:
    wire.send("/allocate", b"Content-Length: 200000\r\n", b"x" * 200_000, method="POST")
    status, body = wire.answer()
    assert (status, body["code"]) == (413, "body_too_large")
    wire.send("/status")
    assert wire.answer()[0] == 200  # the rest was read and thrown away


def test_a_chunked_body_over_the_limit_is_a_413(wire: Wire) -> None:
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    wire.send("/allocate", CHUNKED, 6 * chunk + b"0\r\n\r\n", method="POST")
    status, body = wire.answer()
    assert (status, body["code"]) == (413, "body_too_large")


def test_whoever_sends_without_end_is_hung_up_on(wire: Wire) -> None:
    wire.send("/allocate", CHUNKED, method="POST")
    # What the kernel buffers on both sides, and then some.
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        wire.raw(chunk * (MAX_UNREAD // len(chunk) + 500))


def test_many_headers_of_no_size_are_no_crash(wire: Wire) -> None:
    wire.send(head=b"X:\r\n" * 5000)
    assert wire.answer()[0] in (200, 400)


# --- time ----------------------------------------------------------------------------------------


def test_half_requests_hold_neither_others_nor_the_daemon(fresh: Daemon) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(Wire(fresh))) for _ in range(MAX_CONNECTIONS + 100)]
        for wire in slow[-10:]:
            wire.raw(b"POST /allocate HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        assert fresh.call("GET", "/status", over="bare").status == 200
        assert fresh.call("GET", "/allocations", over="tcp").status == 200
        descriptors = len(os.listdir(f"/proc/{fresh.process.pid}/fd"))
        assert descriptors < MAX_CONNECTIONS + 100
        assert slow[0].has_ended()


def test_a_client_that_goes_away_in_the_middle_of_its_body_leaves_no_trace(daemon: Daemon) -> None:
    before = len(daemon.leases())
    for _ in range(5):
        with closing(Wire(daemon)) as wire:
            wire.send("/allocate", b"Content-Length: 100\r\n", b'{"service', method="POST")
    assert len(daemon.leases()) == before


# --- several requests on one connection ----------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    targets = [f"/check/{port}" for port in range(5000, 5100)]
    request = "GET {} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {}\r\n\r\n"
    wire.raw("".join(request.format(each, wire.daemon.token) for each in targets).encode())
    answers = [wire.answer() for _ in targets]
    assert [body["port"] for _, body in answers] == list(range(5000, 5100))


def test_a_refusal_in_a_pipeline_does_not_move_the_answers(wire: Wire) -> None:
    body = b'{"service_type": "build", "dry_run": true}'
    for _ in range(3):
        wire.send("/no-such-path", b"Content-Length: 5\r\n", b"GET /", method="POST")
        wire.send("/allocate", b"Content-Length: %d\r\n" % len(body), body, method="POST")
    assert [wire.answer()[0] for _ in range(6)] == [404, 200] * 3


def test_a_wish_to_speak_something_else_is_not_granted(wire: Wire) -> None:
    wire.send("/status", b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
    assert wire.answer()[0] == 200


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Host: localhost\r\nHost: localhost\r\n", 400),
        (b"Host: localhost\r\nHost: evil.example\r\n", 403),
        (b"Host: evil.example\r\nHost: localhost\r\n", 403),
        (b"Host:\r\n", 403),
        (b"", 403),
        (b"Host: localhost@evil.example\r\n", 403),
        (b"Host: evil.example@localhost\r\n", 403),
        (b"Host: localhost.evil.example\r\n", 403),
        (b"Host: localhost:80\r\n", 200),
        (b"Host: LOCALHOST:9876\r\n", 200),
        (b"Host: [::1]:9876\r\n", 200),
        (b"Host: 127.0.0.1\r\n", 200),
        (b"Host: localhost\r\nOrigin: null\r\n", 403),
        (b"Host: localhost\r\nOrigin: http://localhost:3000\r\n", 403),
        (b"Host: localhost\r\nOrigin: http://localhost\r\n", 200),
        (b"Host: localhost\r\nOrigin: file://localhost\r\n", 403),
        (b"Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403),
        (b"Host: localhost\r\nSec-Fetch-Site: same-site\r\n", 403),
        (b"Host: localhost\r\nSec-Fetch-Site: same-origin\r\n", 200),
        (b"Host: localhost\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n", 200),
    ],
)
def test_only_this_machine_is_answered(wire: Wire, head: bytes, status: int) -> None:
    wire.send("/status", host=head)
    assert wire.answer()[0] == status


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("target", ["/allocate", "/nowhere", "/docs", "/check/abc", "/%00"])
def test_a_stranger_learns_nothing_about_paths_and_methods(
    wire: Wire, method: str, target: str
) -> None:
    wire.raw(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    status, body = wire.answer()
    assert (status, body["code"]) == (401, "unauthorized")


def test_two_tokens_are_one_too_many(wire: Wire) -> None:
    wire.send(head=b"X-API-Key: wrong\r\n")
    assert wire.answer()[0] == 400


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("OPTIONS", "/allocate", 405),
        ("TRACE", "/allocate", 405),
        ("PUT", "/instance/x", 405),
        ("GET", "/allocations/", 404),
        ("GET", "//allocations", 404),
        ("GET", "/ALLOCATIONS", 404),
        ("GET", "/%2e%2e/allocations", 404),
        ("GET", "/%FF%FE", 404),
        ("GET", "/%00", 404),
        ("GET", "/allocations%0a", 404),
        ("GET", "/check/%F0%9F%92%A9", 400),
        ("GET", "/check/3000%00", 400),
        ("GET", "/check/%D9%A3%D9%A0", 400),
        ("GET", "/suggest/%C3%28?count=1", 200),
        ("GET", "/suggest/dev?count=%FF", 400),
        ("GET", "/suggest/dev?count=9999999999999999999999", 400),
        ("DELETE", "/allocate/%ED%A0%80", 404),
        ("GET", "/allocations?project=%00&x=1", 400),
        ("GET", "/allocations?project=/a&project=/b", 400),
    ],
)
def test_a_wrong_path_or_method_is_said(wire: Wire, method: str, target: str, status: int) -> None:
    wire.send(target, method=method)
    assert wire.answer()[0] == status


def test_a_wrong_method_names_the_right_ones(daemon: Daemon) -> None:
    answer = daemon.call("PUT", "/allocate")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    answer = daemon.call("POST", "/scan")
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_head_request_has_the_head_of_a_get(daemon: Daemon) -> None:
    with closing(daemon.connect("bare")) as connection:
        connection.request("HEAD", "/status")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
        connection.request("HEAD", "/allocations")
        assert connection.getresponse().status == 401


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"null",
        b"[]",
        b'"dev"',
        b"{",
        b"\xff\xfe",
        b'{"service_type": "dev\xff"}',
        b'{"service_type": "\\ud800"}',
        b'{"service_type": "\\ud800x"}',
        b'{"service_type": "a\\u0000b"}',
        b'{"service_type": ""}',
        b'{"service_type": "dev", "preferred_port": NaN}',
        b'{"service_type": "dev", "preferred_port": Infinity}',
        b'{"service_type": "dev", "ttl": NaN}',
        b'{"service_type": "dev", "ttl": 1e999}',
        b'{"service_type": "dev", "preferred_port": 3000.5}',
        b'{"service_type": "dev", "preferred_port": true}',
        b'{"service_type": "dev", "preferred_port": "3000"}',
        b'{"service_type": "dev", "preferred_port": 18446744073709551616}',
        b'{"service_type": "dev", "preferred_port": -9223372036854775809}',
        b'{"service_type": "dev", "preferred_port": ' + b"9" * 5000 + b"}",
        b'{"service_type": "dev", "pid": 18446744073709551616}',
        b'{"service_type": "dev", "project_path": "relative"}',
        b'{"service_type": "dev", "project_path": "/\\u0000"}',
        b'{"service_type": "dev", "nonsense": ' + b"[" * 20_000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"service_type": "dev", "service_name": "a\\nb"}',
        b'\xef\xbb\xbf{"service_type": "dev"',
    ],
)
def test_a_body_that_cannot_be_meant_is_a_400(wire: Wire, body: bytes) -> None:
    before = len(wire.daemon.leases())
    wire.send("/allocate", b"Content-Length: %d\r\n" % len(body), body, method="POST")
    status, answer = wire.answer()
    assert (status, answer["code"]) == (400, "invalid_input")
    assert len(wire.daemon.leases()) == before


# --- rate ----------------------------------------------------------------------------------------


def test_the_rate_is_told_and_some_answers_are_free(daemon: Daemon) -> None:
    answer = daemon.call("GET", "/allocations", over="tcp")
    assert answer.headers["x-ratelimit-limit"] == "6000"
    assert 0 < int(answer.headers["x-ratelimit-remaining"]) < 6000
    assert int(answer.headers["x-ratelimit-reset"]) > 1_700_000_000
    for path in ("/status", "/health"):
        assert "x-ratelimit-limit" not in daemon.call("GET", path, over="tcp").headers
    assert "x-ratelimit-limit" not in daemon.call("GET", "/allocations").headers
