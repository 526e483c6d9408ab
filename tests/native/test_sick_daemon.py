"""A daemon that is absent, slow, silent or mad: the program has its own result, and soon."""

from __future__ import annotations

import os
import select
import socket
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    BINDER,
    PATIENCE,
    Behaviour,
    FakeDaemon,
    bind_each,
    compiled,
    listener,
    move,
    run,
    say,
    shortest,
    silence,
)

NONSENSE = [
    "",
    " ",
    "keep",
    "styxy/1",
    "styxy/1 ",
    "styxy/1 keep now",
    "styxy/2 keep",
    "styxy/1 move",
    "styxy/1 move 0 api new 2026-11-21T19:25:22",
    "styxy/1 move 80 api new 2026-11-21T19:25:22",
    "styxy/1 move 65536 api new 2026-11-21T19:25:22",
    "styxy/1 move 99999999999999999999 api new 2026-11-21T19:25:22",
    "styxy/1 move -5000 api new 2026-11-21T19:25:22",
    "styxy/1 move {asked}x api new 2026-11-21T19:25:22",
    "styxy/1 move 5000 api maybe 2026-11-21T19:25:22",
    "styxy/1 move 5000 api new yesterday",
    "styxy/1 move 5000 api new 2026-11-21T19:25:22 more",
    "styxy/1 move 5000  new 2026-11-21T19:25:22",
    "styxy/1 move 5000 a%0Ab new 2026-11-21T19:25:22",
    "styxy/1 move 5000 a%1b[2J new 2026-11-21T19:25:22",
    "styxy/1 move 5000 a% new 2026-11-21T19:25:22",
    "styxy/1 move 5000 a%zz new 2026-11-21T19:25:22",
    f"styxy/1 move 5000 {'a' * 64} new 2026-11-21T19:25:22",
    "styxy/1 single 0 ai 1",
    "styxy/1 single 11434 ai -1",
    "styxy/1 error",
    "styxy/1 taken a%0Ab",
    "styxy/1 taken a b",
    "HTTP/1.1 400 Bad Request",
    "x" * 20_000,
    "\x00" * 40,
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_leaves_the_first_result(tmp_path: Path, nonsense: str) -> None:
    def behaviour(connection: socket.socket, question: list[str]) -> None:
        connection.sendall(nonsense.replace("{asked}", question[4]).encode() + b"\n")

    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken}") == ["EADDRINUSE"]
    assert len(daemon.questions) == 1


def close_early(connection: socket.socket, question: list[str]) -> None:
    """Hang up without a word."""


def half_a_line(connection: socket.socket, question: list[str]) -> None:
    """Hang up within the answer."""
    connection.sendall(b"styxy/1 ke")


@pytest.mark.parametrize("behaviour", [close_early, half_a_line])
def test_a_daemon_that_hangs_up_leaves_the_first_result(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    promised = free_port()
    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        got = bind_each(daemon, f"127.0.0.1,{taken}", f"127.0.0.1,{promised}")
    assert got == ["EADDRINUSE", str(promised)]


def test_an_answer_that_comes_byte_by_byte_is_understood(tmp_path: Path) -> None:
    free = free_port()

    def behaviour(connection: socket.socket, question: list[str]) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)
        for byte in f"{move(free)}\n".encode():
            connection.send(bytes([byte]))

    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken}") == [str(free)]


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_a_daemon_that_asks_for_time_gets_it_once(tmp_path: Path, pause: float) -> None:
    free = free_port()

    def behaviour(connection: socket.socket, question: list[str]) -> None:
        connection.sendall(b"styxy/1 wait\n")
        assert not select.select([connection], [], [], pause)[0], "it has hung up"
        connection.sendall(f"{move(free)}\n".encode())

    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken}") == [str(free)]


def wait_for_ever(connection: socket.socket, question: list[str]) -> None:
    """Ask for time, and for more of it, which is nonsense."""
    connection.sendall(b"styxy/1 wait\nstyxy/1 wait\n")


def wait_in_vain(connection: socket.socket, question: list[str]) -> None:
    """Ask for time, and never answer."""
    connection.sendall(b"styxy/1 wait\n")


@pytest.mark.parametrize("behaviour", [wait_for_ever, wait_in_vain])
def test_a_daemon_that_asks_for_time_in_vain_leaves_the_first_result(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken}") == ["EADDRINUSE"]


def timed_binds(daemon: FakeDaemon, *binds: str) -> tuple[list[str], float]:
    *got, milliseconds = bind_each(daemon, *binds, TIMED="1")
    return got, int(milliseconds) / 1000


def test_silence_costs_one_deadline_and_then_nobody_is_asked(tmp_path: Path) -> None:
    promised = free_port()

    def attempt() -> float:
        with listener() as taken, FakeDaemon(tmp_path, silence) as daemon:
            daemon.promise(promised, "project:/somewhere/else")
            binds = [*[f"127.0.0.1,{taken}"] * 20, f"::1,{promised}"]
            got, took = timed_binds(daemon, *binds)
        assert got == ["EADDRINUSE"] * 20 + [str(promised)]
        assert daemon.connections == 1
        return took

    assert 0.25 <= shortest(attempt) < PATIENCE


def trickle(connection: socket.socket, question: list[str]) -> None:
    """Say one byte now and then, for two seconds."""
    connection.settimeout(0.02)
    for _ in range(100):
        try:
            connection.recv(1)  # a wait: the guest sends nothing more
            return
        except TimeoutError:
            connection.send(b"s")


