"""Sharing a host with others: preload libraries, a second copy of the guest, sandboxes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import CLIENT, cookie_of, key_text, port_of, project, server
from tests.native.guest import (
    BINDER,
    NOTICE,
    FakeDaemon,
    compiled,
    library,
    listener,
    move,
    run,
    say,
    silence,
)
from tests.native.host_programs import host

WRAPPER = r"""
/* A preload library of somebody else: says on standard error what passes through it. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    dprintf(2, NAME " bind\n");
    return NEXT(bind)(fd, address, length);
}

int listen(int fd, int backlog)
{
    dprintf(2, NAME " listen\n");
    return NEXT(listen)(fd, backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    dprintf(2, NAME " connect\n");
    return NEXT(connect)(fd, address, length);
}
"""


def wrapper(name: str) -> Path:
    """Somebody else's preload library."""
    return compiled(WRAPPER, f'-DNAME="{name}"', "-shared", "-fPIC", "-ldl")


@contextmanager
def moved_project(tmp_path: Path) -> Iterator[tuple[FakeDaemon, dict[str, str], int, int, int]]:
    """A daemon that moves, and a server that was: environment, taken port, free one, own one."""
    free = free_port()
    with server() as taken, server() as own, FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.entries.move(
            port_of(taken), port_of(own), project=key_text(daemon, "mine"), cookie4=cookie_of(own)
        )
        env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"))
        yield daemon, env, port_of(taken), free, port_of(own)


def test_other_preload_libraries_see_each_call_once(tmp_path: Path) -> None:
    with moved_project(tmp_path) as (_, env, taken, free, own):
        env["LD_PRELOAD"] = f"{wrapper('before')} {library()} {wrapper('after')}"
        served = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
        reached = run([compiled(CLIENT), "blocking", "127.0.0.1", str(taken)], env)
    assert served.stdout == f"{free}\n"
    # The first bind says EADDRINUSE, the second is at the daemon's place.
    assert served.stderr.replace(NOTICE.format(taken, free), "notice\n").split("\n") == [
        "before bind", "after bind", "after bind", "before listen", "after listen", "notice", "",
    ]  # fmt: skip
    assert reached.stdout == f"127.0.0.1 {own}\n"
    assert reached.stderr == "before connect\nafter connect\n"


def test_of_two_copies_of_the_library_one_works(tmp_path: Path) -> None:
    """An upgrade in an activated shell: the old one's path is kept, the new one's is added."""
    copy = tmp_path / "libstyxy.so"
    shutil.copy(library(), copy)
    with moved_project(tmp_path / "home") as (daemon, env, taken, free, own):
        env["LD_PRELOAD"] = f"{copy}:{library()}"
        served = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
        reached = run([compiled(CLIENT), "blocking", "127.0.0.1", str(taken)], env)
        assert len(daemon.notes()) == 1
    assert (served.stdout, served.stderr) == (f"{free}\n", NOTICE.format(taken, free))
    assert reached.stdout == f"127.0.0.1 {own}\n"


def installed(name: str) -> str:
    """A real preload library of somebody else, or the name of the one that is missing."""
    found = [path for depth in ("*", "*/*") for path in Path("/usr/lib").glob(f"{depth}/{name}")]
    return str(found[0]) if found else name


OTHERS = {
    "jemalloc": "libjemalloc.so.2",
    "eatmydata": "libeatmydata.so",
    "faketime": "libfaketimeMT.so.1",
}


@pytest.mark.parametrize("ours_is", ["first", "last"])
@pytest.mark.parametrize("name", OTHERS)
def test_real_preload_libraries_are_good_company(tmp_path: Path, name: str, ours_is: str) -> None:
    other = installed(OTHERS[name])
    if not other.startswith("/"):
        pytest.skip(f"there is no {name} here")
    with moved_project(tmp_path) as (_, env, taken, free, own):
        both = [str(library()), other] if ours_is == "first" else [other, str(library())]
        env |= {"LD_PRELOAD": ":".join(both), "FAKETIME": "-1d"}
        served = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
        reached = run([compiled(CLIENT), "blocking", "127.0.0.1", str(taken)], env)
    assert (served.stdout, served.stderr) == (f"{free}\n", NOTICE.format(taken, free))
    assert (reached.stdout, reached.stderr) == (f"127.0.0.1 {own}\n", "")


