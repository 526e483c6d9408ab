"""Servers of several processes that start parts of themselves anew: they stay where they are."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs.catalogue import program
from tests.programs.conflicts import stranger
from tests.programs.http_probe import fetch, pages, wait_until
from tests.programs.installation import Installation
from tests.programs.program import API, Program
from tests.programs.program_list import ProgramList
from tests.programs.python_servers import WSGI
from tests.programs.running import Running
from tests.programs.test_conflicts import notice, wait_moved

pytestmark = pytest.mark.real


def assert_moved_once(
    installation: Installation, server: Running, project: Path, *, asked: int, got: int
) -> None:
    """Prove that one notice and one lease are all that there is."""
    lines = [line for line in server.stderr.splitlines() if "STYXY" in line]
    assert lines == [notice(asked, got)]
    assert [lease["port"] for lease in installation.leases(project)] == [got]
    assert len(installation.reassignments(project)) == 1


@pytest.mark.parametrize("name", ["uvicorn --reload", "Flask with its reloader"])
def test_a_server_stays_on_its_new_port_when_it_reloads(
    name: str, installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    program_list.require(program(name))
    with edited_twice(program(name), installation, ours=ours, theirs=theirs) as (
        server,
        asked,
        got,
    ):
        assert_moved_once(installation, server, ours, asked=asked, got=got)


@pytest.mark.compat
@pytest.mark.parametrize("name", ["Django runserver", "nodemon"])
def test_a_server_that_is_started_anew_at_each_change_goes_back_to_its_new_port(
    name: str, installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    program_list.require(program(name))
    with edited_twice(program(name), installation, ours=ours, theirs=theirs) as (
        server,
        asked,
        got,
    ):
        lines = {line for line in server.stderr.splitlines() if "STYXY" in line}
        assert lines == {notice(asked, got)}
        assert [lease["port"] for lease in installation.leases(ours)] == [got]


@contextlib.contextmanager
def edited_twice(
    subject: Program, installation: Installation, *, ours: Path, theirs: Path
) -> Iterator[tuple[Running, int, int]]:
    """Run a program that is moved, and edit it twice; gives it, the asked port and the new one."""
    subject.settle_in(ours, "first")
    with stranger("127.0.0.1", subject.ports, project=theirs) as taken:
        with installation.run(subject.command(taken.port), cwd=ours) as server:
            got = wait_moved(server, taken.port)
            subject.assert_answers(got, "first")
            for words in ("second", "third"):
                edit(subject, ours, words, port=got)
            taken.assert_untouched()
            yield server, taken.port, got


def edit(subject: Program, project: Path, words: str, *, port: int) -> None:
    """Save a program until that is noticed: a reloader takes its first look after a moment.

    One that is told of each save (watchdog) begins anew each time: they come less and less often.
    """
    times = (time.monotonic() + 2.0**doublings for doublings in itertools.count())
    subject.settle_in(project, words)
    next_time = next(times)

    def is_loaded() -> bool:
        nonlocal next_time
        if time.monotonic() > next_time:
            subject.settle_in(project, words)
            next_time = next(times)
        return fetch_or_nothing(port).startswith(words)

    wait_until(is_loaded, f"the {words} application")


def fetch_or_nothing(port: int) -> str:
    """Fetch, where the worker that was to answer may be ending at this moment."""
    try:
        return fetch("127.0.0.1", port)
    except (ConnectionError, http.client.HTTPException):
        return ""


def test_gunicorn_stays_on_its_new_port_at_a_hangup(
    installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    subject = program("gunicorn -w 2")
    program_list.require(subject)
    subject.settle_in(ours, "first")
    with stranger("127.0.0.1", subject.ports, project=theirs) as taken:
        with installation.run(subject.command(taken.port), cwd=ours) as server:
            got = wait_moved(server, taken.port)
            old = pages("127.0.0.1", got, count=2)
            hang_up(server, ours, got)
            new = pages("127.0.0.1", got, count=2)
            assert new.isdisjoint(old)
            assert {page.partition(" by ")[0] for page in new} == {"second"}
            taken.assert_untouched()
            assert_moved_once(installation, server, ours, asked=taken.port, got=got)


def hang_up(server: Running, project: Path, port: int) -> None:
    """Have gunicorn load a new application, and wait until no old worker answers."""
    (project / "app.py").write_text(WSGI.replace("CONTENT", "second"))
    server.signal(signal.SIGHUP)
    for _ in range(2):
        server.wait_line(r".*Worker exiting \(pid: \d+\)")
    wait_until(lambda: server.stderr.count("Worker exiting") == 2, "the old workers end")
    wait_until(lambda: fetch("127.0.0.1", port).startswith("second"), "the new application")


@pytest.mark.parametrize("name", ["node cluster", "node cluster, shared handles"])
def test_no_cluster_worker_ends(
    name: str, installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    subject = program(name)
    program_list.require(subject)
    subject.settle_in(ours, "cluster")
    with stranger("::", subject.ports, project=theirs) as taken:
        with installation.run(subject.command(taken.port), cwd=ours) as server:
            got = wait_moved(server, taken.port)
            subject.assert_answers(got, "cluster")
            assert "worker ended" not in server.stdout
            assert_moved_once(installation, server, ours, asked=taken.port, got=got)


def test_a_cluster_worker_that_is_replaced_serves_on_the_new_port(
    installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    subject = program("node cluster")
    program_list.require(subject)
    (ours / "cluster.js").write_text(REPLACED)
    with stranger("::", subject.ports, project=theirs) as taken:
        with installation.run(subject.command(taken.port), cwd=ours) as server:
            got = wait_moved(server, taken.port)
            assert fetch("127.0.0.1", got) == "worker 1"
            server.signal(signal.SIGUSR2)
            server.wait_line("worker 2 listens", stream="stdout")
            assert fetch("127.0.0.1", got) == "worker 2"
            assert_moved_once(installation, server, ours, asked=taken.port, got=got)


REPLACED = """
const cluster = require('cluster')
const http = require('http')
if (cluster.isPrimary) {
  const first = cluster.fork()
  cluster.on('exit', () => cluster.fork())
  cluster.on('listening', (worker) => console.log('worker', worker.id, 'listens'))
  process.on('SIGUSR2', () => first.process.kill('SIGKILL'))
} else {
  const body = 'worker ' + cluster.worker.id
  http.createServer((request, response) => response.end(body)).listen(+process.argv[2])
}
"""


def test_a_place_stays_while_a_worker_of_a_dead_server_sits_there(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    with stranger("127.0.0.1", API, project=theirs) as taken:
        words = [sys.executable, "-c", ORPHAN, str(taken.port)]
        with installation.run(words, cwd=ours) as server:
            got = wait_moved(server, taken.port)
            assert server.process.wait(60) == 0  # the output is the worker's now, and goes on
            assert fetch("127.0.0.1", got) == "orphan"
            assert [lease["port"] for lease in installation.leases(ours)] == [got]
        installation.wait_no_lease(ours)


ORPHAN = """
import os, socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
if os.fork():
    os._exit(0)
while True:
    link, _ = server.accept()
    with link:
        link.recv(4096)
        link.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\norphan")
"""
