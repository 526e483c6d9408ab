"""Container engines: asked over their sockets, and no trouble where there is none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from styxy.client.inspection.containers import containers, sockets
from styxy.core.reports.who_report import Engine
from tests.fakes import FakeDaemon

LISTED = [
    {
        "Id": "a" * 64,
        "Names": ["/shop-db-1"],
        "Image": "postgres:16",
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 5432, "PublicPort": 5433, "Type": "tcp"},
            {"IP": "::", "PrivatePort": 5432, "PublicPort": 5433, "Type": "tcp"},
            {"PrivatePort": 9000, "Type": "tcp"},
        ],
        "Labels": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "db",
            "com.docker.compose.project.working_dir": "/home/me/shop",
        },
    },
    {"Id": "b" * 64, "Names": None, "Image": "x", "Ports": None, "Labels": None},
]


def answer(content: object) -> bytes:
    # As Go's server does for HTTP/1.0: no length, the connection's end is the end.
    return (
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + json.dumps(content).encode()
    )


def at(path: Path) -> list[tuple[Engine, str]]:
    return [("docker", str(path))]


def test_a_container_is_told_with_its_ports_and_its_compose_project(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path / "s", lambda *_: answer(LISTED)) as engine:
        found, other = containers(at(tmp_path / "s"))
    assert engine.asked == [("GET", "/containers/json", None)]
    assert (found.engine, found.name, found.image) == ("docker", "shop-db-1", "postgres:16")
    assert found.ports == (5433,)
    assert (found.compose_project, found.compose_service) == ("shop", "db")
    assert found.compose_directory == "/home/me/shop"
    assert (other.name, other.ports) == ("b" * 12, ())


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.0 403 Forbidden\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n[{]",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b'HTTP/1.0 200 OK\r\n\r\n[1, {"Id": 3}]',
    ],
)
def test_nonsense_is_no_container(tmp_path: Path, said: bytes) -> None:
    with FakeDaemon(tmp_path / "s", lambda *_: said):
        assert containers(at(tmp_path / "s")) == []


def test_a_silent_engine_costs_no_more_than_the_patience(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path / "s", lambda *_: None):
        began = time.monotonic()
        assert containers(at(tmp_path / "s"), patience=0.05) == []
        assert time.monotonic() - began < 1


def test_without_an_engine_there_is_no_container(tmp_path: Path) -> None:
    assert containers(at(tmp_path / "nowhere")) == []


def test_the_usual_sockets_are_known_each_once() -> None:
    env = {"DOCKER_HOST": "tcp://10.0.0.1:2375", "XDG_RUNTIME_DIR": "/run/user/7", "HOME": "/h"}
    assert sockets(env) == [
        ("docker", "/var/run/docker.sock"),
        ("docker", "/run/user/7/docker.sock"),
        ("podman", "/run/user/7/podman/podman.sock"),
        ("docker", "/h/.docker/run/docker.sock"),
        ("podman", "/run/podman/podman.sock"),
    ]
    named = sockets({"DOCKER_HOST": "unix:///var/run/docker.sock"})
    assert named.count(("docker", "/var/run/docker.sock")) == 1