def test_a_library_that_replaces_syscall_is_not_in_our_way(tmp_path: Path) -> None:
    text = """
        #include <stdlib.h>
        long syscall(long number, ...) { abort(); }
    """
    other = compiled(text, "-shared", "-fPIC", "-fno-builtin")
    with moved_project(tmp_path) as (_, env, taken, free, own):
        env["LD_PRELOAD"] = f"{other}:{library()}"
        served = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
        reached = run([compiled(CLIENT), "blocking", "127.0.0.1", str(taken)], env)
    assert (served.stdout, served.stderr) == (f"{free}\n", NOTICE.format(taken, free))
    assert (reached.stdout, reached.stderr) == (f"127.0.0.1 {own}\n", "")


@pytest.mark.parametrize("ours_is", ["first", "last"])
def test_torsocks_is_good_company(tmp_path: Path, ours_is: str) -> None:
    """It stands before libc's syscall, and before bind, which it forbids unless it is told."""
    other = installed("libtorsocks.so")
    if not other.startswith("/"):
        pytest.skip("there is no torsocks here")
    with moved_project(tmp_path) as (_, env, taken, free, _own):
        both = [str(library()), other] if ours_is == "first" else [other, str(library())]
        env |= {"LD_PRELOAD": ":".join(both), "TORSOCKS_ALLOW_INBOUND": "1"}
        served = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
    assert served.stdout == f"{free}\n"
    assert NOTICE.format(taken, free) in served.stderr


FALSE_CLOCK = r"""
#include <time.h>

/* A clock that somebody has stopped, as libfaketime does for reproducible builds. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = SECONDS};
    return 0;
}
"""


@pytest.mark.parametrize("seconds", [0, 1, 2**31 - 1])
def test_a_clock_that_stands_still_stretches_no_deadline(tmp_path: Path, seconds: int) -> None:
    clock = compiled(FALSE_CLOCK, f"-DSECONDS={seconds}", "-shared", "-fPIC")
    with listener() as taken, FakeDaemon(tmp_path, silence) as daemon:
        env = daemon.environment()
        env["LD_PRELOAD"] = f"{clock} {library()}"
        words = [f"127.0.0.1,{taken}"] * 3
        assert run([compiled(BINDER), *words], env).stdout == "EADDRINUSE\n" * 3
        assert daemon.connections == 1


@pytest.mark.parametrize("options", ["", "detect_leaks=0"])
@pytest.mark.parametrize("sanitizer", ["address", "thread", "undefined", "leak"])
def test_a_host_of_a_sanitizers_own_is_served(tmp_path: Path, sanitizer: str, options: str) -> None:
    flag = f"-fsanitize={sanitizer}"
    with moved_project(tmp_path) as (_, env, taken, free, own):
        env |= {"ASAN_OPTIONS": options} if options else {}
        served = run([compiled(BINDER, flag), f"127.0.0.1,{taken},listen"], env)
        reached = run([compiled(CLIENT, flag), "blocking", "127.0.0.1", str(taken)], env)
    assert (served.stdout, served.stderr) == (f"{free}\n", NOTICE.format(taken, free))
    assert (reached.stdout, reached.stderr) == (f"127.0.0.1 {own}\n", "")


@pytest.mark.parametrize("preloaded", [False, True])
def test_the_library_may_be_opened_and_closed_at_will(tmp_path: Path, preloaded: bool) -> None:
    program = host(
        r"""
        #include <dlfcn.h>
        //main
        for (int i = 0; i < 3; i++) {
            void *one = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
            void *two = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
            if (one == NULL || one != two)
                return 1;
            int (*ours)(int, const struct sockaddr *, socklen_t) = dlsym(one, "bind");
            struct sockaddr_in name = at(0);
            int fd = socket(AF_INET, SOCK_STREAM, 0);
            if (ours(fd, (void *)&name, sizeof name) != 0)
                return 2;
            dlclose(one), dlclose(two);
        }
        printf("%d\n", serve(port));
        """
    )
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment()
        if not preloaded:
            del env["LD_PRELOAD"]
        done = run([program, str(library()), str(taken)], env)
    assert (done.returncode, done.stdout) == (0, f"{free}\n" if preloaded else "-98\n")


