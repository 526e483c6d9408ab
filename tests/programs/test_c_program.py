"""A C program that binds one port from four children and four threads at the same moment.

It looks at itself: at errno, at the address that it gave, at its descriptors, and at what the
kernel says of each socket afterwards.
"""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.conflicts import KINDS, contest
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.program_list import ProgramList
from tests.programs.running import Running
from tests.programs.test_conflicts import notice

pytestmark = pytest.mark.real

BINDERS = 8

THREADS = r"""
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EACH = 4, MARK = 4242 };

static struct shared { pthread_barrier_t start, done; } *meeting;
static struct sockaddr_in wanted;
static int sharing;

static int descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void *bind_once(void *name)
{
    struct sockaddr_in given = wanted, found;
    socklen_t length = sizeof found;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &sharing, sizeof sharing);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &sharing, sizeof sharing);
    pthread_barrier_wait(&meeting->start);
    errno = MARK;
    int result = bind(fd, (struct sockaddr *)&given, sizeof given);
    int after = errno;
    int same = memcmp(&given, &wanted, sizeof given) == 0;
    int listens = result == 0 ? listen(fd, 8) : 0;
    getsockname(fd, (struct sockaddr *)&found, &length);
    dprintf(1, "%s bind %d errno %d listen %d port %d address %s\n", (char *)name, result,
            result == 0 ? after - MARK : after, listens, ntohs(found.sin_port),
            same ? "whole" : "damaged");
    pthread_barrier_wait(&meeting->done);
    return NULL;
}

static void stay_until_parent_dies(int pipe_end)
{
    char byte;
    if (read(pipe_end, &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

int main(int count, char **words)
{
    pthread_t threads[EACH];
    pthread_barrierattr_t attributes;
    int pipe_ends[2];
    if (count != 3)
        return 1;
    sharing = strcmp(words[2], "shared") == 0;
    wanted = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    wanted.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int flags = MAP_SHARED | MAP_ANONYMOUS;
    meeting = mmap(NULL, sizeof *meeting, PROT_READ | PROT_WRITE, flags, -1, 0);
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&meeting->start, &attributes, 2 * EACH);
    pthread_barrier_init(&meeting->done, &attributes, 2 * EACH);
    if (pipe(pipe_ends) != 0)
        return 1;
    int before = descriptors();
    for (int i = 0; i < EACH; i++)
        pthread_create(&threads[i], NULL, bind_once, "thread");
    for (int i = 0; i < EACH; i++) {
        if (fork() == 0) {
            close(pipe_ends[1]);
            int before_child = descriptors();
            bind_once("child");
            dprintf(1, "child has %d more descriptors\n", descriptors() - before_child);
            stay_until_parent_dies(pipe_ends[0]);
        }
    }
    for (int i = 0; i < EACH; i++)
        pthread_join(threads[i], NULL);
    dprintf(1, "parent has %d more descriptors\n", descriptors() - before);
    pause();
}
"""

RESULT = re.compile(
    r"(?P<who>thread|child) bind (?P<result>-?\d+) errno (?P<errno>\d+) listen (?P<listen>-?\d+) "
    r"port (?P<port>\d+) address whole"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One bind as its caller saw it."""

    who: str
    result: int
    errno: int
    listen: int
    port: int

    @property
    def is_sane(self) -> bool:
        """Tell whether it passed without a trace in errno, or failed as bind(2) says."""
        if self.result == 0:
            return self.errno == 0 and self.listen == 0
        return self.result == -1 and self.errno == errno.EADDRINUSE and self.port == 0


RunThreads = Callable[[int, str], AbstractContextManager[Running]]


@pytest.fixture
def threads(installation: Installation, ours: Path, program_list: ProgramList) -> RunThreads:
    """Compile the program, and give what runs it on a port."""
    if not shutil.which("cc"):
        program_list.skip("a C program", "there is no C compiler here")
    program_list.add("a C program")
    (ours / "threads.c").write_text(THREADS)
    command = ["cc", "-std=gnu11", "-Wall", "-Werror", "-pthread", "-o", "threads", "threads.c"]
    subprocess.run(command, cwd=ours, check=True, timeout=120)

    def run(port: int, mode: str) -> AbstractContextManager[Running]:
        return installation.run([ours / "threads", str(port), mode], cwd=ours)

    return run


def outcomes(program: Running) -> list[Outcome]:
    """Wait until all have bound; nobody may have a descriptor more than his own sockets."""
    program.wait_line("parent has 4 more descriptors", stream="stdout")
    wait_until(lambda: program.stdout.count("\n") == BINDERS + 5, "all have said what they have")
    lines = program.stdout.splitlines()
    assert lines.count("child has 1 more descriptors") == 4, str(program)
    found = [match.groupdict() for line in lines if (match := RESULT.fullmatch(line))]
    assert len(found) == BINDERS, str(program)
    return [
        Outcome(each.pop("who"), **{name: int(value) for name, value in each.items()})
        for each in found
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_children_and_threads_that_share_a_port_share_the_new_one(
    kind: str, threads: RunThreads, installation: Installation, ours: Path, theirs: Path
) -> None:
    with contest(kind, API, installation=installation, project=theirs) as taken:
        with threads(taken.port, "shared") as program:
            found = outcomes(program)
            [lease] = installation.leases(ours)
            assert {each.port for each in found} == {lease["port"]}
            assert all(each.is_sane and each.result == 0 for each in found)
            assert len(installation.reassignments(ours)) == 1
            assert program.stderr == notice(taken.port, lease["port"], why=taken.why) + "\n"
            taken.assert_untouched()
        installation.wait_no_lease(ours)


@pytest.mark.parametrize("kind", KINDS)
def test_children_and_threads_that_race_for_a_port_see_no_nonsense(
    kind: str, threads: RunThreads, installation: Installation, ours: Path, theirs: Path
) -> None:
    with contest(kind, API, installation=installation, project=theirs) as taken:
        with threads(taken.port, "alone") as program:
            found = outcomes(program)
            # Eight at once, each to a place of its own, may take longer than a guest waits for an
            # answer. The first result stands then, so the asked port may be among theirs.
            assert all(each.is_sane for each in found), found
            got = [each.port for each in found if each.result == 0]
            assert got, "somebody must have won"
            assert len(set(got)) == len(got)
        installation.wait_no_lease(ours)


def test_children_and_threads_share_a_free_port_in_silence(
    threads: RunThreads, installation: Installation, ours: Path
) -> None:
    port = free_port(API)
    with threads(port, "shared") as program:
        found = outcomes(program)
        assert {each.port for each in found} == {port}
        assert all(each.is_sane and each.result == 0 for each in found)
        assert program.stderr == ""
        assert installation.leases(ours) == []
