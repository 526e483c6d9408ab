"""Other network namespaces: the map tells of one network, and in any other Styxy is absent.

One that lasts, as `ip netns add` makes it, with a loopback of its own and servers on it; one that
`unshare` makes for a single program; and a program that changes over while it runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import (
    CLIENT,
    cookie_of,
    git_project,
    key_text,
    port_of,
    server,
)
from tests.native.guest import BINDER, FakeDaemon, compiled, listener, move, run, say
from tests.native.host_programs import host_text
from tests.native.mapfile import key
from tests.native.supervised import is_allowed, static, supervisor

SO_NETNS_COOKIE = 71  # asm-generic/socket.h

COOKIE = f"""
import socket, struct
print(struct.unpack("@Q", socket.socket().getsockopt(socket.SOL_SOCKET, {SO_NETNS_COOKIE}, 8))[0])
"""

SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
sys.stdin.read()
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network")


@dataclass(frozen=True)
class Network:
    """A network namespace: what stands before a command that is to run in it."""

    name: str
    enter: tuple[str, ...]

    def cookie(self) -> int:
        """The number by which the kernel knows it."""
        words = [*self.enter, sys.executable, "-c", COOKIE]
        return int(subprocess.run(words, check=True, capture_output=True, timeout=30).stdout)

    @contextmanager
    def server(self, port: int) -> Iterator[None]:
        """Have somebody listen on a port of its loopback."""
        words, pipe = [*self.enter, sys.executable, "-c", SERVER, str(port)], subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "up\n"
            yield
            process.stdin.close()


HERE = Network("", ())


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Network]:
    """A network that lasts until it is deleted, with its loopback up."""
    if shutil.which("ip") is None:
        pytest.skip("there is no ip here")
    name = f"styxy-test-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no network can be made here: {made.stderr.strip()}")
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    yield Network(name, ("ip", "netns", "exec", name))
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture(params=["preload", "seccomp"])
def backend(request: pytest.FixtureRequest) -> str:
    """The way in which a guest is reached."""
    if request.param == "seccomp" and not is_allowed():
        pytest.skip("this kernel does not allow a supervisor")
    return str(request.param)


def guest_words(backend: str, network: Network, text: str, *words: str) -> list[str]:
    """The command of a guest in a network; its supervisor stays here."""
    if backend == "preload":
        return [*network.enter, str(compiled(text)), *words]
    return [str(supervisor()), "run", "--", *network.enter, str(static(text)), *words]


def environment(backend: str, daemon: FakeDaemon, **more: str) -> dict[str, str]:
    """The environment of a guest that makes no noise."""
    env = daemon.environment(STYXY_NOTIFY="off", **more)
    if backend == "seccomp":
        del env["LD_PRELOAD"]
    return env


@needs_root
@pytest.mark.parametrize("guest_is", ["here", "elsewhere"])
@pytest.mark.parametrize("daemon_is", ["here", "elsewhere"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_bind_is_moved_in_the_network_of_the_map_alone(
    tmp_path: Path,
    elsewhere: Network,
    backend: str,
    transport: str,
    daemon_is: str,
    guest_is: str,
) -> None:
    networks = {"here": HERE, "elsewhere": elsewhere}
    promised, free = free_port(), free_port()
    with FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.write_map(netns=networks[daemon_is].cookie())
        daemon.promise(promised, "project:/somewhere/else")
        env = environment(backend, daemon, **({"UDP": "1"} if transport == "udp" else {}))
        listens = ",listen" if transport == "tcp" else ""
        bind = f"127.0.0.1,{promised}{listens}"
        done = run(guest_words(backend, networks[guest_is], BINDER, bind), env)
        told = (len(daemon.questions), len(daemon.notes()))
    is_of_the_map = guest_is == daemon_is
    assert (done.stdout, done.stderr) == (f"{free if is_of_the_map else promised}\n", "")
    assert told == ((1, 1) if is_of_the_map else (0, 0))


@needs_root
def test_a_port_that_is_taken_elsewhere_stays_taken(
    tmp_path: Path, elsewhere: Network, backend: str
) -> None:
    port = free_port()
    with elsewhere.server(port), FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        daemon.write_map(netns=HERE.cookie())
        words = guest_words(backend, elsewhere, BINDER, f"0.0.0.0,{port},listen")
        done = run(words, environment(backend, daemon))
    assert (done.stdout, done.stderr, daemon.questions) == ("EADDRINUSE\n", "", [])


@contextmanager
def moved_and_sibling(tmp_path: Path) -> Iterator[tuple[FakeDaemon, dict[str, str], list[int]]]:
    """Here the project's server was moved and a sibling listens: asked, own, sibling's port."""
    with server() as theirs, server() as ours, server() as sibling:
        with FakeDaemon(tmp_path) as daemon:
            daemon.write_map(netns=HERE.cookie())
            mine = str(git_project(daemon, "mine", "git@h:team/app.git"))
            asked, own, beside = (port_of(each) for each in (theirs, ours, sibling))
            daemon.entries.move(
                asked, own, project=key_text(daemon, "mine"), cookie4=cookie_of(ours)
            )
            daemon.entries.answering(
                beside, cookie_of(sibling), project=key_text(daemon, "theirs"),
                repo=key("origin:h/team/app"),
            )  # fmt: skip
            yield daemon, {"STYXY_PROJECT": mine}, [asked, own, beside]


@needs_root
@pytest.mark.parametrize("way", ["blocking", "nonblocking", "sendto"])
def test_a_client_elsewhere_is_led_nowhere_and_refused_nothing(
    tmp_path: Path, elsewhere: Network, backend: str, way: str
) -> None:
    with moved_and_sibling(tmp_path) as (daemon, mine, (asked, own, beside)):
        env = environment(backend, daemon, **mine)

        def reached(network: Network, port: int) -> str:
            words = guest_words(backend, network, CLIENT, way, "127.0.0.1", str(port))
            done = run(words, env)
            assert done.stderr == ""
            return done.stdout.strip()

        assert reached(HERE, asked) == f"127.0.0.1 {own}"
        assert reached(HERE, beside) == "ECONNREFUSED"
        assert reached(elsewhere, asked) == reached(elsewhere, beside) == "ECONNREFUSED"
        with elsewhere.server(asked), elsewhere.server(beside):
            assert reached(elsewhere, asked) == f"127.0.0.1 {asked}"
            assert reached(elsewhere, beside) == f"127.0.0.1 {beside}"


CHANGES_OVER = r"""
    #include <sched.h>

    static int reached(int port)
    {
        struct sockaddr_in name = at(port);
        socklen_t length = sizeof name;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int result = connect(fd, (void *)&name, length) == 0 ? 0 : errno;
        if (result == 0 && getpeername(fd, (void *)&name, &length) == 0)
            result = ntohs(name.sin_port);
        close(fd);
        return result;
    }
    //main
    int taken = atoi(argv[2]);
    printf("%d %d\n", reached(port), serve(taken));
    if (setns(open(argv[1], O_RDONLY), CLONE_NEWNET) != 0)
        return 1;
    printf("%d %d\n", reached(port), serve(taken));
