"""The HTTP API as a whole: its description, and what it makes of bad input."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import styxy
from tests.daemon import LONGEST, Daemon, answer_of
from tests.examples import share_of


def test_the_status_counts(daemon: Daemon) -> None:
    daemon.allocate("build")
    answer = daemon.call("GET", "/status", over="bare").body
    assert (answer["status"], answer["version"]) == ("running", styxy.__version__)
    assert (answer["pid"], answer["allocations"]) == (daemon.process.pid, 1)
    assert answer["uptime"] > 0


def test_the_description_is_valid_and_every_operation_in_it_answers(daemon: Daemon) -> None:
    # Not at the top: every worker would load it, which takes longer than a third of the collection.
    from openapi_spec_validator import OpenAPIV31SpecValidator

    document = daemon.call("GET", "/openapi.json").body
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    lease = daemon.allocate("build")
    values = {"lock_id": lease["lock_id"], "port": "3000", "service_type": "dev"}
    bodies = {"/allocate": {"service_type": "build", "dry_run": True}}
    asked = 0
    for path, operations in document["paths"].items():
        for method in operations:
            answers = operations[method]["responses"]
            if list(answers.get("200", {}).get("content", ())) != ["application/json"]:
                continue  # a page or a stream; read in its own test
            filled = re.sub(r"{(\w+)}", lambda name: values.get(name[1], "agent"), path)
            answer = daemon.call(method.upper(), filled, bodies.get(path))
            assert answer.status not in (405, 500), (method, path, answer)
            assert answer.status != 404 or "unknown path" not in answer.body["error"], (
                method,
                path,
            )
            asked += 1
    assert asked >= 8


def test_many_requests_share_a_connection(daemon: Daemon) -> None:
    with closing(daemon.connect("tcp")) as connection:
        for _ in range(50):
            connection.request("GET", "/allocations", headers={"X-API-Key": daemon.token})
            assert answer_of(connection.getresponse()).status == 200


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"null",
        b"[]",
        b"3",
        b'"dev"',
        b"\xff\xfe",
        b'{"service_type": "\\ud800"}',
        b"[" * 20000,
        b'{"service_type": "build", "ttl": 1e999}',
        b'{"service_type": "build", "pid": 99999999999999999999999}',
        b'{"service_type": "build"} x',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_question_is_refused(daemon: Daemon, body: bytes) -> None:
    answer = daemon.call("POST", "/allocate", body)
    assert (answer.status, answer.body["code"]) == (400, "invalid_input")
    assert answer.body["success"] is False
    assert "\n" not in answer.body["error"]
    assert isinstance(answer.body["context"]["suggestions"], list)


@pytest.mark.parametrize(
    ("field", "nearest"),
    [
        ("servce_name", "service_name"),
        ("prefered_port", "preferred_port"),
        ("projectPath", "project_path"),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest(
    daemon: Daemon, field: str, nearest: str
) -> None:
    answer = daemon.call("POST", "/allocate", {"service_type": "build", field: "x"})
    assert answer.status == 400
    assert repr(field) in answer.body["error"]
    assert answer.body["context"]["nearest"] == nearest


def test_a_query_that_nobody_reads_is_refused(daemon: Daemon) -> None:
    answer = daemon.call("POST", "/allocate?dry_run=true", {"service_type": "build"})
    assert (answer.status, answer.body["error"]) == (
        400,
        "POST /allocate takes no query; send 'dry_run' in the body",
    )
    assert daemon.leases("?service_type=build") == []
    answer = daemon.call("GET", "/status?verbose")
    assert answer.body["error"] == "GET /status takes no query; leave out 'verbose'"


def test_a_wrong_type_is_named_with_its_place(daemon: Daemon) -> None:
    body = {"service_type": "build", "preferred_port": "8200"}
    answer = daemon.call("POST", "/allocate", body)
    assert answer.status == 400
    assert "preferred_port" in answer.body["error"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    "service_type", "service_name", "preferred_port", "instance_id", "project_path", "pid", "ttl",
    "sticky", "reuse", "protocol", "", "x",
]  # fmt: skip


@settings(max_examples=share_of(150))
@given(st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4))
def test_no_body_is_more_than_the_daemon_can_bear(shared: Daemon, fields: dict[str, Any]) -> None:
    body = {"service_type": "build", **fields, "dry_run": True}
    answer = shared.call("POST", "/allocate", body)
    assert answer.status in (200, 400, 404, 409), answer
    if answer.status != 200:
        assert answer.body.keys() == {"success", "error", "code", "context"}


@settings(max_examples=share_of(80))
@given(st.text(max_size=30), st.sampled_from(["GET", "DELETE", "POST", "PUT", "PATCH"]))
def test_no_path_is_more_than_the_daemon_can_bear(shared: Daemon, path: str, method: str) -> None:
    quoted = quote(path.encode("utf-8", "surrogatepass"), safe="/?&=")
    assume(quoted and not quoted.startswith("?"))  # that is the page, and no JSON
    answer = shared.call(method, "/" + quoted)
    assert answer.status < 500, answer


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/allocate"), ("POST", "/status"), ("DELETE", "/check/1"), ("GET", "/allocate/x")],
)
def test_a_method_that_a_path_has_not_is_405(daemon: Daemon, method: str, path: str) -> None:
    answer = daemon.call(method, path)
    assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/nope", "/allocate/", "/check", "/check/1/2", "//status", "/page/x.js"]
)
def test_an_unknown_path_is_404(daemon: Daemon, path: str) -> None:
    answer = daemon.call("GET", path)
    assert (answer.status, answer.body["code"]) == (404, "not_found")


def test_a_path_that_is_nearly_right_is_guessed_and_another_is_not(daemon: Daemon) -> None:
    near = daemon.call("GET", "/stauts").body["error"]
    assert near == "unknown path '/stauts'; did you mean '/status'?"
    far = daemon.call("GET", "/favicon.ico").body["error"]
    assert far == "unknown path '/favicon.ico'; see: /openapi.json"


def test_a_pid_that_nobody_has_is_named_whatever_its_size(daemon: Daemon) -> None:
    for pid in (99_999_999, 2**31 - 1):
        answer = daemon.call("POST", "/allocate", {"service_type": "build", "pid": pid})
        assert answer.status == 400
        assert answer.body["error"].startswith(f"pid {pid} is not a running process; ")
    assert daemon.leases() == []


@contextmanager
def another_users_process() -> Iterator[int]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=65534, group=65534) as process:
        yield process.pid
        process.kill()


def refused_holder(daemon: Daemon, path: str, pid: int) -> str:
    """Name a process as a holder, which must be refused; return the sentence."""
    bodies: dict[str, dict[str, object]] = {
        "/allocate": {"service_type": "build"},
        "/instance/register": {"instance_id": "i"},
        "/register-instance": {},
        "/reassign": {"port": 3000},
    }
    answer = daemon.call("POST", path, {**bodies[path], "pid": pid})
    assert answer.status == 400, answer
    return str(answer.body["error"])


@pytest.mark.parametrize(
    "path", ["/allocate", "/instance/register", "/register-instance", "/reassign"]
)
def test_a_process_that_cannot_hold_a_port_is_refused(daemon: Daemon, path: str) -> None:
    first = "pid 1 is the first process of this machine, which never ends; "
    assert refused_holder(daemon, path, 1).startswith(first)
    pid = daemon.process.pid
    assert refused_holder(daemon, path, pid).startswith(f"pid {pid} is the daemon itself; ")
    if os.geteuid() == 0:
        with another_users_process() as other:
            said = refused_holder(daemon, path, other)
            assert said.startswith(f"pid {other} belongs to another user; ")
    assert daemon.leases() == []


def test_a_trailer_field_is_no_header_field(daemon: Daemon) -> None:
    body = b'{"service_type": "dev", "dry_run": true}'
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=LONGEST) as link:
        link.sendall(
            b"POST /allocate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"%x\r\n%s\r\n0\r\n" % (len(body), body)
            + f"X-API-Key: {daemon.token}\r\n\r\n".encode()
        )
        assert link.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("over", ["bare", "tcp"])
def test_a_query_of_thousands_of_names_costs_nothing(daemon: Daemon, over: str) -> None:
    names = "&".join(f"n{number}" for number in range(5000))
    answer = daemon.call("GET", f"/status?{names}&n0", over=over)
    assert answer.status == 400
    assert "more than 64 parameters" in answer.body["error"]
    assert "more than once" in daemon.call("GET", "/status?a=1&a=2").body["error"]
