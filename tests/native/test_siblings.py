"""A server of another worktree of the same repo is as if it were not there."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.native.clients import (
    connected_twice,
    cookie_of,
    git_project,
    key_text,
    port_of,
    reach,
    server,
    stopped_in_its_wait,
)
from tests.native.guest import FakeDaemon
from tests.native.mapfile import key

REPO = key("origin:host/team/app")


@contextmanager
def sibling(
    tmp_path: Path, address: str = "127.0.0.1", *, dual: bool = False, repo: int = REPO,
    shared: bool = False, project: str = "theirs", place: bool = False,
) -> Iterator[tuple[FakeDaemon, int]]:  # fmt: skip
    """A server of a worktree beside ours: the daemon and the port."""
    with server(address, dual=dual) as other, FakeDaemon(tmp_path) as daemon:
        git_project(daemon, "mine", "git@HOST:team/app.git")
        families = [4, 6] if dual else [6 if ":" in address else 4]
        for family in families:
            daemon.entries.answering(
                port_of(other), cookie_of(other), project=key_text(daemon, project),
                family=family, repo=repo, shared=shared, place=place,
            )  # fmt: skip
        yield daemon, port_of(other)
        assert daemon.questions == []


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "sendto", "sendmsg", "mapped"])
def test_a_sibling_does_not_answer(tmp_path: Path, way: str) -> None:
    with sibling(tmp_path) as (daemon, port):
        assert reach(daemon, way, "127.0.0.1", port) == "ECONNREFUSED"


@pytest.mark.parametrize(
    ("listens", "to"),
    [
        ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.8.8.8"),
        ("::1", "::1"), ("::1", "::"), ("dual", "::1"), ("dual", "127.0.0.1"),
    ],
)  # fmt: skip
def test_no_spelling_of_localhost_reaches_it(tmp_path: Path, listens: str, to: str) -> None:
    dual = listens == "dual"
    with sibling(tmp_path, "::" if dual else listens, dual=dual) as (daemon, port):
        assert reach(daemon, "blocking", to, port) == "ECONNREFUSED"


def test_servers_that_worktrees_share_answer(tmp_path: Path) -> None:
    with sibling(tmp_path, shared=True) as (daemon, port):
        assert reach(daemon, "blocking", "127.0.0.1", port) == f"127.0.0.1 {port}"


@contextmanager
def sibling_unseen(tmp_path: Path, asker: int = REPO) -> Iterator[tuple[FakeDaemon, socket.socket]]:
    """A sibling's server at a number that was asked for, of which the daemon has not heard yet."""
    with server() as other, FakeDaemon(tmp_path) as daemon:
        git_project(daemon, "mine", "git@HOST:team/app.git")
        daemon.entries.asker(port_of(other), asker)
        yield daemon, other


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "sendto", "sendmsg", "mapped"])
def test_a_sibling_that_has_just_begun_to_listen_does_not_answer(tmp_path: Path, way: str) -> None:
    with sibling_unseen(tmp_path) as (daemon, other):
        port, theirs = port_of(other), key_text(daemon, "theirs")
        with stopped_in_its_wait(daemon, way, port) as client:
            daemon.entries.answering(port, cookie_of(other), project=theirs, repo=REPO)
            client.send_signal(signal.SIGCONT)
            assert client.communicate()[0] == "ECONNREFUSED\n"


def test_whoever_stays_unknown_is_waited_for_once(tmp_path: Path) -> None:
    with sibling_unseen(tmp_path) as (daemon, other):
        port = port_of(other)
        assert connected_twice(daemon, port) == [f"{port} after a wait", f"{port} at once"]


