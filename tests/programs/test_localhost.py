"""Localhost of one's own, with a real daemon and real worktrees: each sees its own server alone."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation, Repo
from tests.programs.running import PATIENCE, Running
from tests.programs.test_conflicts import wait_moved

pytestmark = pytest.mark.real

PORTS = range(3000, 3100)

FETCH = """
import sys, urllib.request, urllib.error
try:
    with urllib.request.urlopen("http://localhost:%s/name" % sys.argv[1], timeout=10) as answer:
        print(answer.read().decode())
except urllib.error.URLError as error:
    print(type(error.reason).__name__)
"""


def serve(
    installation: Installation, project: Path, port: int
) -> contextlib.AbstractContextManager[Running]:
    """Serve the name of a worktree, as `python -m http.server PORT` does."""
    (project / "name").write_text(project.name)
    words = [sys.executable, "-u", "-m", "http.server", str(port)]
    return installation.run(words, cwd=project)


def seen_from(installation: Installation, project: Path, port: int, **env: str) -> str:
    """Say whose server an unmodified client in a directory finds on `localhost`."""
    done = subprocess.run(
        [sys.executable, "-c", FETCH, str(port)],
        cwd=project,
        env=installation.guest_env(**env),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_seen(installation: Installation, project: Path, port: int, name: str) -> None:
    """Wait until a client finds this server."""
    wait_until(lambda: seen_from(installation, project, port) == name, f"{project} sees {name}")


def test_three_worktrees_each_see_their_own_server(
    installation: Installation, repo: Repo, tmp_path: Path
) -> None:
    port = free_port(PORTS)
    trees = [repo.worktree("tree") for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for tree in trees:
            stack.enter_context(serve(installation, tree, port))
            wait_seen(installation, tree, port, tree.name)
        assert [seen_from(installation, tree, port) for tree in trees] == [
            tree.name for tree in trees
        ]
        # The first one sits at the number itself; everybody else reaches it.
        assert seen_from(installation, tmp_path, port) == trees[0].name


def test_a_sibling_that_serves_alone_does_not_answer(
    installation: Installation, repo: Repo, tmp_path: Path
) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    with serve(installation, theirs, port):
        wait_seen(installation, theirs, port, theirs.name)
        assert seen_from(installation, ours, port) == "ConnectionRefusedError"
        assert seen_from(installation, ours, port, STYXY_SIBLINGS="allow") == theirs.name
        assert seen_from(installation, ours, port, STYXY_SIBLINGS_ALLOW=str(port)) == theirs.name
        assert seen_from(installation, tmp_path, port) == theirs.name


def test_a_server_on_the_daemons_own_port_is_moved_and_told_so(
    installation: Installation, repo: Repo
) -> None:
    ours, port = repo.worktree("ours"), installation.styxy.port
    with serve(installation, ours, port) as server:
        wait_moved(server, port, why="was in use by Styxy")
        wait_seen(installation, ours, port, ours.name)


def test_a_restarted_server_is_found_where_it_was(installation: Installation, repo: Repo) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    with serve(installation, theirs, port):
        wait_seen(installation, theirs, port, theirs.name)
        paths = []
        for _ in range(2):
            with serve(installation, ours, port) as server:
                paths.append(wait_moved(server, port))
                wait_seen(installation, ours, port, ours.name)
            wait_until(
                lambda: seen_from(installation, ours, port) == "ConnectionRefusedError",
                "it has ended",
            )
        assert paths[0] == paths[1]


def test_a_moved_server_is_found_when_the_daemon_is_gone(tmp_path: Path, repo: Repo) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    own = Installation(tmp_path / "home")
    own.start()
    try:
        with serve(own, theirs, port), serve(own, ours, port):
            wait_seen(own, theirs, port, theirs.name)
            wait_seen(own, ours, port, ours.name)
            for end in (own.kill, own.start, own.stop):
                end()
                assert seen_from(own, ours, port) == ours.name
                assert seen_from(own, theirs, port) == theirs.name
    finally:
        own.kill()


ALWAYS = """
import signal, socket, sys
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
seen = set()
print("begun", file=sys.stderr, flush=True)
while not ended:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.sendall(b"GET /name HTTP/1.0\\r\\n\\r\\n")
        seen.add(b"".join(iter(lambda: connection.recv(4096), b"")).split()[-1].decode())
print(*sorted(seen))
"""
"""Fetches until it is told to end, and says whose answers it got."""


@pytest.mark.slow
def test_no_moment_of_a_new_daemons_start_leads_to_another_worktree(
    tmp_path: Path, repo: Repo
) -> None:
    port, ours, theirs = free_port(PORTS), repo.worktree("ours"), repo.worktree("theirs")
    own = Installation(tmp_path / "home")
    own.start()
    words = [sys.executable, "-c", ALWAYS, str(port)]
    try:
        with serve(own, theirs, port), serve(own, ours, port):
            wait_seen(own, theirs, port, theirs.name)
            wait_seen(own, ours, port, ours.name)
            with own.run(words, cwd=ours) as client:
                client.wait_line("begun")
                for _ in range(3):
                    own.kill()
                    own.start()
                client.signal(signal.SIGTERM)
                assert client.wait() == 0, client
                assert client.stdout == f"{ours.name}\n"
    finally:
        own.kill()
