"""Who may come in, and what is refused before anything of it is believed."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Answer, Daemon, answer_of, question

LIMIT = 64 * 1024
PROTECTED = [
    ("POST", "/allocate"),
    ("DELETE", "/allocate/x"),
    ("GET", "/allocations"),
    ("GET", "/check/3000"),
    ("GET", "/suggest/dev"),
    ("GET", "/reassignments"),
    ("GET", "/openapi.json"),
    ("GET", "/nope"),
    ("PUT", "/allocate"),
    ("POST", "/status"),
    ("HEAD", "/allocations"),
]


# --- the token -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_token_nothing_is_answered_over_tcp(
    daemon: Daemon, method: str, path: str
) -> None:
    if method == "HEAD":
        return
    answer = daemon.call(method, path, over="bare")
    assert (answer.status, answer.body["code"]) == (401, "unauthorized")
    assert answer.body["success"] is False
    assert daemon.token not in str(answer)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 1000, b'{"servce_type": "dev"}'], ids=lambda body: repr(body[:9])
)
def test_a_bad_body_without_a_token_lacks_the_token_first(daemon: Daemon, body: bytes) -> None:
    assert daemon.call("POST", "/allocate", body, over="bare").status == 401
    assert daemon.call("POST", "/allocate", body, over="tcp").status == 400


def test_the_status_is_open(daemon: Daemon) -> None:
    assert daemon.call("GET", "/status", over="bare").status == 200
    assert daemon.call("GET", "/status", over="bare", Authorization="Bearer wrong").status == 200


def test_the_token_opens_in_both_its_headers(daemon: Daemon) -> None:
    for headers in (
        {"Authorization": f"Bearer {daemon.token}"},
        {"Authorization": f"bearer  {daemon.token} "},
        {"X_API_Key": daemon.token},
        {"X_API_Key": daemon.token, "Authorization": "Basic eDp5"},
    ):
        assert daemon.call("GET", "/allocations", over="bare", **headers).status == 200


@pytest.mark.parametrize("header", ["Authorization", "X_API_Key"])
@pytest.mark.parametrize("change", ["", "0" * 64, "{token}0", "{short}", "{token} {token}", "\xe9"])
def test_a_wrong_token_does_not_open(daemon: Daemon, header: str, change: str) -> None:
    token = change.format(token=daemon.token, short=daemon.token[:-1])
    value = f"Bearer {token}" if header == "Authorization" else token
    answer = daemon.call("GET", "/allocations", over="bare", **{header: value})
    assert (answer.status, answer.body["code"]) == (401, "unauthorized")


def test_both_loopback_addresses_answer(daemon: Daemon) -> None:
    for host in ("127.0.0.1", "::1"):
        try:
            connection = http.client.HTTPConnection(host, daemon.port, timeout=10)
            connection.request("GET", "/status")
        except OSError:
            assert host == "::1", "a machine without ::1 is served on 127.0.0.1 alone"
            continue
        assert answer_of(connection.getresponse()).status == 200
        connection.close()


WITHOUT_IPV6 = """
import fcntl, os, pathlib, socket, struct, sys
SIOCSIFFLAGS, IFF_UP, IFF_LOOPBACK = 0x8914, 0x1, 0x8  # netdevice(7)
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_LOOPBACK))
pathlib.Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root may make a network"
)
def test_a_machine_without_ipv6_is_served_on_127_0_0_1_alone(tmp_path: Path) -> None:
    alone = ("unshare", "-n", sys.executable, "-IS", "-c", WITHOUT_IPV6)
    with Daemon(tmp_path / "home", wrapper=alone) as daemon:
        usage = daemon.call("GET", f"/check/{daemon.port}").body["system_usage"]
        assert usage["addresses"] == ["127.0.0.1"]
        assert daemon.call("GET", "/health").body["status"] == "ok"


# --- other sites ---------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["unix", "tcp", "bare"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0.0.0.0:{port}",
        "192.168.0.2",
        "",
        "[::1",
        "localhost@evil.example",
    ],
)
def test_a_host_that_is_not_loopback_is_refused(daemon: Daemon, over: str, host: str) -> None:
    answer = daemon.call("GET", "/status", over=over, Host=host.format(port=daemon.port))
    assert (answer.status, answer.body["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}", "localhost:1"]
)
def test_a_loopback_host_is_answered(daemon: Daemon, host: str) -> None:
    answer = daemon.call("GET", "/status", over="bare", Host=host.format(port=daemon.port))
    assert answer.status == 200


@pytest.mark.parametrize("over", ["unix", "tcp", "bare"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:{port}",
        "http://localhost.evil.example:{port}",
        "http://localhost:3000",
        "http://127.0.0.1",
        "null",
        "file://",
        "http://evil.example://localhost:{port}",
    ],
)
def test_another_site_is_refused_token_or_not(daemon: Daemon, over: str, origin: str) -> None:
    host = f"localhost:{daemon.port}"
    answer = daemon.call(
        "GET", "/status", over=over, Host=host, Origin=origin.format(port=daemon.port)
    )
    assert (answer.status, answer.body["code"]) == (403, "forbidden")


def test_the_own_page_is_no_other_site(daemon: Daemon) -> None:
    for name in (f"localhost:{daemon.port}", f"127.0.0.1:{daemon.port}", f"[::1]:{daemon.port}"):
        answer = daemon.call("GET", "/allocations", over="tcp", Host=name, Origin=f"http://{name}")
        assert answer.status == 200


def test_a_page_of_one_loopback_name_is_another_site_to_the_other(daemon: Daemon) -> None:
    answer = daemon.call(
        "GET",
        "/allocations",
        over="tcp",
        Host=f"127.0.0.1:{daemon.port}",
        Origin=f"http://localhost:{daemon.port}",
    )
    assert answer.status == 403


