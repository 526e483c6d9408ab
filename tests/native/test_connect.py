"""Localhost of one's own: a connection goes to the project's server, wherever that was moved."""

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
    key_text,
    port_of,
    reach,
    server,
    stopped_in_its_wait,
)
from tests.native.guest import FakeDaemon, receiver, run
from tests.native.host_programs import host
from tests.native.mapfile import HELD, REMEMBERED, UDP


@contextmanager
def datagrams() -> Iterator[socket.socket]:
    """A UDP server of ours."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        yield own


WAYS = ["blocking", "nonblocking", "sendto", "sendmsg"]


@contextmanager
def moved(
    tmp_path: Path, theirs: str = "0.0.0.0", ours: str = "127.0.0.1", *, dual: bool = False
) -> Iterator[tuple[FakeDaemon, int, int]]:
    """A stranger's server, and ours that asked for the same port: the daemon and both ports."""
    with server(theirs) as stranger, server(ours, dual=dual) as own, FakeDaemon(tmp_path) as daemon:
        v4, v6 = ":" not in ours or dual, ":" in ours
        daemon.entries.move(
            port_of(stranger), port_of(own), project=key_text(daemon, "mine"),
            cookie4=cookie_of(own) if v4 else 0, cookie6=cookie_of(own) if v6 else 0,
        )  # fmt: skip
        yield daemon, port_of(stranger), port_of(own)
        assert daemon.questions == []


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_reaches_the_projects_own_server(tmp_path: Path, way: str) -> None:
    with moved(tmp_path) as (daemon, asked, own):
        assert reach(daemon, way, "127.0.0.1", asked) == f"127.0.0.1 {own}"


