"""Places that a server has, or had a moment ago: the same answer, and one port for its workers."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import key_text, project
from tests.native.guest import FakeDaemon, bind_each, listener, move, say
from tests.native.host_programs import host
from tests.native.mapfile import HELD, LIVE, REMEMBERED


def reasons(daemon: FakeDaemon) -> list[str]:
    """Why the daemon was asked."""
    return [question[6] for question in daemon.questions]


def bind_in_mine(daemon: FakeDaemon, *binds: str) -> list[str]:
    """Bind in a guest of the project `mine`."""
    return bind_each(daemon, *binds, STYXY_PROJECT=project(daemon, "mine"))


@pytest.mark.parametrize(("ago", "asked"), [(0, True), (599, True), (601, False), (-50, True)])
def test_a_restarted_server_asks_for_its_old_place(tmp_path: Path, ago: int, asked: bool) -> None:
    port, place = free_port(), free_port()
    with FakeDaemon(tmp_path, say(move(place))) as daemon:
        daemon.entries.move(
            port, place, project=key_text(daemon, "mine"), state=REMEMBERED, ago=ago
        )
        got = bind_in_mine(daemon, f"127.0.0.1,{port},listen")
        assert got == [str(place if asked else port)]
        assert reasons(daemon) == (["returned"] if asked else [])


def test_keep_leads_to_the_ordinary_steps(tmp_path: Path) -> None:
    free, promised = free_port(), free_port()
    with listener() as taken, FakeDaemon(tmp_path, say("styxy/1 keep")) as daemon:
        for port in (free, promised, taken):
            daemon.entries.move(port, 4000, project=key_text(daemon, "mine"), state=REMEMBERED)
        daemon.promise(promised, "project:/somewhere/else")
        binds = [f"127.0.0.1,{port}" for port in (free, promised, taken)]
        assert bind_in_mine(daemon, *binds) == [str(free), str(promised), "EADDRINUSE"]
    assert reasons(daemon) == ["returned", "returned", "promised", "returned", "inuse"]


@pytest.mark.parametrize("state", [HELD, LIVE, REMEMBERED])
def test_places_of_others_are_no_places_of_ours(tmp_path: Path, state: int) -> None:
    port = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        daemon.entries.move(port, 4000, project="project:/theirs", state=state)
        if state != REMEMBERED:
            daemon.entries.move(port, 4001, project=key_text(daemon, "mine"), state=state)
        assert bind_in_mine(daemon, f"127.0.0.1,{port}") == [str(port)]
    assert daemon.questions == []


@pytest.mark.parametrize("state", [HELD, LIVE])
def test_a_place_of_this_server_is_asked_for(tmp_path: Path, state: int) -> None:
    """The child of a fork has the server's id, but it may have forgotten the move."""
    port, place = free_port(), free_port()
    program = host(
        r"""
        //main
        int first = try_bind(atoi(argv[1]));
        printf("%d ", first);
        fflush(stdout);
        getchar();
        printf("%d", try_bind(port));
        """
    )
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        with subprocess.Popen(
            [program, str(taken), str(port)], text=True,
            env=daemon.environment(STYXY_PROJECT=project(daemon, "mine"), STYXY_NOTIFY="off"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as guest:  # fmt: skip
            assert guest.stdout is not None
            while guest.stdout.read(1) != " ":
                pass
            server = int(daemon.questions[0][8], 16)
            daemon.behaviour = say(move(place))
            daemon.entries.move(
                port, place, project=key_text(daemon, "mine"), server=server, state=state
            )
            assert guest.communicate("\n", timeout=30)[0] == str(place)
    assert reasons(daemon) == ["inuse", "placed"]


@pytest.mark.parametrize("state", [HELD, LIVE])
def test_workers_that_share_a_port_meet_although_they_are_programs(
    tmp_path: Path, state: int
) -> None:
    port = free_port()
    with socket.socket() as worker, FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind(("127.0.0.1", 0))
        worker.listen()
        place = worker.getsockname()[1]
        daemon.entries.move(port, place, project=key_text(daemon, "mine"), state=state)
        assert bind_in_mine(daemon, f"127.0.0.1,{port},reuseport,listen") == [str(place)]
        assert bind_in_mine(daemon, f"127.0.0.1,{port},listen") == [str(port)]
    assert daemon.questions == []
    assert not (tmp_path / "reassignments.log").exists()


def test_a_place_that_does_not_share_is_none_of_a_workers(tmp_path: Path) -> None:
    port, own = free_port(), free_port()
    with listener() as place, listener() as taken, FakeDaemon(tmp_path, say(move(own))) as daemon:
        for asked in (port, taken):
            daemon.entries.move(asked, place, project=key_text(daemon, "mine"))
        binds = [f"127.0.0.1,{port},reuseport", f"127.0.0.1,{taken},reuseport"]
        assert bind_in_mine(daemon, *binds) == [str(port), str(own)]


WORKER = """
import socket, sys
with socket.socket() as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sys.stdin.readline()
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    print(server.getsockname()[1], flush=True)
    sys.stdin.readline()
"""


def test_workers_that_ask_at_the_same_moment_end_on_one_port(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        paths: dict[str, int] = {}

        def behaviour(connection: socket.socket, question: list[str]) -> None:
            if question[8] not in paths:
                paths[question[8]] = free_port()
                daemon.entries.move(
                    taken, paths[question[8]], project=key_text(daemon, "mine"),
                    server=int(question[8], 16), state=HELD,
                )  # fmt: skip
            connection.sendall(f"{move(paths[question[8]])}\n".encode())

        daemon.behaviour = behaviour
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(taken)], text=True,
                env=daemon.environment(STYXY_PROJECT=project(daemon, "mine")),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for _ in range(4)
        ]  # fmt: skip
        for worker in workers:
            assert worker.stdin is not None
            print(file=worker.stdin, flush=True)
        got = []
        for worker in workers:
            assert worker.stdout is not None
            got.append(int(worker.stdout.readline()))
        told = [worker.communicate("\n", timeout=30)[1] for worker in workers]
    assert len(set(got)) == 1
    assert got[0] in paths.values()
    assert sum("STYXY" in text for text in told) == 1
