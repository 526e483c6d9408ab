"""The interceptor's question over HTTP."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tests.daemon import Daemon, port_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "home") as running:
        yield running


def test_a_bind_of_a_busy_port_is_moved_once_for_one_server(daemon: Daemon) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        body = {"port": port_of(stranger), "pid": os.getpid()}
        first = daemon.call("POST", "/reassign", body).body
        again = daemon.call("POST", "/reassign", body).body
    assert (first["action"], first["reassigned"]) == ("move", True)
    assert first["port"] != body["port"]
    assert (again["port"], again["lock_id"]) == (first["port"], first["lock_id"])
    assert again["reassigned"] is False
    (told,) = daemon.call("GET", "/reassignments").body["reassignments"]
    assert (told["requested_port"], told["port"]) == (body["port"], first["port"])
    assert told["pid"] == os.getpid()


def test_what_was_lost_is_not_answered_again(daemon: Daemon) -> None:
    body = {"port": 8000, "pid": os.getpid(), "reason": "promised"}
    first = daemon.call("POST", "/reassign", body).body["port"]
    assert daemon.call("POST", "/reassign", {**body, "lost_port": first}).body["port"] != first


def test_a_bind_beside_ones_own_server_stands(daemon: Daemon) -> None:
    body = {"port": 8000, "pid": os.getpid(), "reason": "placed"}
    assert daemon.call("POST", "/reassign", body).body["action"] == "keep"


@pytest.mark.parametrize(
    "change", [{"port": 80}, {"pid": 0}, {"server": "x"}, {"reason": "bored"}, {"pid": 2**22}]
)
def test_a_question_that_makes_no_sense_is_refused(
    daemon: Daemon, change: dict[str, object]
) -> None:
    body = {"port": 8000, "pid": os.getpid(), **change}
    answer = daemon.call("POST", "/reassign", body)
    assert (answer.status, answer.body["code"]) == (400, "invalid_input")
    assert daemon.leases() == []


def test_a_singleton_that_runs_is_named_as_it_is_by_a_request_for_it(daemon: Daemon) -> None:
    lease = daemon.allocate("ai", service_name="rag", pid=os.getpid(), project_path="/p/blog")
    body = {"port": lease["port"], "pid": os.getpid(), "project_path": "/q"}
    answer = daemon.call("POST", "/reassign", {**body, "reason": "promised"}).body
    assert (answer["action"], answer["port"]) == ("single", lease["port"])
    assert answer["message"] == (
        f"Service 'ai' only allows single instance: rag (pid {os.getpid()}, /p/blog) runs on port "
        f"{lease['port']}; use that one: styxy use ai"
    )
    assert answer["message"] == daemon.allocate("ai")["message"]