SPELLINGS = [
    # The way and the address of the client, where ours listens, where it arrives.
    ("blocking", "127.0.0.1", "127.0.0.1", "127.0.0.1"),
    ("blocking", "127.4.5.6", "127.0.0.1", "127.0.0.1"),
    ("blocking", "0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ("mapped", "127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1"),
    ("mapped", "127.9.0.1", "127.0.0.1", "::ffff:127.0.0.1"),
    ("mapped", "0.0.0.0", "127.0.0.1", "::ffff:127.0.0.1"),
    ("blocking", "::1", "127.0.0.1", "::ffff:127.0.0.1"),
    ("blocking", "::", "127.0.0.1", "::ffff:127.0.0.1"),
    ("blocking", "::1", "::1", "::1"),
    ("blocking", "::", "::1", "::1"),
    ("mapped", "127.0.0.1", "::1", "::1"),
    ("blocking", "127.0.0.1", "::1", None),
    ("blocking", "127.0.0.1", "dual", "127.0.0.1"),
    ("mapped", "127.0.0.1", "dual", "::ffff:127.0.0.1"),
    ("blocking", "::1", "dual", "::1"),
]


@pytest.mark.parametrize(("way", "to", "ours", "arrives"), SPELLINGS)
def test_every_loopback_address_is_localhost(
    tmp_path: Path, way: str, to: str, ours: str, arrives: str | None
) -> None:
    address = "::" if ours == "dual" else ours
    with moved(tmp_path, ours=address, dual=ours == "dual") as (daemon, asked, own):
        got = reach(daemon, way, to, asked)
    assert got == (f"{arrives} {own}" if arrives else "ECONNREFUSED")


@pytest.mark.parametrize(("ours", "arrives"), [("::1", "::1"), ("127.0.0.1", None)])
def test_a_v6only_socket_reaches_no_server_on_ipv4(
    tmp_path: Path, ours: str, arrives: str | None
) -> None:
    with moved(tmp_path, theirs="::1", ours=ours) as (daemon, asked, own):
        got = reach(daemon, "blocking", "::1", asked, "v6only")
    assert got == (f"{arrives} {own}" if arrives else "ECONNREFUSED")


@pytest.mark.parametrize("way", WAYS)
def test_everybody_else_reaches_the_real_server(tmp_path: Path, way: str) -> None:
    with moved(tmp_path) as (daemon, asked, _):
        got = reach(daemon, way, "127.0.0.1", asked, STYXY_PROJECT=str(tmp_path))
    assert got == f"127.0.0.1 {asked}"


def test_virtual_localhost_can_be_switched_off(tmp_path: Path) -> None:
    with moved(tmp_path) as (daemon, asked, own):
        off = [(value, asked) for value in ("0", "false", "No", "off")]
        for value, port in (*off, ("1", own), ("true", own), ("", own), ("never", own)):
            got = reach(daemon, "blocking", "127.0.0.1", asked, STYXY_VIRTUAL_LOCALHOST=value)
            assert got == f"127.0.0.1 {port}"
        got = reach(daemon, "blocking", "127.0.0.1", asked, STYXY_DISABLE_REASSIGN="1")
        assert got == f"127.0.0.1 {asked}"


def test_udp_is_not_led_to_a_server_of_tcp(tmp_path: Path) -> None:
    with moved(tmp_path) as (daemon, asked, _):
        assert reach(daemon, "udp", "127.0.0.1", asked) == f"127.0.0.1 {asked}"


@pytest.mark.parametrize("to", ["127.0.0.1", "127.4.5.6", "0.0.0.0", "::1"])
def test_a_udp_client_reaches_the_projects_own_server(tmp_path: Path, to: str) -> None:
    with receiver("0.0.0.0") as asked, datagrams() as own, FakeDaemon(tmp_path) as daemon:
        mine, cookie, port = key_text(daemon, "mine"), cookie_of(own), port_of(own)
        daemon.entries.move(asked, port, project=mine, cookie4=cookie, state=UDP)
        arrives = "::ffff:127.0.0.1" if ":" in to else "127.0.0.1"
        assert reach(daemon, "udp", to, asked) == f"{arrives} {port}"
        shown = to if to != "0.0.0.0" else "127.0.0.1"
        got = reach(daemon, "udp", to, asked, STYXY_PROJECT=str(tmp_path))
        assert got == f"{shown} {asked}"
        own.close()
        assert reach(daemon, "udp", to, asked) == f"{shown} {asked}"


def test_a_tcp_client_does_not_go_where_udp_is(tmp_path: Path) -> None:
    with server("0.0.0.0") as stranger, datagrams() as own, FakeDaemon(tmp_path) as daemon:
        asked, mine = port_of(stranger), key_text(daemon, "mine")
        daemon.entries.move(asked, port_of(own), project=mine, cookie4=cookie_of(own), state=UDP)
        assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {asked}"


def test_moves_count_also_when_the_daemon_is_gone(tmp_path: Path) -> None:
    with moved(tmp_path) as (daemon, asked, own):
        daemon.entries.put(24, b"\1\0\0\0")  # retired
        assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {own}"
        (tmp_path / "daemon.json").unlink()
        (tmp_path / "run").mkdir()
        daemon.map.rename(tmp_path / "run" / "ports.map")
        assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {own}"


def test_a_map_is_found_below_the_runtime_directory(tmp_path: Path) -> None:
    from styxy.adapters.paths import home_hash

    with moved(tmp_path) as (daemon, asked, own):
        (tmp_path / "daemon.json").unlink()
        place = tmp_path / "runtime" / "styxy" / home_hash(str(tmp_path))
        place.mkdir(parents=True)
        daemon.map.rename(place / "ports.map")
        runtime = str(tmp_path / "runtime")
        got = reach(daemon, "blocking", "127.0.0.1", asked, XDG_RUNTIME_DIR=runtime)
    assert got == f"127.0.0.1 {own}"


@pytest.mark.parametrize("stale", ["gone", "another", HELD, REMEMBERED])
def test_a_stale_entry_is_never_followed(tmp_path: Path, stale: str | int) -> None:
    with server("0.0.0.0") as stranger, server() as other, FakeDaemon(tmp_path) as daemon:
        asked, cookie = port_of(stranger), cookie_of(other)
        with server() as dead:
            gone = port_of(dead)
            if stale == "another":
                cookie = cookie_of(dead)
        daemon.entries.move(
            asked, gone if stale == "gone" else port_of(other), project=key_text(daemon, "mine"),
            cookie4=cookie, state=stale if isinstance(stale, int) else 2,
        )  # fmt: skip
        assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {asked}"


@contextmanager
def listening_unseen(tmp_path: Path) -> Iterator[tuple[FakeDaemon, int, socket.socket]]:
    """A stranger's server, and ours, which the daemon has not heard of yet."""
    with server("0.0.0.0") as stranger, server() as own, FakeDaemon(tmp_path) as daemon:
        mine = key_text(daemon, "mine")
        daemon.entries.move(port_of(stranger), port_of(own), project=mine, state=HELD)
        yield daemon, port_of(stranger), own


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_is_quicker_than_the_servers_report_waits_for_it(
    tmp_path: Path, way: str
) -> None:
    with listening_unseen(tmp_path) as (daemon, asked, own):
        with stopped_in_its_wait(daemon, way, asked) as client:
            mine, cookie = key_text(daemon, "mine"), cookie_of(own)
            daemon.entries.move(asked, port_of(own), project=mine, cookie4=cookie)
            client.send_signal(signal.SIGCONT)
            assert client.communicate()[0] == f"127.0.0.1 {port_of(own)}\n"


def test_a_report_that_does_not_come_is_waited_for_once(tmp_path: Path) -> None:
    with listening_unseen(tmp_path) as (daemon, asked, _):
        got = connected_twice(daemon, asked)
    assert got == [f"{asked} after a wait", f"{asked} at once"]


@pytest.mark.parametrize("reason", ["nobody listens", "the daemon has ended", "somebody was seen"])
def test_no_client_waits_where_no_report_is_on_its_way(tmp_path: Path, reason: str) -> None:
    with listening_unseen(tmp_path) as (daemon, asked, own):
        mine, there = key_text(daemon, "mine"), port_of(own)
        if reason == "nobody listens":
            own.close()
        elif reason == "the daemon has ended":
            daemon.entries.write(retired=1)
            daemon.entries.move(asked, there, project=mine, state=HELD)
        else:
            daemon.entries.write()
            daemon.entries.move(asked, there, project=mine, state=HELD, cookie4=cookie_of(own))
        assert connected_twice(daemon, asked) == [f"{asked} at once"] * 2


def test_of_several_moved_servers_the_oldest_that_lives_answers(tmp_path: Path) -> None:
    with server("0.0.0.0") as stranger, server() as first, server() as second:
        with FakeDaemon(tmp_path) as daemon:
            asked, mine = port_of(stranger), key_text(daemon, "mine")
            theirs = key_text(daemon, "theirs")
            daemon.entries.move(asked, 4000, project=mine, cookie4=12345)
            daemon.entries.move(asked, port_of(second), project=theirs, cookie4=cookie_of(second))
            daemon.entries.move(asked, port_of(first), project=mine, cookie4=cookie_of(first))
            daemon.entries.move(asked, port_of(second), project=mine, cookie4=cookie_of(second))
            first_port, second_port = port_of(first), port_of(second)
            assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {first_port}"
            first.close()
            assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {second_port}"


def test_workers_that_share_a_port_are_one_living_server(tmp_path: Path) -> None:
    with server("0.0.0.0") as stranger, server(shared=True) as one:
        asked, port = port_of(stranger), port_of(one)
        with server(port=port, shared=True) as two, server(port=port, shared=True) as three:
            with FakeDaemon(tmp_path) as daemon:
                for each in (one, two, three):
                    daemon.write_map()
                    daemon.entries.move(
                        asked, port, project=key_text(daemon, "mine"), cookie4=cookie_of(each)
                    )
                    assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {port}"


@pytest.mark.parametrize("family", [4, 6])
def test_the_projects_own_server_at_the_asked_number_itself_answers(
    tmp_path: Path, family: int
) -> None:
    with moved(tmp_path, theirs="::") as (daemon, asked, own):
        here = "::1" if family == 6 else "127.0.0.1"
        with server("127.0.0.1", port=asked) as home:
            mine = key_text(daemon, "mine")
            daemon.entries.answering(asked, cookie_of(home), project=mine)
            assert reach(daemon, "blocking", here, asked) == f"{here} {asked}"
        # It has ended, and the map does not know yet.
        got = reach(daemon, "blocking", "127.0.0.1", asked)
        assert got == f"127.0.0.1 {own}"


STATES = r"""
    #include <poll.h>
    #define SHOW(call) (errno = 0, printf("%d %d\n", (int)(call), errno))
    //main
    struct sockaddr_in name = at(port), nowhere = {.sin_family = AF_UNSPEC}, peer;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/nowhere/at/all"};
    struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name};
    socklen_t length = sizeof peer;
    int tcp = socket(AF_INET, SOCK_STREAM, 0), slow = socket(AF_INET, SOCK_STREAM, 0);
    int local = socket(AF_UNIX, SOCK_STREAM, 0), file = open("/dev/null", O_RDONLY);
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    char *cut = page + 4096 - 8;
    memcpy(cut, &name, 8);
    for (unsigned size = 0; size < 16; size++)
        SHOW(connect(tcp, (void *)&name, size));
    SHOW(connect(tcp, NULL, sizeof name));
    SHOW(connect(tcp, (void *)8, sizeof name));
    SHOW(connect(tcp, (void *)cut, sizeof name));
    SHOW(connect(tcp, (void *)-1L, sizeof name));
    SHOW(connect(tcp, (void *)&name, 129));
    SHOW(connect(tcp, (void *)&six, sizeof six));
    SHOW(connect(-1, (void *)&name, sizeof name));
    SHOW(connect(file, (void *)&name, sizeof name));
    SHOW(connect(local, (void *)&path, sizeof path));
    SHOW(sendto(tcp, "x", 1, MSG_FASTOPEN, NULL, sizeof name));
    SHOW(sendto(tcp, "x", 1, MSG_FASTOPEN, (void *)cut, sizeof name));
    SHOW(sendto(tcp, "x", 1, MSG_NOSIGNAL, (void *)&name, sizeof name));
    SHOW(sendmsg(tcp, NULL, MSG_FASTOPEN));
    SHOW(sendmsg(tcp, (void *)cut, MSG_FASTOPEN));
    message.msg_name = (void *)8;
    SHOW(sendmsg(tcp, &message, MSG_FASTOPEN));
    fcntl(slow, F_SETFL, O_NONBLOCK);
    connect(slow, (void *)&name, sizeof name);
    struct pollfd watched = {.fd = slow, .events = POLLOUT};
    poll(&watched, 1, 10000);
    SHOW(connect(slow, (void *)&name, sizeof name));
    SHOW(connect(slow, (void *)&name, sizeof name));
    SHOW(connect(slow, (void *)&nowhere, sizeof nowhere));
    SHOW(getpeername(slow, (void *)&peer, &length));
    SHOW(connect(tcp, (void *)&name, sizeof name));
    SHOW(connect(tcp, (void *)&name, sizeof name));
    SHOW(sendto(tcp, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&name, sizeof name));
"""


@pytest.mark.parametrize("has_move", [False, True])
def test_strange_calls_fail_as_they_always_did(tmp_path: Path, has_move: bool) -> None:
    program = host(STATES)
    with server() as stranger, server() as own, FakeDaemon(tmp_path) as daemon:
        asked, mine = port_of(stranger), key_text(daemon, "mine")
        if has_move:
            daemon.entries.move(asked, port_of(own), project=mine, cookie4=cookie_of(own))
        bare = run([program, str(asked)], {})
        env = daemon.environment(STYXY_PROJECT=mine.removeprefix("project:"))
        guest = run([program, str(asked)], env)
    assert bare.returncode == 0
    assert (guest.returncode, guest.stdout, guest.stderr) == (0, bare.stdout, "")
