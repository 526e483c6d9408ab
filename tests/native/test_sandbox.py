"""Programs that forbid themselves system calls: what the library asks of the kernel is documented.

A call that is answered with an error leaves the program's own result; a sandbox that kills meets
only what docs/interception.md names for what the program does.
"""

from __future__ import annotations

import errno
import re
from itertools import chain
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import cookie_of, key_text, port_of, project, server
from tests.native.guest import (
    NOTICE,
    FakeDaemon,
    listener,
    move,
    receiver,
    run,
    say,
)
from tests.native.host_programs import host

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "interception.md"

SANDBOXED = r"""
    #include <linux/filter.h>
    #include <linux/seccomp.h>
    #include <stdarg.h>
    #include <stddef.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>

    /* Let the calls in `numbers` meet `listed`, all others `unlisted`. */
    static void enter(const int *numbers, int count, unsigned listed, unsigned unlisted)
    {
        struct sock_filter filter[128] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
        int length = 1;
        for (int i = 0; i < count; i++) {
            filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i],
                                                            0, 1);
            filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
        }
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, unlisted);
        struct sock_fprog program = {length, filter};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
            _exit(99);
    }

    static int result(int value)
    {
        return value == 0 ? 0 : errno;
    }

    /* Say something and end, without stdio, which asks what standard output is. */
    static void end(const char *format, ...)
    {
        char text[80];
        va_list words;
        va_start(words, format);
        int length = vsnprintf(text, sizeof text, format, words);
        _exit(write(1, text, length) != length);
    }
"""


def sandboxed(body: str, *calls: str) -> Path:
    """A host that, where its text says ENTER, forbids itself all but some calls, and is killed."""
    numbers = ", ".join(f"SYS_{call}" for call in calls)
    listed = f"(const int[]){{{numbers}}}, {len(calls)}"
    enter = f"enter({listed}, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS)"
    return host(SANDBOXED + body.replace("ENTER", enter))


def refusing_one(body: str) -> Path:
    """A host that, where its text says ENTER, lets the kernel refuse it one of the calls in `USED`.

    Its second argument is the name of the call, its third the number of the error.
    """
    names = ", ".join(f'{{"{call}", SYS_{call}}}' for call in USED)
    enter = f"""
        const struct {{
            const char *name;
            int number;
        }} calls[] = {{{names}}};
        for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
            if (strcmp(calls[i].name, argv[2]) == 0)
                enter(&calls[i].number, 1, SECCOMP_RET_ERRNO | (unsigned)atoi(argv[3]),
                      SECCOMP_RET_ALLOW)"""
    return host(SANDBOXED + body.replace("ENTER", enter))


EACH_CALL = r"""
    //main
    struct sockaddr_in name = at(port), udp = at(atoi(argv[1])), peer;
    socklen_t length = sizeof name;
    int client = socket(AF_INET, SOCK_STREAM, 0), server = socket(AF_INET, SOCK_STREAM, 0);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    ENTER;
    int reached = result(connect(client, (void *)&name, length));
    int bound = result(bind(server, (void *)&name, length));
    int listens = result(listen(server, 5));
    int received = result(bind(datagram, (void *)&udp, length));
    int port_reached = getpeername(client, (void *)&peer, &length) == 0 ? ntohs(peer.sin_port) : 0;
    end("%d %d %d %d %d", reached, port_reached, bound, listens, received);
"""

USED = (
    "bind", "clock_gettime", "close", "connect", "fcntl", "geteuid", "getpid", "getsockname",
    "getsockopt", "ioctl", "listen", "mmap", "munmap", "nanosleep", "openat", "ppoll", "pread64",
    "read", "readlinkat", "recvfrom", "rt_sigpending", "rt_sigprocmask", "rt_sigtimedwait",
    "sched_yield", "sendto", "setsockopt", "socket", "statx", "write",
)  # fmt: skip
"""What the library asks of the kernel once its program runs: docs/interception.md names them."""


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", [call for call in USED if call != "write"])
def test_whatever_is_forbidden_there_is_a_result_and_no_word(
    tmp_path: Path, call: str, error: int
) -> None:
    program = refusing_one(EACH_CALL)
    free = free_port()
    with server() as taken, server() as own, receiver() as busy:
        with FakeDaemon(tmp_path, say(move(free))) as daemon:
            mine = key_text(daemon, "mine")
            asked, own_port = str(port_of(taken)), str(port_of(own))
            daemon.entries.move(int(asked), int(own_port), project=mine, cookie4=cookie_of(own))
            env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"), STYXY_NOTIFY="off")
            words: list[str | Path] = [program, str(busy), call, str(error), asked]
            bare, done = run(words, {}), run(words, env)
    assert (bare.returncode, done.returncode, done.stderr) == (0, 0, "")
    plain, got = bare.stdout.split(), done.stdout.split()
    if call not in ("bind", "listen", "connect"):
        assert plain == ["0", asked, "98", "0", "98"]
    moved = ["0", own_port, "0", "0", "0"]
    for each, ways in zip(got, zip(plain, moved, strict=True), strict=True):
        assert each in ways, (plain, got)


