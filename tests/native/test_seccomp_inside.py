"""What runs below a supervisor, as root and as anybody: each is served, and harmed by nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

import pytest

from tests.fakes import free_port
from tests.native.clients import port_of, server
from tests.native.guest import BINDER, NOTICE, FakeDaemon, compiled, listener, move, say
from tests.native.supervised import (
    environment,
    is_alive,
    needs_seccomp,
    processes_of,
    static,
    supervisor,
    under,
    wait_until,
)
from tests.scratch import scratch

pytestmark = needs_seccomp

NOBODY = 65534


class User(TypedDict, total=False):
    """Who runs the program, in the words of `subprocess`; none of them is who we are."""

    user: int
    group: int
    extra_groups: list[int]


@pytest.fixture(params=["as we are", "as nobody"])
def user(request: pytest.FixtureRequest) -> User:
    """Who runs the program."""
    if request.param == "as we are":
        return User()
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    return User(user=NOBODY, group=NOBODY, extra_groups=[])


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that everybody can reach; pytest's own directories are the user's alone."""
    with tempfile.TemporaryDirectory(prefix="styxy-inside-") as place:
        Path(place).chmod(0o755)
        yield Path(place) / "home"


def let_in(user: User, daemon: FakeDaemon, *programs: Path) -> None:
    """Let the user reach the daemon and the programs; the map has to be the user's own."""
    for path in (daemon.home, scratch(), supervisor().parent, *(each.parent for each in programs)):
        path.chmod(0o755)
    for path in (daemon.line_socket, daemon.home / "note.sock"):
        path.chmod(0o777)
    if "user" in user:
        os.chown(daemon.map, user["user"], user["group"])


def run_as(
    user: User, daemon: FakeDaemon, words: list[str | Path]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [str(word) for word in words],
        env=environment(daemon), cwd="/", capture_output=True, text=True, timeout=60, **user,
    )  # fmt: skip


def debugged(*words: str | Path) -> list[str | Path]:
    """Run a program in a debugger that stops it at its bind."""
    return ["gdb", "-nx", "-q", "-batch", "-ex", "break bind", "-ex", "run", "-ex", "continue",
            "--args", *words]  # fmt: skip


def in_a_shell(text: str, *words: str | Path) -> list[str | Path]:
    """Run a program from a shell, where `text` says how."""
    return ["sh", "-c", text, "sh", *words]


COMPANY: dict[str, Callable[..., list[str | Path]]] = {
    "alone": lambda *words: list(words),
    "in a nested run": lambda *words: under(*under(*words)),
    "under strace": lambda *words: ["strace", "-f", "-qq", "-o", "/dev/null", *words],
    "under gdb": debugged,
    "a child of children": lambda *words: in_a_shell(
        """sh -c 'sh -c "\\"\\$@\\"; true" sh "$@"; true' sh "$@"; true""", *words
    ),
    "an orphan": lambda *words: in_a_shell('("$@" &)', *words),
    "in a session of its own": lambda *words: ["setsid", "--wait", *words],
    "with an empty environment": lambda *words: in_a_shell('true; env -i "$@"', *words),
}
"""How a program is started below the supervisor."""


@pytest.mark.parametrize("kind", ["static", "dynamic"])
@pytest.mark.parametrize("way", COMPANY)
def test_a_program_is_served(home: Path, user: User, way: str, kind: str) -> None:
    program = static(BINDER) if kind == "static" else compiled(BINDER)
    free = free_port()
    with listener() as taken, FakeDaemon(home, say(move(free))) as daemon:
        let_in(user, daemon, program)
        words = COMPANY[way](program, f"127.0.0.1,{taken},listen")
        if shutil.which(str(words[0])) is None:
            pytest.skip(f"there is no {words[0]} here")
        done = run_as(user, daemon, under(*words))
    assert f"{free}\n" in done.stdout, done
    assert done.stderr.count(NOTICE.format(taken, free)) == 1, done
    if way != "under gdb":
        assert (done.returncode, done.stdout) == (0, f"{free}\n")


LOOP = r"""
    /* loop PORT FREE: say "ready", then bind FREE and connect to PORT until standard input ends. */
    #include <arpa/inet.h>
    #include <errno.h>
    #include <poll.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <unistd.h>
    int main(int argc, char **argv)
    {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))}, own = to;
        struct linger at_once = {1, 0};
        struct pollfd end = {.fd = 0, .events = POLLIN};
        to.sin_addr.s_addr = own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        own.sin_port = htons(atoi(argv[2]));
        long rounds = 0;
        for (;;) {
            int one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0);
            if (bind(one, (void *)&own, sizeof own) != 0)
                return printf("bind %s\n", strerror(errno)), 1;
            if (connect(two, (void *)&to, sizeof to) != 0)
                return printf("connect %s\n", strerror(errno)), 1;
            setsockopt(two, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            close(one);
            close(two);
            if (++rounds == 100)
                puts("ready"), fflush(stdout);
            if (poll(&end, 1, 0) == 1)
                return printf("fine\n"), 0;
        }
    }
"""


def helpers_of(proxy: int) -> dict[str, int]:
    """Wait until supervisor and standby are there, each once; losing both is not survived."""
    found: dict[str, list[int]] = {}

    def are_there() -> bool:
        for name in ("styxy-seccomp", "styxy-standby"):
            pids = processes_of(name, above=proxy)
            found[name] = [pid for pid in pids if pid != proxy and is_alive(pid)]
        return all(len(pids) == 1 for pids in found.values())

    wait_until(are_there)
    return {name: pid for name, (pid,) in found.items()}


@pytest.mark.parametrize("victims", [["styxy-seccomp"], ["styxy-standby"], ["styxy-standby"] * 10,
                                     ["styxy-standby", "styxy-seccomp"]])  # fmt: skip
def test_whoever_is_killed_the_tree_goes_on(home: Path, user: User, victims: list[str]) -> None:
    program = static(textwrap.dedent(LOOP))
    with FakeDaemon(home) as daemon, server() as listener:
        let_in(user, daemon, program)
        words = [str(word) for word in under(program, str(port_of(listener)), str(free_port()))]
        process = subprocess.Popen(
            words, env=environment(daemon), cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, **user,
        )  # fmt: skip
        with process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "ready\n"
            for name in victims:
                victim = helpers_of(process.pid)[name]
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda victim=victim: not is_alive(victim))
            process.stdin.close()
            assert process.stdout.read() == "fine\n"
    assert process.returncode == 0
