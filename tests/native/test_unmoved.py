"""A conflict that could not be settled: one line says why and what to do, and nothing else changes.

Also tests `notice`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    BINDER,
    GARBLED,
    SILENT,
    UNMOVED,
    Behaviour,
    FakeDaemon,
    compiled,
    listener,
    receiver,
    run,
    say,
    silence,
)
from tests.native.host_programs import host
from tests.native.supervised import environment, needs_seccomp, static, under

NO_DAEMON = "no daemon is running; try: styxy daemon start -d"
FULL = "dev 3000-3099 is full (100 leases, the rest is in use); try: styxy cleanup"

LONG = (
    f"it is promised to {'x' * 60}, and coordination 9870-9899 is full (30 leases, the rest in "
    "use); this project does not use 12 of them; try: styxy cleanup -f"
)


def told(daemon: FakeDaemon, *binds: str, **env: str) -> tuple[str, str]:
    """What a program prints that binds, and what it is told."""
    done = run([compiled(BINDER), *binds], daemon.environment(**env))
    return done.stdout, done.stderr


def hang_up(connection: object, question: list[str]) -> None:
    """Say nothing and go."""


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (say("styxy/1 error " + FULL.replace(" ", "%20")), FULL),
        (say("styxy/1 error " + LONG.replace(" ", "%20")), LONG),
        (say("styxy/1 error " + "a" * 400), "the daemon refused; see: styxy daemon logs"),
        (silence, SILENT),
        (hang_up, GARBLED),
    ],
    ids=["full", "long", "wordy", "silent", "gone"],
)
def test_a_program_that_keeps_its_conflict_is_told_why_once(
    tmp_path: Path, behaviour: Behaviour, why: str
) -> None:
    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        binds = [f"127.0.0.1,{taken}"] * 3
        assert told(daemon, *binds) == ("EADDRINUSE\n" * 3, UNMOVED.format(taken, why))
        assert told(daemon, *binds, STYXY_NOTIFY="off") == ("EADDRINUSE\n" * 3, "")


def test_without_a_daemon_a_conflict_is_told_and_a_free_port_is_not(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        losses: list[Callable[[], object]] = [
            daemon.line_socket.unlink,
            partial(daemon.write_map, retired=1),
            (tmp_path / "daemon.json").unlink,
        ]
        for lose in losses:
            lose()
            free = free_port()
            done = told(daemon, f"127.0.0.1,{free}", f"127.0.0.1,{taken}", STYXY_NOTIFY="stdout")
            assert done == (f"{free}\nEADDRINUSE\n", UNMOVED.format(taken, NO_DAEMON))
            off = told(daemon, f"127.0.0.1,{taken}", STYXY_DISABLE_REASSIGN="1")
            assert off == ("EADDRINUSE\n", "")


def test_the_daemon_of_another_network_is_named(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        daemon.write_map(netns=1)
        _, said = told(daemon, f"127.0.0.1,{taken}")
    assert said.startswith(UNMOVED.format(taken, "the daemon is in another network namespace")[:-1])
    assert daemon.questions == []


def test_a_program_in_its_own_way_is_told_nothing(tmp_path: Path) -> None:
    port = free_port()
    with FakeDaemon(tmp_path) as daemon:
        (tmp_path / "daemon.json").unlink()
        twice = [f"127.0.0.1,{port},listen"] * 2
        assert told(daemon, *twice) == (f"{port}\nEADDRINUSE\n", "")
        again = [f"127.0.0.1,{port},reuse", f"127.0.0.1,{port},reuse,listen"]
        assert told(daemon, *again, f"127.0.0.1,{port},reuse,listen")[1] == ""


def test_a_promised_port_that_is_bound_all_the_same_is_told(tmp_path: Path) -> None:
    port = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 error full")) as daemon:
        daemon.promise(port, "project:/somewhere/else")
        assert told(daemon, f"127.0.0.1,{port}") == (f"{port}\n", UNMOVED.format(port, "full"))


def test_udp_sockets_that_are_never_moved_are_told_nothing(tmp_path: Path) -> None:
    with receiver() as taken, FakeDaemon(tmp_path) as daemon:
        (tmp_path / "daemon.json").unlink()
        bare = told(daemon, f"127.0.0.1,{taken}", UDP="1")
        assert bare == ("EADDRINUSE\n", UNMOVED.format(taken, NO_DAEMON))
        group = told(daemon, f"0.0.0.0,{taken},group", UDP="1")
        assert group == ("EADDRINUSE\n", "")


def test_forked_children_do_not_say_it_again(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        try_bind(port);
        if (fork() == 0)
            _exit(try_bind(port) != -EADDRINUSE);
        int status;
        wait(&status);
        return status;
        """
    )
    with listener() as taken, FakeDaemon(tmp_path, say("styxy/1 error full")) as daemon:
        done = run([program, str(taken)], daemon.environment())
    assert (done.returncode, done.stderr) == (0, UNMOVED.format(taken, "full"))


@needs_seccomp
def test_a_supervised_program_is_told_too(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path, say("styxy/1 error full")) as daemon:
        for why in ("full", NO_DAEMON):
            done = run(under(static(BINDER), f"127.0.0.1,{taken}"), environment(daemon))
            assert (done.stdout, done.stderr) == ("EADDRINUSE\n", UNMOVED.format(taken, why))
            daemon.write_map(retired=1)