# --- large bodies --------------------------------------------------------------------------------


def padded(length: int) -> bytes:
    question = b'{"service_type": "build", "dry_run": true}'
    return question + b" " * (length - len(question))


def sent_raw(daemon: Daemon, *parts: bytes) -> Answer:
    """Send bytes as they are, for what `http.client` would not send."""
    with daemon.connect_unix(daemon.facts["socket"]) as link:
        for part in parts:
            link.sendall(part)
        response = http.client.HTTPResponse(link)
        response.begin()
        with response:
            return answer_of(response)


HEAD = b"POST /allocate HTTP/1.1\r\nHost: localhost\r\n"


def test_a_body_of_the_limit_is_read(daemon: Daemon) -> None:
    assert daemon.call("POST", "/allocate", padded(LIMIT)).status == 200


def test_a_body_over_the_limit_is_refused_by_its_length(daemon: Daemon) -> None:
    answer = sent_raw(daemon, HEAD, b"Content-Length: %d\r\n\r\n" % (LIMIT + 1))
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert answer.body["context"]["limit"] == LIMIT


def test_a_body_over_the_limit_is_refused_after_the_token_alone(daemon: Daemon) -> None:
    answer = daemon.call("POST", "/allocate", padded(LIMIT + 1), over="bare")
    assert answer.status == 401
    answer = daemon.call("POST", "/allocate", padded(LIMIT + 1), over="tcp")
    assert answer.status == 413


def test_a_chunked_body_over_the_limit_is_refused_by_counting(daemon: Daemon) -> None:
    body = padded(LIMIT + 1)
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:40000], body[40000:])]
    answer = sent_raw(daemon, HEAD, b"Transfer-Encoding: chunked\r\n\r\n", *chunks)
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")


def test_a_chunked_body_of_the_limit_is_read(daemon: Daemon) -> None:
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (LIMIT, padded(LIMIT))
    assert sent_raw(daemon, HEAD, b"Transfer-Encoding: chunked\r\n\r\n", chunk).status == 200


def test_a_client_that_goes_away_harms_nobody(daemon: Daemon) -> None:
    with daemon.connect_unix(daemon.facts["socket"]) as link:
        link.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    with daemon.connect_unix(daemon.facts["socket"]) as link:
        link.sendall(b"rubbish\r\n\r\n")
        assert link.recv(12) == b"HTTP/1.1 400"
    assert daemon.call("GET", "/status").status == 200


# --- other users ---------------------------------------------------------------------------------

STRANGER = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
link = socket.socket(socket.AF_UNIX)
link.settimeout(10)
try:
    link.connect(sys.argv[1])
    link.sendall(sys.argv[2].encode())
    print("answered" if link.recv(100) else "turned away")
except (ConnectionResetError, BrokenPipeError):
    print("turned away")
except PermissionError:
    print("shut out")
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def as_stranger(path: str, text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-IS", "-c", STRANGER, path, text],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody may enter, with a short name."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_root
def test_another_user_is_shut_out_by_the_mode_and_turned_away_by_the_kernels_word(
    tmp_path: Path, public: Path
) -> None:
    http_socket = public / "styxy.sock"
    request = "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    bind = question(3000).decode()
    with Daemon(tmp_path / "home", STYXY_SOCKET=str(http_socket)) as daemon:
        line_socket = Path(daemon.facts["line_socket"])
        assert as_stranger(str(http_socket), request) == "shut out"
        assert as_stranger(str(line_socket), bind) == "shut out"
        for path in (http_socket, line_socket):
            path.chmod(0o666)
        assert as_stranger(str(http_socket), request) == "turned away"
        assert as_stranger(str(line_socket), bind) == "turned away"
        assert daemon.leases() == []
        assert daemon.call("GET", "/status").status == 200


def test_everything_that_a_daemon_makes_is_private(fresh: Daemon) -> None:
    modes = {
        str(path.relative_to(fresh.home)): path.stat().st_mode & 0o777
        for path in (fresh.home, *fresh.home.rglob("*"))
    }
    directories = {name for name in modes if (fresh.home / name).is_dir()}
    assert {modes[name] for name in directories} == {0o700}
    assert {modes[name] for name in modes.keys() - directories} == {0o600}
    assert modes.keys() >= {"auth.token", "daemon.json", "styxy.db", "run/styxy.sock"}


def test_a_named_socket_leaves_its_directory_as_it_is(tmp_path: Path, public: Path) -> None:
    with Daemon(tmp_path / "home", STYXY_SOCKET=str(public / "styxy.sock")) as daemon:
        assert public.stat().st_mode & 0o777 == 0o755
        assert daemon.call("GET", "/status").status == 200
        assert {path.stat().st_mode & 0o777 for path in public.iterdir()} == {0o600}


def test_the_token_can_be_switched_off_for_tests(tmp_path: Path) -> None:
    options = ("--insecure-no-auth",)
    with Daemon(tmp_path / "home", options=options, STYXY_SKIP_AUTH="1") as daemon:
        assert daemon.call("GET", "/allocations", over="bare").status == 200
        assert daemon.call("GET", "/allocations", over="bare", Host="evil.example").status == 403
        said = "authentication: it is off (STYXY_SKIP_AUTH, --insecure-no-auth), so every local "
        for path in ("/status", "/health"):
            warnings = daemon.call("GET", path).body["warnings"]
            assert [warning.startswith(said) for warning in warnings].count(True) == 1, warnings


def test_answers_are_not_held_back(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as link:
        link.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert link.recv(12) == b"HTTP/1.1 200"
