"""What the tests of connect share: a client in C, servers whose cookie is known, a worktree."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon import LONGEST
from tests.native.guest import FakeDaemon, compiled, run

SO_COOKIE = 57  # asm-generic/socket.h

CLIENT = r"""
/* client WAY ADDRESS PORT [v6only] ...: connect and print where that led: "address port" as
   getpeername tells, or the name of the error. An IPv4 address with the way "mapped" is written
   v4-mapped on an IPv6 socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

static int finish(int fd, int result)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t length = sizeof error;
    if (result == 0 || errno != EINPROGRESS)
        return result;
    poll(&watched, 1, 10000);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error != 0 ? error : 77;
    return error != 0 ? -1 : 0;
}

static int reach(const char *way, int fd, struct sockaddr *name, socklen_t length)
{
    struct iovec byte = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {
        .msg_name = name, .msg_namelen = length, .msg_iov = &byte, .msg_iovlen = 1};
    if (strcmp(way, "sendto") == 0)
        return sendto(fd, "x", 1, MSG_FASTOPEN, name, length) == 1 ? 0 : -1;
    if (strcmp(way, "sendmsg") == 0)
        return sendmsg(fd, &message, MSG_FASTOPEN) == 1 ? 0 : -1;
    if (strcmp(way, "nonblocking") == 0) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        return finish(fd, connect(fd, name, length));
    }
    return connect(fd, name, length);
}

int main(int argc, char **argv)
{
    const char *way = argv[1], *address = argv[2];
    int mapped = strcmp(way, "mapped") == 0, udp = strcmp(way, "udp") == 0, on = 1;
    int v6 = mapped || strchr(address, ':') != NULL;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(argv[3]))};
    struct sockaddr *name = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    socklen_t length = v6 ? sizeof in6 : sizeof in;
    char text[80], before[sizeof in6];
    snprintf(text, sizeof text, "%s%s", mapped ? "::ffff:" : "", address);
    inet_pton(v6 ? AF_INET6 : AF_INET, text, v6 ? (void *)&in6.sin6_addr : &in.sin_addr);
    memcpy(before, name, length);
    int fd = socket(v6 ? AF_INET6 : AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (argc > 4 && strcmp(argv[4], "v6only") == 0)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    errno = 77;
    int result = reach(way, fd, name, length);
    if (result == 0 && errno != 77)
        return printf("errno is %d\n", errno) < 0;
    if (memcmp(before, name, length) != 0)
        return printf("the address was changed\n") < 0;
    if (result != 0)
        return printf("%s\n", strerrorname_np(errno)) < 0;
    getpeername(fd, name, &length);
    inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? (void *)&in6.sin6_addr : &in.sin_addr, text,
              sizeof text);
    printf("%s %d\n", text, ntohs(v6 ? in6.sin6_port : in.sin_port));
    return 0;
}
"""


def cookie_of(server: socket.socket) -> int:
    """The cookie by which the kernel knows a socket."""
    (cookie,) = struct.unpack("@Q", server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))
    assert isinstance(cookie, int)
    return cookie


@contextmanager
def server(
    address: str = "127.0.0.1", port: int = 0, *, dual: bool = False, shared: bool = False
) -> Iterator[socket.socket]:
    """A server that listens."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        listening.bind((address, port))
        listening.listen(4096)  # nobody accepts
        yield listening


def port_of(server: socket.socket) -> int:
    """The port of a server."""
    port = server.getsockname()[1]
    assert isinstance(port, int)
    return port


def reach(daemon: FakeDaemon, way: str, address: str, port: int, *more: str, **env: str) -> str:
    """Connect from a guest of the project `mine`; where that led, or the error."""
    words: list[str | Path] = [compiled(CLIENT), way, address, str(port), *more]
    mine = {"STYXY_PROJECT": project(daemon, "mine")}
    done = run(words, daemon.environment() | mine | env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def project(daemon: FakeDaemon, name: str) -> str:
    """The path of a project, which is made."""
    path = daemon.home / name
    path.mkdir(exist_ok=True)
    return str(path.resolve())


def key_text(daemon: FakeDaemon, name: str) -> str:
    """The text that the key of a project is made of."""
    return f"project:{project(daemon, name)}"


def git_project(daemon: FakeDaemon, name: str, origin: str) -> Path:
    """A project with a git config, as a clone has it."""
    path = Path(project(daemon, name))
    (path / ".git").mkdir(exist_ok=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (path / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {origin}\n')
    return path


NANOSLEEP = {"x86_64": 35, "aarch64": 101}[os.uname().machine]
"""The number of nanosleep(2)."""

TIMES = """
import resource, socket, sys
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as connected:
        waits = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before
        print(connected.getpeername()[1], 'after a wait' if waits >= 3 else 'at once')
"""
"""Connect twice; print where that led. Each pause of the guest gives the processor away once."""


def is_pausing(client: subprocess.Popen[str]) -> bool:
    """Whether a client is in the guest's pause."""
    words = Path(f"/proc/{client.pid}/syscall").read_text().split()
    return words[:1] == [str(NANOSLEEP)]


def stopped_in_its_wait(
    daemon: FakeDaemon, way: str, asked: int, **env: str
) -> subprocess.Popen[str]:
    """Start clients of the project `mine` until one was stopped while it waited for the map."""
    environment = daemon.environment() | {"STYXY_PROJECT": project(daemon, "mine")} | env
    words = [str(compiled(CLIENT)), way, "127.0.0.1", str(asked)]
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        client = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        while client.poll() is None and not is_pausing(client):
            pass  # it waits for 50 milliseconds only
        client.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, client.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if client.poll() is None and is_pausing(client):
            return client
        client.kill()
        client.communicate()
    raise AssertionError("no client waits for the map")


def connected_twice(daemon: FakeDaemon, asked: int, **env: str) -> list[str]:
    """Connect two times from one process of the project `mine`."""
    environment = daemon.environment() | {"STYXY_PROJECT": project(daemon, "mine")} | env
    return run([sys.executable, "-c", TIMES, str(asked)], environment).stdout.splitlines()
