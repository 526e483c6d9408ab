"""Programs that lie to their supervisor: in pointers, in lengths, in memory that goes meanwhile.

What a call says is what it says without Styxy, and the supervisor, under the sanitizers, serves the
next one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import cookie_of, key_text, port_of, project, server
from tests.native.guest import FakeDaemon, listener, move, run, say
from tests.native.host_programs import host_text
from tests.native.supervised import environment, needs_seccomp, static, under

pytestmark = [needs_seccomp, pytest.mark.slow]

CALLS = r"""
    #include <stdint.h>
    #include <sys/syscall.h>

    static uint64_t state;
    static uint32_t random_below(uint32_t limit)
    {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
        return (uint32_t)(state >> 32) % limit;
    }

    #define CHOOSE(table) (table)[random_below(sizeof(table) / sizeof *(table))]

    static char *page; /* two; nothing can be read beyond */
    static int asked;

    /* Something that is as long as it says, up to the end of what can be read, or nothing. */
    static void *somewhere(const void *bytes, size_t length)
    {
        void *const bad[] = {NULL, (void *)8, page + 8192, (void *)-1L, (void *)(1L << 47)};
        if (random_below(4) == 0)
            return CHOOSE(bad);
        if (random_below(8) == 0) /* far from the end, whatever length is told */
            return memcpy(page + sizeof(struct msghdr), bytes, length);
        size_t short_of = random_below(4) == 0 ? random_below((uint32_t)length + 1) : 0;
        char *at = page + 8192 - length + short_of;
        memcpy(at, bytes, length - short_of);
        return at;
    }

    static void *some_address(size_t *length)
    {
        static const uint32_t lengths[] = {0,  1,   2,   15,  17,  24,       28,
                                           32, 112, 127, 128, 129, 1u << 31, -1u};
        static const sa_family_t families[] = {AF_UNSPEC, AF_UNIX, AF_NETLINK, AF_PACKET, 999};
        static const in_addr_t addresses[] = {INADDR_ANY, INADDR_BROADCAST, 0xe00000fb};
        struct sockaddr_storage any = {.ss_family = AF_UNIX};
        struct sockaddr_in *in = (void *)&any;
        if (random_below(8) != 0)
            *in = at(asked);
        if (random_below(4) == 0)
            any.ss_family = CHOOSE(families);
        if (random_below(4) == 0)
            in->sin_port = htons(random_below(1024));
        if (random_below(6) == 0)
            in->sin_addr.s_addr = htonl(CHOOSE(addresses));
        *length = sizeof *in;
        void *where = somewhere(&any, random_below(2) == 0 ? sizeof *in : sizeof any);
        if (random_below(3) == 0)
            *length = CHOOSE(lengths);
        return where;
    }

    static void *some_message(void)
    {
        static const size_t counts[] = {0, 1, 2, 7, 8, 9, 1024, 1025, 1ul << 62, -1ul};
        static const size_t sizes[] = {0, 1, 4096, 65536, 65537, 1ul << 62, -1ul};
        static struct iovec parts[1025]; /* one more than the kernel takes; most are empty */
        size_t name_length;
        for (int i = 0; i < 9; i++) {
            parts[i] = (struct iovec){"abc", 3};
            if (random_below(12) == 0)
                parts[i] = (struct iovec){page + 8190, CHOOSE(sizes)};
        }
        void *name = some_address(&name_length);
        struct msghdr message = {.msg_name = name, .msg_namelen = (socklen_t)name_length,
                                 .msg_iov = parts, .msg_iovlen = 1 + random_below(9)};
        if (random_below(6) == 0)
            message.msg_iovlen = CHOOSE(counts);
        if (random_below(6) == 0)
            message.msg_iov = (void *)(page + 8192 - random_below(sizeof *parts));
        if (random_below(6) == 0)
            message.msg_control = page + 8192, message.msg_controllen = CHOOSE(sizes);
        /* Its name lies at the end of the same pages, so it lies before that. */
        if (random_below(6) != 0)
            return memcpy(page, &message, sizeof message);
        return page + 8192 - random_below(sizeof message);
    }

    static int some_descriptor(void)
    {
        const int kinds[] = {SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM};
        switch (random_below(12)) {
        case 0: return -1;
        case 1: return 900;
        case 2: return open("/dev/null", O_RDWR);
        case 3: return socket(AF_UNIX, SOCK_STREAM, 0);
        case 4: return socket(AF_INET6, SOCK_STREAM, 0);
        default: return socket(AF_INET, CHOOSE(kinds), 0);
        }
    }

    /* One call, with a socket of its own. */
    static long some_call(int fd)
    {
        size_t length;
        void *address;
        memset(page, 0xa5, 8192); /* what is read of it by mistake does harm */
        switch (random_below(5)) {
        case 0:
            address = some_address(&length);
            return syscall(SYS_bind, fd, address, length);
        case 1:
            return syscall(SYS_listen, fd, (long)random_below(3) - 1);
        case 2:
            address = some_address(&length);
            return syscall(SYS_sendto, fd, "abc", 3, MSG_FASTOPEN | MSG_NOSIGNAL, address, length);
        case 3:
            return syscall(SYS_sendmsg, fd, some_message(), MSG_FASTOPEN | MSG_NOSIGNAL);
        default:
            address = some_address(&length);
            return syscall(SYS_connect, fd, address, length);
        }
    }

    static void map_pages(void)
    {
        page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(page + 8192, 4096, PROT_NONE);
    }
