"""Where only the project's own server answers: the user says so, or a tool connects first."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import (
    cookie_of,
    git_project,
    key_text,
    port_of,
    project,
    reach,
    server,
    stopped_in_its_wait,
)
from tests.native.guest import FakeDaemon
from tests.native.mapfile import key
from tests.native.supervised import environment, needs_seccomp, under

REPO = key("origin:host/team/app")

CONNECT = """
import errno, socket, sys
with socket.socket() as client:
    error = client.connect_ex(("127.0.0.1", int(input())))
    print("ECONNREFUSED" if error == errno.ECONNREFUSED else error)
"""


@contextmanager
def stranger(
    tmp_path: Path,
    *,
    owner: str = "theirs",
    shared: bool = False,
    container: bool = False,
    repo: int = 7,
) -> Iterator[tuple[FakeDaemon, int]]:
    """A server of another repo, or a sibling's: the daemon and the port."""
    with server() as other, FakeDaemon(tmp_path) as daemon:
        git_project(daemon, "mine", "git@host:team/app.git")
        daemon.entries.answering(
            port_of(other), cookie_of(other), project=key_text(daemon, owner) if owner else "",
            repo=repo, shared=shared, container=container,
        )  # fmt: skip
        daemon.entries.connect_first("waits-for-it", "@scope/package", "framework", "?looks")
        yield daemon, port_of(other)
        assert daemon.questions == []


def answers(
    daemon: FakeDaemon, port: int, script: str, *more: str, text: str = "", host: str = "preload"
) -> bool:
    """Whether anybody answers a script of the project `mine`, which reads the port."""
    [answer] = said(daemon, port, script, *more, text=text, host=host)
    assert answer in ("0", "ECONNREFUSED")
    return answer == "0"


def said(daemon: FakeDaemon, port: int, script: str, *more: str, text: str, host: str) -> list[str]:
    """What such a script prints."""
    path = Path(project(daemon, "mine"), script)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CONNECT + text)
    words = [sys.executable, str(path), *(each.format(port=port) for each in more)]
    env = daemon.environment() if host == "preload" else environment(daemon)
    done = subprocess.run(
        words if host == "preload" else under(*words),
        env=env, cwd=path.parent, input=str(port), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


HOSTS = ["preload", pytest.param("seccomp", marks=needs_seccomp)]


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "sendto", "sendmsg", "mapped"])
def test_a_stranger_does_not_answer_where_the_user_says_so(tmp_path: Path, way: str) -> None:
    with stranger(tmp_path) as (daemon, port):
        assert reach(daemon, way, "127.0.0.1", port).endswith(f"127.0.0.1 {port}")
        named = {"STYXY_OWN_ONLY": f"80, {port}"}
        assert reach(daemon, way, "127.0.0.1", port, **named) == "ECONNREFUSED"
        elsewhere = {"STYXY_OWN_ONLY": f"1{port},80"}
        assert reach(daemon, way, "127.0.0.1", port, **elsewhere).endswith(f"127.0.0.1 {port}")


@pytest.mark.parametrize("was_asked", [True, False])
def test_a_stranger_that_has_just_begun_to_listen_does_not_answer(
    tmp_path: Path, was_asked: bool
) -> None:
    with stranger(tmp_path) as (daemon, _), server() as other:
        begun, theirs = port_of(other), key_text(daemon, "theirs")
        if was_asked:
            daemon.entries.asker(begun, REPO)
        named = {"STYXY_OWN_ONLY": str(begun)}
        with stopped_in_its_wait(daemon, "blocking", begun, **named) as client:
            daemon.entries.answering(begun, cookie_of(other), project=theirs, repo=7)
            client.send_signal(signal.SIGCONT)
            assert client.communicate()[0] == "ECONNREFUSED\n"