OTHERS_BUSINESS = r"""
    //main
    struct sockaddr_in any = at(0), far = at(port);
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "a"};
    socklen_t length = sizeof any;
    int one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
    int three = socket(AF_UNIX, SOCK_STREAM, 0), four = socket(AF_INET, SOCK_DGRAM, 0);
    int five = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    far.sin_addr.s_addr = htonl(0xc0000201);
    ENTER;
    int bound = result(bind(one, (void *)&any, length));
    int local = result(bind(two, (void *)&path, sizeof path));
    int listens = result(listen(two, 1)) | result(listen(one, 1));
    int reached = result(connect(three, (void *)&path, sizeof path));
    sendto(four, "x", 1, 0, (void *)&any, length);
    connect(five, (void *)&far, length);
    end("%d %d %d %d", bound, local, listens, reached);
"""

NO_CONFLICT = r"""
    //main
    struct sockaddr_in name = at(port), free = at(atoi(argv[1]));
    socklen_t length = sizeof name;
    int client = socket(AF_INET, SOCK_STREAM, 0), server = socket(AF_INET, SOCK_STREAM, 0);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    ENTER;
    int reached = result(connect(client, (void *)&name, length));
    int bound = result(bind(server, (void *)&free, length)), listens = result(listen(server, 5));
    int received = result(bind(datagram, (void *)&free, length));
    end("%d %d %d %d", reached, bound, listens, received);
"""

OWN_CALLS = ("bind", "connect", "exit_group", "getpeername", "listen", "sendto", "write")
"""What these hosts call themselves."""


def documented(row: str) -> list[str]:
    """The calls that a row of the table in docs/interception.md names."""
    [line] = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {row} |")]
    return re.findall(r"`(\w+)`", line)


def test_the_document_names_what_is_tried_here() -> None:
    rows = [documented(row) for row in ("nothing that concerns Styxy", "no conflict", "a conflict")]
    assert sorted(USED) == sorted({*chain(*rows), "bind", "listen"})


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (OTHERS_BUSINESS, ["nothing that concerns Styxy"]),
        (NO_CONFLICT, ["nothing that concerns Styxy", "no conflict"]),
    ],
    ids=["nothing of ours", "no conflict"],
)
def test_a_sandbox_that_kills_meets_documented_calls_alone(
    tmp_path: Path, body: str, rows: list[str]
) -> None:
    calls = {*OWN_CALLS, *chain(*map(documented, rows))}
    program = sandboxed(body, *sorted(calls))
    with listener() as open_port, FakeDaemon(tmp_path / "home") as daemon:
        words = [str(program), str(free_port()), str(open_port)]
        done = run(words, daemon.environment(), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 0 0 0", "")


def test_a_conflict_in_a_sandbox_that_kills_meets_documented_calls_alone(tmp_path: Path) -> None:
    calls = {*OWN_CALLS, *USED}
    program = sandboxed(EACH_CALL, *sorted(calls))
    free = free_port()
    with server() as taken, server() as own, receiver() as busy:
        with FakeDaemon(tmp_path, say(move(free))) as daemon:
            mine = key_text(daemon, "mine")
            asked, own_port = str(port_of(taken)), str(port_of(own))
            daemon.entries.move(int(asked), int(own_port), project=mine, cookie4=cookie_of(own))
            env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"))
            done = run([program, str(busy), asked], env)
    assert (done.returncode, done.stdout) == (0, f"0 {own_port} 0 0 0")
    assert sorted(done.stderr.splitlines()) == sorted(
        NOTICE.format(port, free).strip() for port in (asked, busy)
    )
