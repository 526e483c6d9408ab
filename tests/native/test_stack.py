"""How much of its host's stack the guest takes: that of a small thread must be enough.

The compiler tells each function's share and who calls whom; the deepest way through them all, the
one of a conflict with every misfortune, is what a host must have room for.
"""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest

from native.build import COMPILE_FLAGS, sources
from tests.fakes import free_port
from tests.native.clients import cookie_of, key_text, port_of, project, server
from tests.native.guest import FakeDaemon, listener, move, run, say
from tests.native.host_programs import host
from tests.scratch import once, scratch

pytestmark = pytest.mark.slow

MOST = 6 * 1024
"""Bytes. A thread has 16 KiB at least (PTHREAD_STACK_MIN), of which libc takes some."""

BY_POINTER = {
    "read_consistently": {"read_promise", "read_outlook", "read_moves"},
    "attempt_ask": {"take_place", "attempt_bind_at", "listen_at"},
    "diag_search": {"compare", "count", "find_one"},
}
"""Who calls what by a pointer; all others lead to libc."""

ENTRIES = ("bind", "listen", "connect", "sendto", "sendmsg", "getsockname")
EXECUTIONS = ("execve", "execvpe", "execlp", "posix_spawn", "posix_spawnp")
"""They also copy their words and search PATH on the stack, as libc's own do."""


@functools.cache
def graph() -> tuple[dict[str, int], dict[str, set[str]]]:
    """The bytes of each function of ours, and what it calls; names without their file."""
    words = ["cc", *COMPILE_FLAGS, "-fcallgraph-info=su", "-c", *sources()]

    def build(out: Path) -> None:
        out.mkdir(exist_ok=True)
        if subprocess.run(words, cwd=out, capture_output=True).returncode != 0:
            pytest.skip("this compiler tells no call graph")

    folder = once(scratch() / "stack", build)
    sizes: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for text in (path.read_text() for path in folder.glob("*.ci")):
        for title, size in re.findall(r'node: .*title: "(\S+)" label: ".*\\n(\d+) bytes', text):
            sizes[plain(title)] = int(size)
        for caller, called in re.findall(r'sourcename: "(\S+)" targetname: "(\S+)"', text):
            calls.setdefault(plain(caller), set()).add(plain(called))
    for caller, called_by_pointer in BY_POINTER.items():
        assert "__indirect_call" in calls[caller]
        calls[caller] |= called_by_pointer
    return sizes, calls


def plain(title: str) -> str:
    """A function's name without its file and without what the optimizer made of it."""
    return title.rpartition(":")[2].partition(".")[0]


def deepest(name: str, above: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    """The bytes of the deepest way from a function down, and the functions on it."""
    sizes, calls = graph()
    assert name not in above, f"a recursion has no bound: {above}"
    ways = [deepest(each, (*above, name)) for each in calls.get(name, set()) & sizes.keys()]
    size, way = max(ways, default=(0, []))
    return size + sizes[name], [name, *way]


@pytest.mark.parametrize("entry", ENTRIES + EXECUTIONS)
def test_no_way_through_the_guest_takes_much_stack(entry: str) -> None:
    size, way = deepest(entry)
    assert size <= MOST, " > ".join(way)


TINY_THREAD = r"""
    #include <spawn.h>
    extern char **environ;

    static int asked, own, got[3];

    static int connected(void)
    {
        struct sockaddr_in name = at(own);
        socklen_t length = sizeof name;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int result = connect(fd, (void *)&name, length) == 0 &&
                     getpeername(fd, (void *)&name, &length) == 0;
        close(fd);
        return result ? ntohs(name.sin_port) : -errno;
    }

    static int received(void)
    {
        struct sockaddr_in name = at(asked);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        int result = bind(fd, (void *)&name, sizeof name) == 0;
        close(fd);
        return result;
    }

    static void *in_a_small_place(void *unused)
    {
        char *words[] = {"true", NULL};
        int status = 1;
        pid_t child;
        got[0] = serve(asked);
        got[1] = connected();
        got[2] = received();
        if (posix_spawnp(&child, "true", NULL, NULL, words, environ) == 0)
            waitpid(child, &status, 0);
        got[2] += status;
        return unused;
    }
    //main
    size_t size = atoi(argv[1]) > 0 ? (size_t)atoi(argv[1]) : (size_t)sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_t attributes;
    pthread_t thread;
    own = atoi(argv[2]);
    asked = port;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, size) != 0 ||
        pthread_create(&thread, &attributes, in_a_small_place, NULL) != 0)
        return 1;
    pthread_join(thread, NULL);
    printf("%d %d %d", got[0], got[1], got[2]);
"""


@pytest.mark.parametrize("size", [0, 64 * 1024])
@pytest.mark.parametrize("limit", ["8192", "unlimited"])
def test_the_smallest_thread_and_the_largest_stack_will_do(
    tmp_path: Path, size: int, limit: str
) -> None:
    free = free_port()
    shell = ["sh", "-c", f'ulimit -s {limit}; exec "$@"', "sh"]
    words = [*shell, str(host(TINY_THREAD)), str(size)]
    with server() as theirs, server() as own, listener() as taken:
        with FakeDaemon(tmp_path, say(move(free))) as daemon:
            mine = key_text(daemon, "mine")
            daemon.entries.move(port_of(theirs), port_of(own), project=mine, cookie4=cookie_of(own))
            env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"), STYXY_NOTIFY="off")
            done = run([*words, str(port_of(theirs)), str(taken)], env)
            led_to = port_of(own)
    assert (done.returncode, done.stdout) == (0, f"{free} {led_to} 1")