"""
"""Calls with arguments of every kind, the same ones for the same seed."""

LIAR = (
    CALLS
    + r"""
    //main
    map_pages();
    asked = port;
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    for (int i = 0; i < 1500; i++) {
        int fd = some_descriptor();
        errno = 0;
        long result = some_call(fd);
        printf("%d: %ld %d\n", i, result, errno);
        if (fd >= 0)
            close(fd);
    }
    struct sockaddr_in name = at(asked);
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&name, length) == 0 && getpeername(fd, (void *)&name, &length) == 0)
        printf("%d\n", ntohs(name.sin_port));
"""
)


@pytest.mark.parametrize("seed", range(1, 4))
def test_calls_of_every_kind_say_what_they_always_said(tmp_path: Path, seed: int) -> None:
    def place(name: str) -> Path:
        """For the Unix sockets that come about."""
        (tmp_path / name).mkdir()
        return tmp_path / name

    program = static(host_text(LIAR))
    with server() as theirs, server() as ours, FakeDaemon(tmp_path) as daemon:
        asked, own, mine = port_of(theirs), port_of(ours), project(daemon, "mine")
        daemon.entries.move(asked, own, project=key_text(daemon, "mine"), cookie4=cookie_of(ours))
        words: list[str | Path] = [program, str(seed), str(asked)]
        env = environment(daemon, STYXY_PROJECT=mine)
        bare = run(words, {}, cwd=place("bare"))
        supervised = run(under(*words, sanitize=True), env, cwd=place("supervised"))
    assert (bare.returncode, supervised.returncode, supervised.stderr) == (0, 0, "")
    *results, led_to = supervised.stdout.splitlines()
    assert [*results, str(asked)] == bare.stdout.splitlines()
    assert led_to == str(own)  # the supervisor is still there


VANISHING = r"""
    #include <stdatomic.h>
    #include <sys/syscall.h>

    #define FRESH (MAP_PRIVATE | MAP_ANONYMOUS)

    struct arguments { struct sockaddr_in name; struct iovec part; struct msghdr message; };

    static int asked;
    static atomic_int callers;
    static struct arguments *page;

    /* Map the arguments, let others read them, and take them away. */
    static void *coming_and_going(void *unused)
    {
        struct arguments whole = {.name = at(asked), .part = {"abc", 3}};
        whole.message = (struct msghdr){&page->name, sizeof whole.name, &page->part, 1, 0, 0, 0};
        while (atomic_load(&callers) > 0) {
            mmap(page, 4096, PROT_READ | PROT_WRITE, FRESH | MAP_FIXED, -1, 0);
            *page = whole;
            sched_yield();
            munmap(page, 4096);
        }
        return unused;
    }

    static void call(int which)
    {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (which % 3 == 0)
            syscall(SYS_connect, fd, &page->name, sizeof page->name);
        else if (which % 3 == 1)
            syscall(SYS_bind, fd, &page->name, sizeof page->name);
        else
            syscall(SYS_sendmsg, fd, &page->message, MSG_FASTOPEN | MSG_NOSIGNAL);
        close(fd);
    }

    static void *caller(void *unused)
    {
        for (int i = 0; i < 400; i++)
            call(i);
        atomic_fetch_sub(&callers, 1);
        return unused;
    }

    /* Processes that are killed in the middle of a call, or before it, or after it. */
    static void *killer(void *unused)
    {
        for (int i = 0; i < 60; i++) {
            pid_t child = fork();
            for (int which = i; child == 0; which++)
                call(which);
            for (int turns = i % 8; turns > 0; turns--)
                sched_yield();
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
        }
        atomic_fetch_sub(&callers, 1);
        return unused;
    }
    //main
    pthread_t threads[4];
    void *(*const parts[])(void *) = {caller, caller, killer, coming_and_going};
    asked = port;
    callers = 3;
    page = mmap(NULL, 4096, PROT_NONE, FRESH, -1, 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, parts[i], NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", serve(asked));
"""


def test_memory_that_goes_and_callers_that_die_leave_the_supervisor_whole(tmp_path: Path) -> None:
    free = free_port()
    with server() as theirs, server() as ours, FakeDaemon(tmp_path, say(move(free))) as daemon:
        asked = port_of(theirs)
        daemon.entries.move(
            asked, port_of(ours), project=key_text(daemon, "mine"), cookie4=cookie_of(ours)
        )
        words = under(static(host_text(VANISHING)), str(asked), sanitize=True)
        done = run(words, environment(daemon, STYXY_PROJECT=project(daemon, "mine")))
    assert (done.returncode, done.stdout) == (0, f"{free}\n")


CHANGELING = (
    CALLS
    + r"""
    #include <sys/auxv.h>
    #include <sys/prctl.h>
    //main
    unsigned char *image = (void *)getauxval(AT_RANDOM), *from = (void *)argv[0], *end = from;
    int expected = atoi(argv[1]), wrong = 0, got = 0;
    for (char **each = environ; *each != NULL; each++)
        end = (void *)(*each + strlen(*each));
    state = 88172645463325252;
    for (int i = 0; i < 600; i++) {
        for (int at = 0; at < 16; at++)
            image[at] = (unsigned char)random_below(256);
        for (unsigned char *at = from; at < end; at++)
            *at = random_below(4) == 0 ? (unsigned char)random_below(256) : "=/: A"[i % 6];
        prctl(PR_SET_NAME, i % 2 == 0 ? "x\nTgid:\t1\n" : ") S 1 1 1");
        got = try_bind(port);
        wrong += got != expected && got != -EADDRINUSE;
    }
    printf("%d %d\n", wrong, got);
"""
)


def test_an_image_that_changes_all_that_it_is_known_by_is_served(tmp_path: Path) -> None:
    """More images than a supervisor remembers, each with words and environment of noise."""
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = under(static(host_text(CHANGELING)), str(free), str(taken), sanitize=True)
        done = run(words, environment(daemon, STYXY_NOTIFY="off"))
        servers = {question[8] for question in daemon.questions}
    assert (done.returncode, done.stdout) == (0, f"0 {free}\n")
    assert len(servers) > 256
