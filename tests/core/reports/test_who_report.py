"""What a server means to the caller, and how it is ended: tables of cases."""

from __future__ import annotations

import pytest

from styxy.core.reports.cgroups import Unit
from styxy.core.reports.process_tree import Process
from styxy.core.reports.who_report import (
    Container,
    Policy,
    Relation,
    Worktree,
    caution,
    hidden,
    meaning,
    policy_of,
    ways_to_stop,
)

WORKTREE = Worktree(path="/repo-wt", branch="feature", is_linked=True, repo="/repo")
NOBODY = Policy()


def told(
    relation: Relation,
    *,
    kind: str | None = "dev",
    single: bool = False,
    policy: Policy = NOBODY,
    own: int | None = None,
    place: bool = False,
) -> str | None:
    return meaning(
        relation,
        3000,
        worktree=WORKTREE,
        service_type=kind,
        is_singleton=single,
        policy=policy,
        own_place=own,
        is_place=place,
    )


def test_a_connect_to_a_sibling_is_refused_and_that_is_said_plainly() -> None:
    said = told("sibling")
    assert said is not None
    assert "another worktree of this repo (feature at /repo-wt)" in said
    assert "fails with ECONNREFUSED" in said
    assert "STYXY_SIBLINGS_ALLOW=3000" in said


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (told("own"), "this project's own server"),
        (told("other"), "another project's server"),
        (told("other", own=3007), "reaches this project's own 3007"),
        (told("sibling", own=3007), "reaches this project's own 3007"),
        (told("sibling", kind="database"), "share database servers"),
        (told("sibling", kind="gpu", single=True), "share gpu servers"),
        (told("sibling", place=True), "no worktree of it asks for 3000, so connecting from here"),
        (told("sibling", policy=Policy(allows_all=True)), "lets connections from here reach it"),
        (told("sibling", policy=Policy(allowed=frozenset({3000}))), "lets connections"),
    ],
)
def test_what_a_server_is_to_the_caller(said: str | None, part: str) -> None:
    assert said is not None
    assert part in said
    assert "ECONNREFUSED" not in said


def test_nothing_is_claimed_of_a_server_whose_project_nobody_knows() -> None:
    assert told("unknown") is None
    assert caution("unknown") is None


def test_a_stranger_is_left_alone_before_it_is_stopped() -> None:
    assert caution("own") is None
    assert "styxy run -- CMD" in (caution("sibling") or "")
    assert "styxy run -- CMD" in (caution("other") or "")


def test_the_exceptions_are_read_as_the_guest_reads_them() -> None:
    assert policy_of("allow", None) == Policy(allows_all=True)
    assert policy_of("refuse", "8000,8001, x") == Policy(allowed=frozenset({8000, 8001}))
    assert policy_of(None, None) == NOBODY


def process(pid: int, parent: int, *words: str) -> Process:
    return Process(
        pid=pid,
        parent=parent,
        group=100,
        session=10,
        uid=1,
        name=words[0].rpartition("/")[2],
        words=words,
    )


TREE = {
    each.pid: each
    for each in (
        process(1, 0, "/sbin/init"),
        process(10, 1, "bash"),
        process(100, 10, "npm run dev"),
        process(101, 100, "sh", "-c", "vite"),
        process(102, 101, "node", "vite.js"),
        process(200, 1, "nginx"),
        process(300, 1, "/usr/bin/docker-proxy"),
        process(400, 1, "python3", "-m", "styxy.server"),
    )
}


def commands(
    *holders: int, container: Container | None = None, unit: Unit | None = None
) -> list[str]:
    found = ways_to_stop(3000, holders, TREE, container=container, unit=unit)
    return [each.command for each in found]


def test_the_launchers_are_ended_with_the_leaf() -> None:
    (stop,) = ways_to_stop(3000, [102], TREE, container=None, unit=None)
    assert stop.command == "kill -TERM 100 101 102"
    assert stop.effect == "ends npm (100) and its 2 descendants"


def test_ones_own_server_is_stopped_by_its_port() -> None:
    (stop,) = ways_to_stop(3000, [102], TREE, container=None, unit=None, is_own=True)
    assert stop.command == "styxy stop 3000"
    assert stop.effect == "ends npm (100) and its 2 descendants"
    (daemon,) = ways_to_stop(3000, [400], TREE, container=None, unit=None, is_own=True)
    assert daemon.command == "styxy daemon stop"


def test_a_service_is_stopped_by_its_manager() -> None:
    nginx = Unit(name="nginx.service", scope="system")
    assert commands(200, unit=nginx) == ["sudo systemctl stop nginx.service"]
    mine = Unit(name="my web.service", scope="user")
    assert commands(200, unit=mine) == ["systemctl --user stop 'my web.service'"]


def test_what_somebody_started_inside_a_service_does_not_end_the_service() -> None:
    runner = Unit(name="build-runner.service", scope="system")
    assert commands(102, unit=runner) == ["kill -TERM 100 101 102"]


def test_a_container_is_stopped_by_its_engine() -> None:
    plain = Container(engine="podman", id="1", name="web", image="nginx")
    assert commands(300, container=plain) == ["podman stop web"]
    composed = Container(
        engine="docker",
        id="1",
        name="shop-db-1",
        image="postgres",
        compose_project="shop",
        compose_service="db",
    )
    assert commands(container=composed) == [
        "docker compose -p shop stop db",
        "docker stop shop-db-1",
    ]


def test_a_proxy_whose_engine_is_silent_is_not_killed() -> None:
    assert commands(300, unit=Unit(name="docker.service", scope="system")) == [
        "docker ps --filter publish=3000"
    ]


def test_our_own_daemon_is_stopped_by_our_own_command() -> None:
    assert commands(400) == ["styxy daemon stop"]


def test_the_daemon_of_another_home_is_stopped_as_such() -> None:
    (stop,) = ways_to_stop(3000, [400], TREE, container=None, unit=None, daemon_home="/tmp/a b")
    assert stop.command == "STYXY_HOME='/tmp/a b' styxy daemon stop"
    assert "the daemon of /tmp/a b" in stop.effect


def test_a_process_that_root_cannot_see_runs_elsewhere() -> None:
    assert hidden(3000, "root", may_see=True).command == "styxy who 3000 --no-start"
    assert "outside this sandbox" in hidden(3000, "root", may_see=True).effect
    assert hidden(3000, "eve", may_see=False).command == "sudo styxy who 3000 --no-start"


def test_a_daemon_is_no_project_of_anybody() -> None:
    assert told("daemon") == "a Styxy daemon, which serves every project of its home"
    assert caution("daemon") is None
