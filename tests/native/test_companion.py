"""TCP and UDP of one server stay together, whichever of the two is bound first, in both hosts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import NOTICE, FakeDaemon, compiled, listener, move, receiver, run, say
from tests.native.supervised import environment, needs_seccomp, static, under

pytestmark = pytest.mark.slow

PAIR = r"""
/* pair PORT STEP ...: "tcp" binds and listens, "udp" binds; options follow commas. In the end a
   line for each: its port, for "udp" also what became of its options; with "epoll" what the epoll
   instance heard of a datagram sent to that port. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in name_of(int fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t length = sizeof name;
    getsockname(fd, (struct sockaddr *)&name, &length);
    return name;
}

static int has(const char *step, const char *word)
{
    return strstr(step, word) != NULL;
}

static void set(int fd, int level, int option, int value)
{
    if (setsockopt(fd, level, option, &value, sizeof value) != 0)
        perror("setsockopt");
}

static int opened(const char *step, int port, int epoll)
{
    int udp = step[0] == 'u';
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0xabcdef0123456789};
    struct ip_mreqn group = {.imr_ifindex = 1};
    int fd = socket(AF_INET, udp ? SOCK_DGRAM | SOCK_NONBLOCK : SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
    if (has(step, "reuse"))
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (has(step, "broadcast"))
        set(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (has(step, "ttl"))
        set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 4);
    errno = 77;
    if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0 || errno != 77) {
        printf("%s\n", strerrorname_np(errno));
        exit(0);
    }
    if (has(step, "group") &&
        setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0)
        perror("join");
    if (has(step, "pktinfo"))
        set(fd, IPPROTO_IP, IP_PKTINFO, 1);
    if (has(step, "cloexec"))
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (has(step, "connected"))
        connect(fd, (struct sockaddr *)&name, sizeof name);
    if (has(step, "epoll") && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        perror("epoll_ctl");
    if (!udp && listen(fd, 8) != 0)
        perror("listen");
    return fd;
}

static void tell_udp(int fd, const char *step, int epoll)
{
    int reuse = 0, pktinfo = 0, sender = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t length = sizeof reuse;
    struct sockaddr_in name = name_of(fd);
    struct epoll_event heard = {.events = 0};
    getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &length);
    getsockopt(fd, IPPROTO_IP, IP_PKTINFO, &pktinfo, &length);
    printf("udp %d reuse %d pktinfo %d cloexec %d nonblock %d", ntohs(name.sin_port), reuse,
           pktinfo, fcntl(fd, F_GETFD) == FD_CLOEXEC, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    if (has(step, "epoll")) {
        sendto(sender, "x", 1, 0, (struct sockaddr *)&name, sizeof name);
        printf(" heard %d", epoll_wait(epoll, &heard, 1, 10000));
        printf(" %llx", (unsigned long long)heard.data.u64);
        printf(" deleted %d", epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    int epoll = epoll_create1(0), fds[8];
    for (int i = 2; i < argc; i++)
        fds[i] = opened(argv[i], atoi(argv[1]), epoll);
    for (int i = 2; i < argc; i++)
        if (argv[i][0] == 'u')
            tell_udp(fds[i], argv[i], epoll);
        else
            printf("tcp %d\n", ntohs(name_of(fds[i]).sin_port));
    return 0;
}
"""

HOSTS = ["preload", pytest.param("supervisor", marks=needs_seccomp)]


def pair(daemon: FakeDaemon, host: str, port: int, *steps: str) -> subprocess.CompletedProcess[str]:
    """Bind each step's socket at one port, in one program."""
    words = [str(port), *steps]
    if host == "preload":
        return run([compiled(PAIR), *words], daemon.environment())
    return run(under(static(PAIR), *words, sanitize=True), environment(daemon))


def udp(port: int, *, reuse: int = 0, pktinfo: int = 0, cloexec: int = 0, heard: str = "") -> str:
    """The line of a UDP socket, which was made non-blocking."""
    heard = f" heard {heard} deleted 0" if heard else ""
    return f"udp {port} reuse {reuse} pktinfo {pktinfo} cloexec {cloexec} nonblock 1{heard}\n"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("option", ["", ",reuse", ",broadcast"])
def test_udp_goes_where_tcp_was_moved(tmp_path: Path, host: str, option: str) -> None:
    free = free_port()
    answers = say(move(free), move(free, told="same"))
    with listener() as taken, FakeDaemon(tmp_path, answers) as daemon:
        done = pair(daemon, host, taken, "tcp", f"udp{option}")
        reasons = [(question[2], question[6]) for question in daemon.questions]
        notes = [note[2:5:2] for note in daemon.notes()]
    assert done.stdout == f"tcp {free}\n" + udp(free, reuse=int(option == ",reuse"))
    assert done.stderr == NOTICE.format(taken, free)
    assert reasons == [("tcp", "inuse"), ("udp", "placed")]
    assert notes == [["tcp", str(free)], ["udp", str(free)]]


@pytest.mark.parametrize("host", HOSTS)
def test_tcp_goes_where_udp_was_moved(tmp_path: Path, host: str) -> None:
    free = free_port()
    answers = say(move(free), move(free, told="same"))
    with receiver() as taken, FakeDaemon(tmp_path, answers) as daemon:
        done = pair(daemon, host, taken, "udp", "tcp")
        reasons = [(question[2], question[6]) for question in daemon.questions]
    assert done.stdout == udp(free) + f"tcp {free}\n"
    assert done.stderr == NOTICE.format(taken, free)
    assert reasons == [("udp", "inuse"), ("tcp", "placed")]


@pytest.mark.parametrize("host", HOSTS)
def test_a_udp_socket_that_was_bound_first_is_replaced_under_its_descriptor(
    tmp_path: Path, host: str
) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = pair(daemon, host, taken, "udp,reuse,pktinfo,cloexec,epoll", "tcp")
        notes = [note[2:5:2] for note in daemon.notes()]
    assert done.stderr == NOTICE.format(taken, free)
    moved = udp(free, reuse=1, pktinfo=1, cloexec=1, heard="1 abcdef0123456789")
    assert done.stdout == moved + f"tcp {free}\n"
    assert notes == [["udp", str(taken)], ["tcp", str(free)], ["udp", str(free)]]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("option", ["group", "ttl", "connected"])
def test_a_socket_that_others_count_on_stays(tmp_path: Path, host: str, option: str) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = pair(daemon, host, taken, f"udp,{option}", "tcp")
    assert done.stdout == udp(taken) + f"tcp {free}\n"
    assert done.stderr == NOTICE.format(taken, free)


@pytest.mark.parametrize("host", HOSTS)
def test_a_place_that_udp_cannot_have_leaves_it_where_it_is(tmp_path: Path, host: str) -> None:
    with listener() as taken, receiver() as used:
        answers = say(move(used), move(used, told="same"))
        with FakeDaemon(tmp_path, answers) as daemon:
            done = pair(daemon, host, taken, "udp,reuse", "tcp", "udp,reuse")
            assert len(daemon.questions) == 2
    stays = udp(taken, reuse=1)
    assert done.stdout == stays + f"tcp {used}\n" + stays
    assert done.stderr == NOTICE.format(taken, used)