@pytest.mark.parametrize("reason", ["nobody asked", "the daemon has ended", "siblings are allowed"])
def test_nobody_waits_for_the_map_without_a_reason(tmp_path: Path, reason: str) -> None:
    asker = 7 if reason == "nobody asked" else REPO
    with sibling_unseen(tmp_path, asker) as (daemon, other):
        if reason == "the daemon has ended":
            daemon.leave_reports()
        allowed = {"STYXY_SIBLINGS": "allow"} if reason == "siblings are allowed" else {}
        port = port_of(other)
        assert connected_twice(daemon, port, **allowed) == [f"{port} at once"] * 2


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "sendto", "mapped"])
def test_a_sibling_answers_at_a_place_that_was_given_to_it(tmp_path: Path, way: str) -> None:
    with sibling(tmp_path, place=True) as (daemon, port):
        assert reach(daemon, way, "127.0.0.1", port).endswith(f"127.0.0.1 {port}")


@pytest.mark.parametrize(("repo", "project"), [(0, "theirs"), (7, "theirs"), (REPO, "mine")])
def test_everybody_else_answers(tmp_path: Path, repo: int, project: str) -> None:
    with sibling(tmp_path, repo=repo, project=project) as (daemon, port):
        assert reach(daemon, "blocking", "127.0.0.1", port) == f"127.0.0.1 {port}"


def test_a_project_without_a_repo_has_no_siblings(tmp_path: Path) -> None:
    with sibling(tmp_path, repo=1) as (daemon, port):
        got = reach(daemon, "blocking", "127.0.0.1", port, STYXY_PROJECT=str(tmp_path))
    assert got == f"127.0.0.1 {port}"


@pytest.mark.parametrize(
    ("name", "value", "answers"),
    [
        ("STYXY_SIBLINGS", "allow", True), ("STYXY_SIBLINGS", "refuse", False),
        ("STYXY_SIBLINGS", "nonsense", False), ("STYXY_SIBLINGS", "", False),
        ("STYXY_SIBLINGS_ALLOW", "{port}", True), ("STYXY_SIBLINGS_ALLOW", "80, {port},x", True),
        ("STYXY_SIBLINGS_ALLOW", "1{port},{port}1", False), ("STYXY_SIBLINGS_ALLOW", ",,", False),
        ("STYXY_VIRTUAL_LOCALHOST", "0", True),
    ],
)  # fmt: skip
def test_the_user_may_let_siblings_answer(
    tmp_path: Path, name: str, value: str, answers: bool
) -> None:
    with sibling(tmp_path) as (daemon, port):
        got = reach(daemon, "blocking", "127.0.0.1", port, **{name: value.format(port=port)})
    assert got == (f"127.0.0.1 {port}" if answers else "ECONNREFUSED")


def test_an_entry_that_is_stale_refuses_nobody(tmp_path: Path) -> None:
    with sibling(tmp_path) as (daemon, port):
        theirs = key_text(daemon, "theirs")
        daemon.entries.answering(port, 12345, project=theirs, repo=REPO)
        assert reach(daemon, "blocking", "127.0.0.1", port) == f"127.0.0.1 {port}"


def test_the_projects_own_moved_server_comes_before_the_sibling(tmp_path: Path) -> None:
    with sibling(tmp_path) as (daemon, port), server() as own:
        daemon.entries.move(
            port, port_of(own), project=key_text(daemon, "mine"), cookie4=cookie_of(own)
        )
        assert reach(daemon, "blocking", "127.0.0.1", port) == f"127.0.0.1 {port_of(own)}"
        own.close()
        assert reach(daemon, "blocking", "127.0.0.1", port) == "ECONNREFUSED"


def test_a_sibling_on_the_family_beside_our_own_server_is_refused(tmp_path: Path) -> None:
    with sibling(tmp_path) as (daemon, port), server("::1", port=port) as home:
        daemon.entries.answering(port, cookie_of(home), project=key_text(daemon, "mine"), family=6)
        assert reach(daemon, "blocking", "::1", port) == f"::1 {port}"
        assert reach(daemon, "blocking", "127.0.0.1", port) == "ECONNREFUSED"
