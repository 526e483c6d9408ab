"""Signing in over real sockets, and what only the page asks for. Also tests `page`, `files` and
`stopping`."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from styxy.server.page.files import FILES, FOLDER
from tests.daemon import LONGEST, Answer, Daemon, answer_of
from tests.fakes import clean_environment

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")

AS_NOBODY = """
import encodings.idna, http.client, json, os, sys
os.setgid(65534)
os.setuid(65534)  # what is imported later may not be readable
port, method, path, headers, body = json.load(sys.stdin)
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
connection.request(method, path, body, headers)
print(connection.getresponse().status)
"""

SERVER = """
import os, signal, socket, sys
if "nobody" in sys.argv: os.setgid(65534), os.setuid(65534)
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
print(server.getsockname()[1], flush=True)
print("and \\x1b[31mthis\\x1b[0m", file=sys.stderr, flush=True)
signal.pause()
"""


class Browser:
    """Talk as the page does, over TCP."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.headers: dict[str, str] = {}

    def sign_in(self, code: str) -> Answer:
        """Begin a session, and keep what a browser keeps of it."""
        answer = self.ask("POST", "/page/session", {"code": code})
        if answer.status == 200:
            cookie = answer.headers["set-cookie"].partition(";")[0]
            self.headers = {"Cookie": cookie, "X-Styxy-Page": answer.body["proof"]}
        return answer

    def ask(self, method: str, path: str, body: object = None, **more: str) -> Answer:
        """Ask with what the session has, or with what `more` says instead."""
        said = {**self.headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        raw = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=LONGEST)
        with closing(connection):
            connection.request(method, path, raw, said)
            return answer_of(connection.getresponse())


def new_code(daemon: Daemon) -> str:
    """Ask for a code, as `styxy open` does."""
    answer = daemon.call("POST", "/page/code")
    assert answer.status == 200, answer
    assert answer.body["url"] == f"http://localhost:{daemon.port}/#code={answer.body['code']}"
    return str(answer.body["code"])


@pytest.fixture
def browser(daemon: Daemon) -> Browser:
    """A browser that is signed in."""
    found = Browser(daemon)
    assert found.sign_in(new_code(daemon)).status == 200
    return found


def test_a_browser_that_is_signed_in_may_what_the_token_may(browser: Browser) -> None:
    assert browser.ask("GET", "/overview").status == 200
    lease = browser.ask("POST", "/allocate", {"service_type": "dev"}).body
    assert browser.ask("DELETE", f"/allocate/{lease['lock_id']}").status == 200


def test_a_code_works_once(daemon: Daemon) -> None:
    code = new_code(daemon)
    assert Browser(daemon).sign_in(code).status == 200
    second = Browser(daemon).sign_in(code)
    assert (second.status, second.body["context"]["suggestions"]) == (403, ["styxy open"])


def test_a_code_is_not_to_be_had_without_the_token_nor_from_a_session(
    daemon: Daemon, browser: Browser
) -> None:
    assert daemon.call("POST", "/page/code", over="bare").status == 401
    assert browser.ask("POST", "/page/code").status == 403


def test_the_cookie_alone_reads_what_a_visit_reads_and_nothing_else(
    daemon: Daemon, browser: Browser
) -> None:
    del browser.headers["X-Styxy-Page"]
    assert browser.ask("GET", "/openapi.json").status == 200
    with closing(daemon.connect("bare")) as connection:
        connection.request("GET", "/docs", headers=browser.headers)
        assert connection.getresponse().status == 200
    with closing(daemon.connect("bare")) as connection:
        connection.request("GET", "/events?event=changed", headers=browser.headers)
        assert connection.getresponse().status == 200
    for method, path in (("GET", "/overview"), ("POST", "/cleanup"), ("POST", "/events")):
        assert browser.ask(method, path, {}).status == 401


def test_the_proof_alone_and_a_wrong_one_open_nothing(daemon: Daemon, browser: Browser) -> None:
    assert browser.ask("GET", "/overview", X_Styxy_Page="wrong").status == 401
    other = Browser(daemon)
    other.sign_in(new_code(daemon))
    mixed = {**browser.headers, "X-Styxy-Page": other.headers["X-Styxy-Page"]}
    browser.headers = mixed
    assert browser.ask("GET", "/overview").status == 401
    del browser.headers["Cookie"]
    assert browser.ask("GET", "/overview").status == 401


def test_another_site_and_another_port_are_refused_whatever_they_send(browser: Browser) -> None:
    port = browser.daemon.port
    for origin in ("http://localhost:3000", "http://evil.test", "null"):
        assert browser.ask("GET", "/overview", Origin=origin).status == 403
    for site in ("same-site", "cross-site"):
        assert browser.ask("GET", "/overview", Sec_Fetch_Site=site).status == 403
    assert browser.ask("GET", "/overview", Host=f"evil.test:{port}").status == 403


def test_a_browser_that_has_signed_out_is_out(browser: Browser) -> None:
    answer = browser.ask("DELETE", "/page/session")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert browser.ask("GET", "/overview").status == 401
    assert browser.daemon.call("DELETE", "/page/session").status == 404


def test_sessions_end_with_the_daemon(fresh: Daemon) -> None:
    browser = Browser(fresh)
    browser.sign_in(new_code(fresh))
    fresh.stop()
    fresh.start()
    answer = browser.ask("GET", "/overview")
    assert (answer.status, answer.body["context"]["suggestions"]) == (401, ["styxy open"])


