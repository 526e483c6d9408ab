"""Who answers whom: a sibling's own place, and where only the project's own server does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import COMMAND
from tests.fakes import free_port
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation, Repo
from tests.programs.running import running
from tests.programs.test_conflicts import wait_moved
from tests.programs.test_localhost import FETCH, PORTS, seen_from, serve, wait_seen

pytestmark = pytest.mark.real

REFUSED = "ConnectionRefusedError"

SERVE = """
import http.server, os, pathlib, sys
class Page(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(eval(sys.argv[1]))), Page)
pathlib.Path("port").write_text(str(server.server_port))
print("ready", flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def elsewhere(installation: Installation, project: Path, asks: str) -> Iterator[int]:
    """Serve the name of a worktree on the port that an expression names; which one it got."""
    (project / "name").write_text(project.name)
    with installation.run([sys.executable, "-c", SERVE, asks], cwd=project) as server:
        server.wait_line("ready", stream="stdout")
        yield int((project / "port").read_text())


def test_a_sibling_is_reached_at_the_place_that_was_given_to_it(
    installation: Installation, repo: Repo
) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    with both_served(installation, theirs, ours, port) as place:
        wait_seen(installation, theirs, place, ours.name)
        assert seen_from(installation, ours, port) == ours.name
        third = repo.worktree("third")
        assert seen_from(installation, third, place) == ours.name
        assert seen_from(installation, third, port) == REFUSED
        said = installation.styxy.run("who", str(place), cwd=theirs).stdout
        assert f"no worktree of it asks for {place}" in said


@contextlib.contextmanager
def serve_moved(installation: Installation, project: Path, port: int) -> Iterator[int]:
    """Serve the name of a worktree on a port that is taken; where it was moved."""
    with serve(installation, project, port) as server:
        yield wait_moved(server, port)


@contextlib.contextmanager
def both_served(installation: Installation, first: Path, second: Path, port: int) -> Iterator[int]:
    """Serve one worktree on a port, then another that asks for the same; where that was moved."""
    with serve(installation, first, port):
        wait_seen(installation, first, port, first.name)
        with serve_moved(installation, second, port) as place:
            yield place


def test_a_sibling_is_refused_there_once_somebody_has_asked_for_that_number(
    installation: Installation, repo: Repo
) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    with both_served(installation, theirs, ours, port) as place:
        wait_seen(installation, theirs, place, ours.name)
        with serve_moved(installation, repo.worktree("third"), place):
            wait_seen(installation, theirs, place, REFUSED)
        assert seen_from(installation, theirs, place) == REFUSED


def test_nobody_is_moved_to_a_number_that_the_repo_has_asked_for(
    installation: Installation, repo: Repo
) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    with serve(installation, theirs, port):
        wait_seen(installation, theirs, port, theirs.name)
        with serve_moved(installation, ours, port) as place:
            pass
        with serve(installation, theirs, place):
            wait_seen(installation, theirs, place, theirs.name)
        with serve_moved(installation, repo.worktree("fourth"), port) as other:
            assert other not in (port, place)


def test_a_sibling_is_reached_where_the_kernel_or_a_lease_put_it(
    installation: Installation, repo: Repo
) -> None:
    ours, theirs = repo.worktree("ours"), repo.worktree("theirs")
    with elsewhere(installation, theirs, "0") as port:
        wait_seen(installation, ours, port, theirs.name)
    # In its range no test asks for a number, which would count for the whole repo.
    leased = ["-s", "hub", "--", sys.executable, "-c", SERVE, "os.environ['PORT']"]
    with running([*COMMAND, "run", *leased], cwd=theirs, env=installation.env) as server:
        server.wait_line("ready", stream="stdout")
        port = int((theirs / "port").read_text())
        wait_seen(installation, ours, port, theirs.name)


def test_what_was_asked_for_outlives_the_daemon(tmp_path: Path, repo: Repo) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    own = Installation(tmp_path / "home")
    own.start()
    try:
        with serve(own, theirs, port):
            wait_seen(own, theirs, port, theirs.name)
        own.kill()
        own.start()
        leased = [*COMMAND, "run", "-p", str(port), "--", sys.executable, "-c", SERVE, str(port)]
        with running(leased, cwd=theirs, env=own.env) as server:
            server.wait_line("ready", stream="stdout")
            wait_seen(own, theirs, port, theirs.name)
            assert seen_from(own, ours, port) == REFUSED
    finally:
        own.kill()


def test_only_the_projects_own_server_answers_where_the_user_says_so(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port(PORTS)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for project in (ours, theirs):
        project.mkdir()
        (project / "package.json").write_text("{}")
    with serve(installation, theirs, port):
        wait_seen(installation, ours, port, theirs.name)
        assert seen_from(installation, ours, port, STYXY_OWN_ONLY=f"1,{port}") == REFUSED
        fetch = [sys.executable, "-c", FETCH, str(port)]
        done = installation.styxy.run("run", "--own", f"{port},1", "--", *fetch, cwd=ours)
        assert done.stdout == f"{REFUSED}\n"
        with serve_moved(installation, ours, port):
            wait_until(
                lambda: seen_from(installation, ours, port, STYXY_OWN_ONLY=str(port)) == ours.name,
                "its own server answers",
            )
        assert seen_from(installation, theirs, port, STYXY_OWN_ONLY=str(port)) == theirs.name
