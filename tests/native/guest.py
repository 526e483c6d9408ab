"""What the tests of the guest library share: the library, a scripted daemon, programs to load it.

The daemon here is a thread with a real Unix socket and a real map file, and says what the test
tells it to say, sense or nonsense; nothing of the real daemon is imported, so that these tests tell
what the library does and not what both agree on.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from native.build import HERE, compile_command, object_flags
from tests.native.mapfile import MapFile
from tests.scratch import once, scratch

STAMP = "2026-11-21T19:25:22"
NOTICE = "✓ STYXY: Port {} was in use, auto-assigned port {}\n"
UNMOVED = "✗ STYXY: Port {} was not moved: {}\n"
GARBLED = "the daemon gave no usable answer; try: styxy doctor"
SILENT = "the daemon does not answer; try: styxy daemon restart"

Behaviour = Callable[[socket.socket, list[str]], None]
"""What the daemon does with a connection, once it has read the question."""


@functools.cache
def library() -> Path:
    """The library, compiled as the build compiles it."""
    strict = ["-Werror", "-Wshadow", "-Wconversion"]

    def build(out: Path) -> None:
        subprocess.run(compile_command(str(out), extra=strict), check=True, timeout=120)

    return once(scratch() / "libstyxy.so", build)


@functools.cache
def compiled(text: str, *flags: str, cc: str = "cc") -> Path:
    """A C program, compiled once for all tests that use the same text."""
    words = [cc, "-D_GNU_SOURCE", "-Wall", "-Werror", "-pthread", "-g", *flags]
    return _program(text, words, [])


@functools.cache
def linked(text: str, *sources: str, sanitizers: str = "address,undefined") -> Path:
    """A C program that is linked with some of the library's sources, under the sanitizers."""
    flags = object_flags(
        extra=[
            f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g", "-O1", "-Werror",
            "-pthread",
        ]
    )  # fmt: skip
    return _program(text, ["cc", *flags], [*(str(HERE / name) for name in sources), "-ldl"])


def _program(text: str, words: list[str], files: list[str]) -> Path:
    """Compile a program, in a folder of its own that is named by all that goes into it."""
    name = hashlib.sha256("\0".join([text, *words, *files]).encode()).hexdigest()[:16]
    source = scratch() / name / "program.c"

    def build(out: Path) -> None:
        source.write_text(text)
        subprocess.run([*words, "-o", str(out), str(source), *files], check=True, timeout=300)

    return once(source.with_suffix(""), build)


def say(*lines: str) -> Behaviour:
    """Answer one line after the other, the last one for ever; `{asked}` stands for the port."""
    remaining = list(lines)

    def behaviour(connection: socket.socket, question: list[str]) -> None:
        line = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        connection.sendall(line.format(asked=question[4]).encode() + b"\n")

    return behaviour


def move(port: int, kind: str = "api", told: str = "new") -> str:
    """The answer that names a place."""
    return f"styxy/1 move {port} {kind} {told} {STAMP}"


class FakeDaemon:
    """A home with daemon.json, a port map, and a thread that answers on the line socket."""

    def __init__(self, home: Path, behaviour: Behaviour | None = None) -> None:
        self.home = home
        self.behaviour = behaviour or say("styxy/1 keep")
        self.questions: list[list[str]] = []
        self.connections = 0
        self.line_socket = home / "line.sock"
        self.map = home / "ports.map"
        home.mkdir(exist_ok=True)
        (home / "daemon.json").write_text(f'{{"pid": 1, "port": 2, "map": "{self.map}"}}\n')
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(str(home / "note.sock"))
        self._ear.setblocking(False)
        self.write_map()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self.line_socket))
        self._door.listen(64)
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> FakeDaemon:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in [self._door, self._ear, *self._held]:
            each.close()

    def leave_reports(self) -> None:
        """Let nobody read reports any more, as after kill -9; the map stays."""
        self._ear.close()

    def write_map(
        self, *, retired: int = 0, netns: int = 0, version: int = 3, slots: int = 4096
    ) -> None:
        """Write an empty map with this header."""
        self.entries = MapFile(
            self.map, line_socket=self.line_socket, note_socket=self.home / "note.sock"
        )
        self.entries.write(retired=retired, netns=netns, version=version, slots=slots)

    def promise(self, port: int, owner: str, *, asked: int = 0, committed: bool = False) -> None:
        """Enter a promise; `owner` is the text that the key is made of."""
        self.entries.promise(port, owner, asked=asked, committed=committed)

    def notes(self, verb: str = "listen") -> list[list[str]]:
        """The datagrams of one kind that have come since the last look, in fields."""
        found = []
        while True:
            try:
                found.append(self._ear.recv(8192).decode("ascii").split(" "))
            except BlockingIOError:
                return [each for each in found if each[1] == verb]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a guest."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {"STYXY_HOME": str(self.home), "LD_PRELOAD": str(library())} | more

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._door.accept()
            except OSError:  # shut down: the test is over
                return
            self.connections += 1
            connection.settimeout(10)
            # One thread, one question at a time; a connection that is left open stays open.
            try:
                with connection.makefile("rb") as lines:
                    question = lines.readline().decode("ascii").split()
                if question:  # not where the guest could say nothing
                    self.questions.append(question)
                    self.behaviour(connection, question)
            except OSError:  # the guest has given up
                pass
            self._held.append(connection)
            if self.behaviour is not silence:
                connection.close()