def as_nobody(daemon: Daemon, method: str, path: str, headers: object, body: object) -> int:
    """Ask as another user; tell the status."""
    raw = None if body is None else json.dumps(body)
    done = subprocess.run(
        [sys.executable, "-IS", "-c", AS_NOBODY],
        input=json.dumps([daemon.port, method, path, headers, raw]),
        capture_output=True, text=True, check=True, timeout=LONGEST,
    )  # fmt: skip
    return int(done.stdout)


@AS_ROOT
def test_another_user_who_has_the_code_cannot_use_it(daemon: Daemon) -> None:
    code = new_code(daemon)
    assert as_nobody(daemon, "POST", "/page/session", {}, {"code": code}) == 403
    assert Browser(daemon).sign_in(code).status == 200


@AS_ROOT
def test_another_user_who_has_cookie_and_proof_gets_nothing(browser: Browser) -> None:
    for method, path in (
        ("GET", "/overview"),
        ("GET", "/openapi.json"),
        ("DELETE", "/page/session"),
    ):
        assert as_nobody(browser.daemon, method, path, browser.headers, None) == 401
    assert browser.ask("GET", "/overview").status == 200


def file_of(daemon: Daemon, path: str) -> tuple[http.client.HTTPResponse, str]:
    """Get a file without a token, with what is in it."""
    with closing(daemon.connect("bare")) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer, answer.read().decode()


def folder_of(daemon: Daemon) -> str:
    """Say where this daemon serves the files that the first one names."""
    _, text = file_of(daemon, "/")
    folders = set(re.findall(r'"(/page/[^"]*/)[^"/]+"', text))
    assert len(folders) == 1
    return str(folders.pop())


@pytest.mark.parametrize("name", sorted(name for name, _ in FILES.values()))
def test_a_file_of_the_page_is_open_and_cannot_be_framed(name: str, daemon: Daemon) -> None:
    folder = folder_of(daemon)
    answer, text = file_of(daemon, "/" if name == "index.html" else folder + name)
    assert (answer.status, answer.headers["x-frame-options"]) == (200, "DENY")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert text.replace(folder, "/page/") == (FOLDER / name).read_text(encoding="utf-8")


def test_a_browser_keeps_files_under_a_name_that_the_next_daemon_does_not_use(
    daemon: Daemon, fresh: Daemon
) -> None:
    folder = folder_of(daemon)
    answer, _ = file_of(daemon, folder + "main.js")
    assert "immutable" in answer.headers["cache-control"]
    first, _ = file_of(daemon, "/")
    assert first.headers["cache-control"] == "no-store"
    assert folder_of(fresh) != folder
    assert file_of(fresh, folder + "main.js")[0].status == 401


def test_every_file_of_the_page_is_served_or_is_a_licence() -> None:
    served = {name for name, _ in FILES.values()}
    assert {path.name for path in FOLDER.iterdir()} - served == {"preact.LICENSE.txt"}


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server that writes to files; tell its port."""
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-IS", "-c", SERVER],
            cwd=folder, stdout=stdout, stderr=stderr, env=clean_environment(),
        )  # fmt: skip
    while not err.read_bytes():
        assert process.poll() is None
    return process, int(out.read_text())


def test_the_end_of_an_output_is_shown(browser: Browser, tmp_path: Path) -> None:
    process, port = start_server(tmp_path)
    with process:
        answer = browser.ask("GET", f"/output/{port}?stream=stderr")
        process.kill()
    assert (answer.body["text"], answer.body["is_cut"]) == ("and \x1b[31mthis\x1b[0m\n", False)
    assert (answer.body["pid"], answer.body["path"]) == (process.pid, str(tmp_path / "err"))
    assert browser.ask("GET", f"/output/{port}").status == 404


def test_a_server_is_stopped_with_the_care_of_the_command(browser: Browser, tmp_path: Path) -> None:
    process, port = start_server(tmp_path)
    with process:
        answer = browser.ask("POST", "/stop", {"port": port, "pid": process.pid})
        assert process.wait(LONGEST) == -signal.SIGTERM
    assert answer.status == 200, answer
    assert f"(pid {process.pid}) on port {port}" in answer.body["message"]


def test_only_the_server_that_was_looked_at_is_stopped(browser: Browser, tmp_path: Path) -> None:
    process, port = start_server(tmp_path)
    with process:
        answer = browser.ask("POST", "/stop", {"port": port, "pid": os.getpid()})
        assert (answer.status, answer.body["code"]) == (409, "conflict")
        assert process.poll() is None
        process.kill()


def test_neither_the_daemon_nor_nobody_is_stopped(browser: Browser) -> None:
    daemon = browser.daemon
    body: dict[str, Any] = {"port": daemon.port, "pid": daemon.process.pid}
    answer = browser.ask("POST", "/stop", body)
    assert (answer.status, "styxy daemon stop" in answer.body["error"]) == (403, True)
    assert browser.ask("POST", "/stop", {"port": 1, "pid": 1}).status == 404


@AS_ROOT
def test_another_users_server_is_neither_stopped_nor_read(browser: Browser, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", SERVER, "nobody"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        stopped = browser.ask("POST", "/stop", {"port": port, "pid": process.pid})
        read = browser.ask("GET", f"/output/{port}")
        assert process.poll() is None
        process.kill()
    assert (stopped.status, read.status) == (403, 403)