def test_the_projects_own_server_answers_wherever_it_is(tmp_path: Path) -> None:
    with stranger(tmp_path) as (daemon, port), server() as own, server("::1", port=port) as home:
        named = {"STYXY_OWN_ONLY": str(port)}
        mine = key_text(daemon, "mine")
        daemon.entries.answering(port, cookie_of(home), project=mine, family=6)
        assert reach(daemon, "blocking", "::1", port, **named) == f"::1 {port}"
        assert reach(daemon, "blocking", "127.0.0.1", port, **named) == "ECONNREFUSED"
        daemon.entries.answering(port, 0, project="", family=6)
        daemon.entries.move(port, port_of(own), project=mine, cookie4=cookie_of(own))
        got = reach(daemon, "blocking", "127.0.0.1", port, **named)
        assert got == f"127.0.0.1 {port_of(own)}"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("owner", "shared", "container"),
    [("theirs", True, False), ("theirs", False, True), ("", False, False), ("mine", False, False)],
    ids=["shared", "a container's", "invisible", "its own"],
)
def test_a_server_that_may_be_meant_answers(
    tmp_path: Path, owner: str, shared: bool, container: bool, host: str
) -> None:
    kind = stranger(tmp_path, owner=owner, shared=shared, container=container)
    with kind as (daemon, port):
        daemon.entries.asker(port, REPO)
        assert answers(daemon, port, "waits-for-it.py", host=host)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("url", ["http://localhost:{port}", "http-get://[::1]:{port}/", "{port}"])
def test_a_tool_that_connects_first_sees_no_stranger_at_its_url(
    tmp_path: Path, url: str, host: str
) -> None:
    with stranger(tmp_path) as (daemon, port):
        assert not answers(daemon, port, "waits-for-it.py", "npm start", url, "test", host=host)
        assert answers(daemon, port, "waits-for-it.py", "npm start", "http://x:80", host=host)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("script", "text", "is_a_tool"),
    [
        ("waits-for-it.py", "", True),
        ("waits-for-it", "", True),
        ("node_modules/@scope/package/bin/cli.py", "", True),
        ("node_modules/.bin/waits-for-it", "", True),
        ("waits-for-it-not.py", "", False),
        ("waits-for-it/cli.py", "", False),
        ("node_modules/@scope/packages/cli.py", "", False),
        ("app.py", "if 0: import framework", True),
        ("app.py", "if 0: from framework.web import run", True),
        ("app.py", "if 0: import frameworks", False),
        ("app.py", "", False),
    ],
)
def test_such_a_tool_sees_no_stranger_at_a_port_that_its_repo_has_asked_for(
    tmp_path: Path, script: str, text: str, is_a_tool: bool, host: str
) -> None:
    with stranger(tmp_path) as (daemon, port):
        assert answers(daemon, port, script, text=text, host=host)
        daemon.entries.asker(port, REPO ^ 1)
        assert answers(daemon, port, script, text=text, host=host)
        daemon.entries.asker(port, REPO)
        assert answers(daemon, port, script, text=text, host=host) != is_a_tool


LISTEN = """
with socket.create_server(("127.0.0.1", int(sys.argv[3]))):
    with socket.socket() as client:
        print(client.connect_ex(("127.0.0.1", int(sys.argv[2]))) == errno.ECONNREFUSED)
"""


@pytest.mark.parametrize("host", HOSTS)
def test_a_tool_that_looks_whether_its_port_is_free_sees_a_sibling_there(
    tmp_path: Path, host: str
) -> None:
    with stranger(tmp_path, repo=REPO) as (daemon, port):
        assert answers(daemon, port, "looks", "-l", "{port}", host=host)
        assert answers(daemon, port, "node_modules/looks/cli.py", "--port={port}", host=host)
        assert not answers(daemon, port, "looks", "-l", "80", host=host)
        assert not answers(daemon, port, "glances", "-l", "{port}", host=host)
        assert not answers(daemon, port, "waits-for-it", "-l", "{port}", host=host)
        daemon.entries.asker(port, REPO)
        assert answers(daemon, port, "looks", host=host), "its configuration may name the port"


@pytest.mark.parametrize("host", HOSTS)
def test_a_tool_that_serves_meets_no_sibling_any_more(tmp_path: Path, host: str) -> None:
    with stranger(tmp_path, repo=REPO) as (daemon, port):
        words = ("looks", "-l", "{port}", str(free_port()))
        lines = said(daemon, port, *words, text=LISTEN, host=host)
        assert lines == ["0", "True"]