def test_a_slow_trickle_does_not_stretch_the_deadline(tmp_path: Path) -> None:
    def attempt() -> float:
        with listener() as taken, FakeDaemon(tmp_path, trickle) as daemon:
            got, took = timed_binds(daemon, *[f"127.0.0.1,{taken}"] * 3)
        assert got == ["EADDRINUSE"] * 3
        return took

    assert shortest(attempt) < PATIENCE


def test_a_full_backlog_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    path = tmp_path / "full.sock"
    with listener() as taken, socket.socket(socket.AF_UNIX) as full:
        full.bind(str(path))
        full.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))

            def attempt() -> float:
                with FakeDaemon(tmp_path) as daemon:
                    daemon.line_socket = path
                    daemon.write_map()
                    got, took = timed_binds(daemon, *[f"127.0.0.1,{taken}"] * 3)
                assert got == ["EADDRINUSE"] * 3
                return took

            assert shortest(attempt) < PATIENCE


def test_retries_share_one_deadline(tmp_path: Path) -> None:
    def attempt() -> float:
        answers = 0
        stuck: list[socket.socket] = []

        def behaviour(connection: socket.socket, question: list[str]) -> None:
            nonlocal answers
            answers += 1
            if answers < 4:
                connection.settimeout(0.06)
                try:
                    connection.recv(1)  # the guest sends nothing more
                except TimeoutError:
                    connection.sendall(f"{move(lost)}\n".encode())
            else:
                stuck.append(connection.dup())

        with listener() as taken, listener() as lost:
            with FakeDaemon(tmp_path, behaviour) as daemon:
                got, took = timed_binds(daemon, f"127.0.0.1,{taken}")
        for connection in stuck:
            connection.close()
        assert got == ["EADDRINUSE"]
        return took

    assert shortest(attempt) < PATIENCE


def remove_home(daemon: FakeDaemon) -> None:
    (daemon.home / "daemon.json").unlink()


def remove_map(daemon: FakeDaemon) -> None:
    daemon.map.unlink()


def remove_socket(daemon: FakeDaemon) -> None:
    daemon.line_socket.unlink()


def retire_map(daemon: FakeDaemon) -> None:
    daemon.write_map(retired=1)


def truncate_map(daemon: FakeDaemon) -> None:
    daemon.map.write_bytes(daemon.map.read_bytes()[:5000])


def empty_map(daemon: FakeDaemon) -> None:
    daemon.map.write_bytes(b"")


def garble_map(daemon: FakeDaemon) -> None:
    daemon.map.write_bytes(bytes(255 - byte for byte in daemon.map.read_bytes()))


def age_map(daemon: FakeDaemon) -> None:
    daemon.write_map(version=4)


def move_map_to_another_namespace(daemon: FakeDaemon) -> None:
    daemon.write_map(netns=1)


def put_a_fifo_for_the_map(daemon: FakeDaemon) -> None:
    daemon.map.unlink()
    os.mkfifo(daemon.map)


def put_a_link_for_the_map(daemon: FakeDaemon) -> None:
    daemon.map.rename(daemon.map.with_suffix(".real"))
    daemon.map.symlink_to(daemon.map.with_suffix(".real"))


def write_escapes(daemon: FakeDaemon) -> None:
    path = str(daemon.map).replace("/", "\\/")
    (daemon.home / "daemon.json").write_text(f'{{"map": "{path}"}}')


def write_garbage(daemon: FakeDaemon) -> None:
    (daemon.home / "daemon.json").write_bytes(bytes(range(256)) * 4)


def write_too_much(daemon: FakeDaemon) -> None:
    text = (daemon.home / "daemon.json").read_text()
    (daemon.home / "daemon.json").write_text(" " * 4000 + text)


DAMAGES = [
    remove_home, remove_map, remove_socket, retire_map, truncate_map, empty_map, garble_map,
    age_map, move_map_to_another_namespace, put_a_fifo_for_the_map, put_a_link_for_the_map,
    write_escapes, write_garbage, write_too_much,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: str(damage.__name__))
def test_damaged_files_are_an_absent_daemon(tmp_path: Path, damage: object) -> None:
    promised, free = free_port(), free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        assert callable(damage)
        damage(daemon)
        got = bind_each(daemon, f"127.0.0.1,{taken}", f"::1,{promised}")
    assert got == ["EADDRINUSE", str(promised)]
    assert daemon.questions == []


def test_without_a_home_styxy_is_absent(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        env = daemon.environment()
        del env["STYXY_HOME"], env["HOME"]
        done = run([compiled(BINDER), f"127.0.0.1,{taken}"], env)
    assert (done.stdout, done.stderr) == ("EADDRINUSE\n", "")


def test_a_relative_home_is_meant_from_where_the_program_was_started(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        env = daemon.environment(STYXY_HOME="home")
        done = run([compiled(BINDER), f"127.0.0.1,{taken}"], env, cwd=tmp_path)
    assert done.stdout == f"{free}\n"


def test_the_socket_variable_names_the_map_too(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.map.rename(tmp_path / "s.map")
        (tmp_path / "daemon.json").unlink()
        got = bind_each(daemon, f"127.0.0.1,{taken}", STYXY_SOCKET=str(tmp_path / "s"))
    assert got == [str(free)]