def silence(connection: socket.socket, question: list[str]) -> None:
    """Read the question and never answer; the connection stays open."""


def run(
    command: Sequence[str | Path], env: dict[str, str], *, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [str(word) for word in command],
        env=env, cwd=cwd, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@contextmanager
def listener(address: str = "127.0.0.1", port: int = 0, *, v6only: bool = True) -> Iterator[int]:
    """A stranger's server; yields its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        server.bind((address, port))
        server.listen()
        yield server.getsockname()[1]


@contextmanager
def receiver(address: str = "127.0.0.1", *, reuse: bool = False) -> Iterator[int]:
    """A stranger's UDP socket; yields its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        stranger.bind((address, 0))
        yield stranger.getsockname()[1]


@contextmanager
def bound_elsewhere() -> Iterator[None]:
    """Sockets of others that are bound to other ports and do not listen."""
    with socket.socket() as one, socket.socket(socket.AF_INET6) as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("::1", 0))
        yield


PATIENCE = 0.3
"""Seconds that a stopped, absent or garbling daemon may add to a call of a program."""


def shortest(attempt: Callable[[], float]) -> float:
    """How long something takes: a busy machine adds to one attempt, and hardly to five."""
    took = attempt()
    for _ in range(4):
        if took < PATIENCE:
            break
        took = min(took, attempt())
    return took


BINDER = r"""
/* binder ADDRESS,PORT[,OPTION...] ...: bind one after the other, keep all, print a line for each:
   the port that getsockname tells, or the name of the error. With TIMED set, the milliseconds of
   it all come last; with UDP set, the sockets are UDP's. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void join_a_group(int fd, int v6)
{
    struct ip_mreqn group = {.imr_ifindex = 1};
    struct ipv6_mreq group6 = {.ipv6mr_interface = 1};
    inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
    inet_pton(AF_INET6, "ff02::fb", &group6.ipv6mr_multiaddr);
    if ((v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof group6)
            : setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group)) != 0)
        perror("join");
}

static int datagrams; /* UDP is set */

static int one_bind(char *words)
{
    char *address = strtok(words, ","), *port = strtok(NULL, ","), *word;
    int v6 = strchr(address, ':') != NULL, on = 1, off = 0, listens = 0;
    int fd = socket(v6 ? AF_INET6 : AF_INET, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    while ((word = strtok(NULL, ",")) != NULL) {
        if (strcmp(word, "reuse") == 0)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (strcmp(word, "reuseport") == 0)
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        if (strcmp(word, "group") == 0)
            join_a_group(fd, v6);
        if (strcmp(word, "v6only") == 0)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (strcmp(word, "dual") == 0)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        listens |= strcmp(word, "listen") == 0;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
    inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? (void *)&in6.sin6_addr : &in.sin_addr);
    struct sockaddr *name = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    socklen_t length = v6 ? sizeof in6 : sizeof in;
    char before[sizeof in6];
    memcpy(before, name, length);
    errno = 77;
    if (bind(fd, name, length) != 0)
        return printf("%s\n", strerrorname_np(errno));
    if (errno != 77 || memcmp(before, name, length) != 0)
        return printf("bind left errno %d or changed the address\n", errno);
    if (listens && listen(fd, 8) != 0)
        return printf("listen %s\n", strerrorname_np(errno));
    getsockname(fd, name, &length);
    return printf("%d\n", ntohs(v6 ? in6.sin6_port : in.sin_port));
}

int main(int argc, char **argv)
{
    double before = now();
    datagrams = getenv("UDP") != NULL;
    for (int i = 1; i < argc; i++)
        one_bind(argv[i]);
    if (getenv("TIMED") != NULL)
        printf("%.0f\n", now() - before);
    return 0;
}
"""


def bind_each(daemon: FakeDaemon, *binds: str, **env: str) -> list[str]:
    """Bind each of `address,port[,options]` in one guest; the ports that it got, or the errors."""
    done = run([compiled(BINDER), *binds], daemon.environment(STYXY_NOTIFY="off") | env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()