@pytest.mark.parametrize("libc", ["cc", "musl-gcc"])
def test_the_linker_has_no_error_to_tell_of(tmp_path: Path, libc: str) -> None:
    """Programs ask dlerror whether something of their own went wrong."""
    if shutil.which(libc) is None:
        pytest.skip(f"there is no {libc} here")
    text = """
        #include <dlfcn.h>
        #include <stdio.h>
        int main(void) { char *error = dlerror(); return puts(error ? error : "none") < 0; }
    """
    with FakeDaemon(tmp_path) as daemon:
        assert run([compiled(text, "-ldl", cc=libc)], daemon.environment()).stdout == "none\n"


SANDBOX = r"""
    #include <linux/filter.h>
    #include <linux/seccomp.h>
    #include <stddef.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>

    #define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
    #define ONLY_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, SKIP)
    #define SAY(verdict) BPF_STMT(BPF_RET | BPF_K, verdict)
    //main
    /* Sockets of the families that argv[1] names fail with EPERM from here on. */
    struct sockaddr_in name = at(port);
    socklen_t length = sizeof name;
    int client = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    struct sock_filter filter[] = {
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALL, 0, FAMILY >= 0 ? 3 : 1),
    #if FAMILY >= 0
        LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FAMILY, 0, 1),
    #endif
        SAY(SECCOMP_RET_ERRNO | EPERM), SAY(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 1;
    printf("%d ", connect(client, (void *)&name, sizeof name));
    getpeername(client, (void *)&name, &length);
    printf("%d ", ntohs(name.sin_port));
    name = at(port);
    printf("%d ", bind(fd, (void *)&name, sizeof name) == 0 ? 0 : errno);
    name.sin_port = 0;
    printf("%d ", bind(other, (void *)&name, sizeof name) == 0 ? 0 : errno);
    printf("%d", listen(other, 5) == 0 ? 0 : errno);
"""

SANDBOXES = {
    # What is forbidden, and whether the guest can still do its work: connect, bind.
    "netlink": ("SYS_socket", "AF_NETLINK", False, True),
    "unix": ("SYS_socket", "AF_UNIX", True, False),
    "socket": ("SYS_socket", "-1", False, False),
    "open": ("SYS_openat", "-1", False, False),
    "pread": ("SYS_pread64", "-1", False, False),
    "getsockopt": ("SYS_getsockopt", "-1", False, False),
    "clock and yield": ("SYS_sched_yield", "-1", True, True),
    "statx": ("SYS_statx", "-1", False, False),
}


@pytest.mark.parametrize("name", SANDBOXES)
def test_a_sandbox_that_forbids_what_we_need_has_its_own_results(tmp_path: Path, name: str) -> None:
    call, family, leads, moves = SANDBOXES[name]
    text = SANDBOX.replace("CALL", call)
    if family == "-1":
        text = text.replace("#if FAMILY >= 0", "#if 0").replace("FAMILY >= 0 ? 3 : 1", "1")
    else:
        text = text.replace("#if FAMILY >= 0", "#if 1").replace("FAMILY >= 0 ? 3 : 1", "3")
    with moved_project(tmp_path) as (_, env, taken, _, own):
        bare = run([host(text.replace("FAMILY", family)), str(taken)], {})
        done = run([host(text.replace("FAMILY", family)), str(taken)], env)
    assert (bare.returncode, bare.stdout) == (0, f"0 {taken} 98 0 0")
    result = f"0 {own if leads else taken} {0 if moves else 98} 0 0"
    assert (done.returncode, done.stdout) == (0, result)
