"""A server that asks a second time for the port that it has: the same answer, so it is in use."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    BINDER,
    FakeDaemon,
    bound_elsewhere,
    compiled,
    listener,
    move,
    run,
    say,
)
from tests.native.host_programs import host_text
from tests.native.supervised import environment, needs_seccomp, static, under

BACKENDS = ["preload", pytest.param("seccomp", marks=needs_seccomp)]

pytestmark = pytest.mark.parametrize("backend", BACKENDS)


def bind_each(daemon: FakeDaemon, backend: str, *binds: str, **env: str) -> list[str]:
    """Bind one after the other in one program; the ports that it got, or the errors."""
    quiet = {"STYXY_NOTIFY": "off"} | env
    if backend == "seccomp":
        done = run(under(static(BINDER), *binds), environment(daemon, **quiet))
    else:
        done = run([compiled(BINDER), *binds], daemon.environment(**quiet))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("state", ["listen", ""])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::1", "::1"),
        ("::", "0.0.0.0"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_a_port_of_ones_own_is_in_use_and_nobody_is_asked(
    tmp_path: Path, backend: str, first: str, second: str, state: str
) -> None:
    port = free_port()
    with FakeDaemon(tmp_path, say(move(free_port()))) as daemon, bound_elsewhere():
        options = f",dual,{state}" if ":" in first else f",{state}"
        got = bind_each(daemon, backend, f"{first},{port}{options}", f"{second},{port}")
        assert (got, daemon.questions) == ([str(port), "EADDRINUSE"], [])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_place_of_ones_own_is_in_use(tmp_path: Path, backend: str, address: str) -> None:
    place = free_port()
    with listener(address) as taken, FakeDaemon(tmp_path, say(move(place))) as daemon:
        got = bind_each(daemon, backend, *[f"{address},{taken},listen"] * 3)
    assert got == [str(place), "EADDRINUSE", "EADDRINUSE"]
    assert {question[7] for question in daemon.questions} == {"0"}  # no place was lost


def test_the_other_family_is_free_all_the_same(tmp_path: Path, backend: str) -> None:
    port = free_port()
    with FakeDaemon(tmp_path) as daemon:
        got = bind_each(daemon, backend, f"127.0.0.1,{port},listen", f"::1,{port},v6only,listen")
    assert got == [str(port), str(port)]


def test_workers_that_share_a_port_on_purpose_share_it(tmp_path: Path, backend: str) -> None:
    port = free_port()
    with FakeDaemon(tmp_path) as daemon:
        got = bind_each(daemon, backend, *[f"127.0.0.1,{port},reuseport,listen"] * 2)
    assert (got, daemon.questions) == ([str(port)] * 2, [])


def test_a_stranger_in_the_way_is_told_of_although_a_part_is_ones_own(
    tmp_path: Path, backend: str
) -> None:
    port, place = free_port(), free_port()
    with listener("127.0.0.2", port), FakeDaemon(tmp_path, say(move(place))) as daemon:
        got = bind_each(daemon, backend, f"127.0.0.1,{port},listen", f"0.0.0.0,{port}")
    assert got == [str(port), str(place)]


def test_a_datagram_port_of_ones_own_is_in_use(tmp_path: Path, backend: str) -> None:
    place = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        taken, free = stranger.getsockname()[1], free_port()
        with FakeDaemon(tmp_path, say(move(place))) as daemon:
            binds = [f"127.0.0.1,{port}" for port in (free, free, taken, taken)]
            got = bind_each(daemon, backend, *binds, UDP="1")
    assert got == [str(free), "EADDRINUSE", str(place), "EADDRINUSE"]


LATE = r"""
    /* Two sockets that may share a port until one listens; what the second listen says. */
    int on = 1, one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = at(port);
    setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(two, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(one, (void *)&name, sizeof name) != 0 || bind(two, (void *)&name, sizeof name) != 0 ||
        listen(one, 8) != 0)
        return 1;
    printf("%s\n", listen(two, 8) == 0 ? "listens" : strerrorname_np(errno));
"""


def test_a_second_listen_of_ones_own_is_refused_as_the_kernel_does(
    tmp_path: Path, backend: str
) -> None:
    with FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        port = str(free_port())
        if backend == "seccomp":
            done = run(under(static(host_text(LATE)), port), environment(daemon))
        else:
            done = run([compiled(host_text(LATE)), port], daemon.environment())
    assert (done.stdout, daemon.questions) == ("EADDRINUSE\n", [])


PREFORKED = r"""
    /* Two children from before any bind: both bind, then both listen, one after the other. */
    static int turns[5][2];

    static void begin(int turn)
    {
        char byte;
        if (read(turns[turn][0], &byte, 1) != 1)
            exit(1);
    }

    static void end(int turn)
    {
        if (write(turns[turn + 1][1], "x", 1) != 1)
            exit(1);
    }

    static int worker(const char *name, int port, int shares, int turn)
    {
        struct sockaddr_in where = at(port);
        socklen_t length = sizeof where;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &shares, sizeof shares);
        begin(turn);
        int failed = bind(fd, (void *)&where, length);
        end(turn);
        begin(turn + 2);
        if (failed == 0 && listen(fd, 8) == 0 && getsockname(fd, (void *)&where, &length) == 0)
            printf("%s %d\n", name, ntohs(where.sin_port));
        else
            printf("%s %s\n", name, strerrorname_np(errno));
        fflush(stdout);
        end(turn + 2);
        if (turn == 0)
            begin(4); /* it listens for as long as the other tries */
        return 0;
    }
    //main
    int shares = strcmp(argv[1], "reuse") == 0;
    for (int i = 0; i < 5; i++)
        if (pipe(turns[i]) != 0)
            return 1;
    if (fork() == 0)
        return worker("first", port, shares, 0);
    if (fork() == 0)
        return worker("second", port, shares, 1);
    end(-1);
    while (wait(NULL) > 0)
        ;
"""


@pytest.mark.parametrize("option", ["alone", "reuse"])
@pytest.mark.parametrize("is_taken", [True, False])
def test_of_two_processes_that_bind_before_either_listens_one_is_refused(
    tmp_path: Path, backend: str, is_taken: bool, option: str
) -> None:
    place = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(place), move(place))) as daemon:
        words = [option, str(taken if is_taken else place)]
        program = host_text(PREFORKED)
        if backend == "seccomp":
            done = run(under(static(program), *words), environment(daemon))
        else:
            done = run([compiled(program), *words], daemon.environment())
    assert done.stdout.splitlines() == [f"first {place}", "second EADDRINUSE"]
    assert {question[7] for question in daemon.questions} <= {"0"}  # no place was lost


def test_the_daemons_word_that_another_process_of_the_server_has_it_counts(
    tmp_path: Path, backend: str
) -> None:
    """It names the very place that could not be bound: the same answer, not a lost race."""
    with listener() as taken, listener() as place:
        with FakeDaemon(tmp_path, say(move(place))) as daemon:
            assert bind_each(daemon, backend, f"127.0.0.1,{taken}") == ["EADDRINUSE"]
    assert [question[7] for question in daemon.questions] == ["0", str(place)]