"""


@needs_root
def test_a_program_that_changes_over_leaves_styxy_behind(
    tmp_path: Path, elsewhere: Network, backend: str
) -> None:
    free = free_port()
    with moved_and_sibling(tmp_path) as (daemon, mine, (asked, own, _)), listener() as taken:
        daemon.behaviour = say(move(free))
        text = host_text(CHANGES_OVER)
        network = f"/run/netns/{elsewhere.name}"
        words = guest_words(backend, HERE, text, network, str(taken), str(asked))
        with elsewhere.server(asked):
            done = run(words, environment(backend, daemon, **mine))
        assert len(daemon.questions) == len(daemon.notes()) == 1
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{own} {free}\n{asked} {taken}\n"


@needs_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare here")
@pytest.mark.parametrize("inside", [False, True])
def test_in_a_network_of_its_own_a_program_is_alone(
    tmp_path: Path, backend: str, inside: bool
) -> None:
    free = free_port()
    network = Network("", ("unshare", "-n") if inside else ())
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.write_map(netns=HERE.cookie())
        daemon.promise(taken, "project:/somewhere/else")
        words = guest_words(backend, network, BINDER, f"0.0.0.0,{taken},listen")
        done = run(words, environment(backend, daemon))
        notes = daemon.notes()
    assert (done.stdout, done.stderr) == (f"{taken if inside else free}\n", "")
    assert len(notes) == (0 if inside else 1)
