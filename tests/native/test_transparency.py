"""The library is transparent: whatever the host does, it notices nothing but the moved port.

Each host is a C program that does something unusual around bind; most are run bare and with the
library, and must print the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    PATIENCE,
    FakeDaemon,
    bind_each,
    listener,
    move,
    receiver,
    run,
    say,
    shortest,
    silence,
)
from tests.native.host_programs import host
from tests.native.supervised import library_beside

STRANGE_CALLS = r"""
    #define SHOW(call) (errno = 0, printf("%d %d\n", call, errno))
    //main
    struct sockaddr_in name = at(port);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/nowhere/at/all"};
    int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
    int local = socket(AF_UNIX, SOCK_STREAM, 0), file = open("/dev/null", O_RDONLY);
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    char *cut = page + 4096 - 8;
    memcpy(cut, &name, 8);
    SHOW(bind(tcp, NULL, sizeof name));
    SHOW(bind(tcp, (void *)8, sizeof name));
    SHOW(bind(tcp, (void *)(page + 4096), sizeof name));
    SHOW(bind(tcp, (void *)cut, sizeof name));
    SHOW(bind(tcp, (void *)-1L, sizeof name));
    for (unsigned length = 0; length < 16; length++)
        SHOW(bind(tcp, (void *)&name, length));
    SHOW(bind(tcp, (void *)&name, 129));
    SHOW(bind(tcp, (void *)&name, (socklen_t)-1));
    SHOW(bind(tcp, (void *)&six, sizeof six));
    SHOW(bind(-1, (void *)&name, sizeof name));
    SHOW(bind(900, (void *)&name, sizeof name));
    SHOW(bind(file, (void *)&name, sizeof name));
    SHOW(bind(udp, (void *)&name, sizeof name));
    SHOW(bind(local, (void *)&path, sizeof path));
    SHOW(bind(local, (void *)&name, sizeof name));
    name.sin_port = 0;
    SHOW(bind(tcp, (void *)&name, sizeof name));
    name.sin_port = htons(port);
    SHOW(bind(tcp, (void *)&name, sizeof name));
    socklen_t room = 3;
    SHOW(getsockname(tcp, NULL, &room));
    SHOW(getsockname(tcp, (void *)&name, NULL));
    SHOW(getsockname(tcp, (void *)&name, (void *)8));
    SHOW(getsockname(-1, (void *)&name, &room));
    room = 3;
    SHOW(getsockname(tcp, (void *)&name, &room));
    printf("%u\n", room);
"""


def test_strange_calls_fail_as_they_always_did(tmp_path: Path) -> None:
    program = host(STRANGE_CALLS)
    with listener() as taken, FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        bare = run([program, str(taken)], {})
        guest = run([program, str(taken)], daemon.environment())
    assert bare.returncode == 0
    assert (guest.returncode, guest.stdout, guest.stderr) == (0, bare.stdout, "")
    assert daemon.questions == []


def test_an_address_of_another_machine_fails_as_it_always_did(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        assert bind_each(daemon, f"192.0.2.1,{taken}") == ["EADDRNOTAVAIL"]
    assert not (tmp_path / "reassignments.log").exists()


def test_an_address_at_the_very_end_of_memory_is_read(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(page + 4096, 4096);
        struct sockaddr_in name = at(port);
        memcpy(page + 4096 - sizeof name, &name, sizeof name);
        mprotect(page, 4096, PROT_READ);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        printf("%d\n", bind(fd, (void *)(page + 4096 - sizeof name), sizeof name));
        """
    )
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        assert run([program, str(taken)], daemon.environment()).stdout == "0\n"


CLOSED_STREAMS = r"""
    //main
    int out = fcntl(1, F_DUPFD_CLOEXEC, 50);
    FILE *stream = fdopen(out, "w");
    if (atoi(argv[1]) == 1)
        close(0), close(1), close(2);
    int before = open_descriptors();
    int got = try_bind(port), again = serve(port);
    fprintf(stream, "%d %d %d", got, again, open_descriptors() - before - 1);
    fclose(stream);
"""


@pytest.mark.parametrize("closed", ["0", "1"])
def test_closed_streams_stay_closed_and_no_descriptor_is_left(tmp_path: Path, closed: str) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free), move(free))) as daemon:
        done = run([host(CLOSED_STREAMS), closed, str(taken)], daemon.environment())
    assert (done.returncode, done.stdout) == (0, f"{free} {free} 0")
    assert (done.stderr == "") == (closed == "1")
    assert len((tmp_path / "reassignments.log").read_text().splitlines()) == 1


def test_started_with_closed_streams_nothing_is_written_into_the_hosts_files(
    tmp_path: Path,
) -> None:
    program = host(
        r"""
        //main
        if (argc == 2) {
            close(0), close(1), close(2);
            execl(argv[0], argv[0], "again", argv[1], NULL);
        }
        int first = open("zero", O_CREAT | O_RDWR, 0600);
        int second = open("one", O_CREAT | O_RDWR, 0600);
        int third = open("two", O_CREAT | O_RDWR, 0600);
        return first != 0 || second != 1 || third != 2 || serve(port) < 0;
        """
    )
    home = tmp_path / "home"
    with listener() as taken, FakeDaemon(home, say(move(free_port()))) as daemon:
        for notify in ("auto", "stdout", "stderr"):
            env = daemon.environment(STYXY_NOTIFY=notify)
            assert run([program, str(taken)], env, cwd=tmp_path).returncode == 0
    assert [(tmp_path / name).read_text() for name in ("zero", "one", "two")] == [""] * 3


FULL_TABLE = r"""
    //main
    struct rlimit limit = {32, 32};
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_in name = at(port), promised = at(atoi(argv[1]));
    int left = atoi(argv[2]), last = -1, opened, spare[8];
    for (int i = 0; i < left; i++)
        spare[i] = dup(0);
    int one = new_socket(), two = new_socket();
    while ((opened = dup(0)) >= 0)
        last = opened;
    for (int i = 0; i < left; i++)
        close(spare[i]);
    errno = 0;
    int result = bind(one, (void *)&name, sizeof name);
    printf("%d %d %d ", last, result, errno);
    errno = 0;
    result = bind(two, (void *)&promised, sizeof name);
    printf("%d %d\n", result, errno);
"""


@pytest.mark.parametrize("left", range(2))
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_full_descriptor_table_leaves_the_first_result(
    tmp_path: Path, transport: str, left: int
) -> None:
    promised, free = free_port(), free_port()
    kind = {"UDP": "1"} if transport == "udp" else {}
    stranger = receiver() if transport == "udp" else listener()
    with stranger as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        words: list[str | Path] = [host(FULL_TABLE), str(promised), str(left), str(taken)]
        bare, guest = run(words, kind), run(words, daemon.environment(**kind))
        notes = daemon.notes()
    assert bare.returncode == 0
    assert len(notes) == (left if transport == "udp" else 0)
    if left == 0:
        assert (guest.stdout, guest.stderr) == (bare.stdout, "")
    else:  # one free descriptor is enough for each step
        assert guest.stdout.split()[1:3] == ["0", "0"]


def test_bind_and_listen_do_not_become_cancellation_points(tmp_path: Path) -> None:
    program = host(
        r"""
        static void *cancelled(void *taken)
        {
            pthread_cancel(pthread_self());
            close(listening(*(int *)taken)); /* this is one */
            return NULL;
        }
        //main
        pthread_t thread;
        void *how = NULL;
        int before = open_descriptors();
        pthread_create(&thread, NULL, cancelled, &port);
        pthread_join(thread, &how);
        printf("%d %d\n", how == PTHREAD_CANCELED, open_descriptors() - before);
        """
    )
    # `close` in the host acts on the cancellation; by then nothing of ours is open, and the
    # daemon has had its whole question.
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        env = daemon.environment(STYXY_NOTIFY="off")
        done = run([program, str(taken)], env)
    assert done.returncode == 0
    assert len((tmp_path / "reassignments.log").read_text().splitlines()) == 1


def test_signals_do_not_stretch_or_break_the_wait(tmp_path: Path) -> None:
    program = host(
        r"""
        #include <time.h>
        static void nothing(int signal) { (void)signal; }
        //main
        struct itimerval often = {{0, 1000}, {0, 1000}};
        struct sigaction action = {.sa_handler = nothing};
        struct timespec from, to;
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &often, NULL);
        clock_gettime(CLOCK_MONOTONIC, &from);
        int got = try_bind(port);
        clock_gettime(CLOCK_MONOTONIC, &to);
        long took = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
        printf("%d %ld\n", got == -EADDRINUSE, took);
        """
    )

    def attempt() -> float:
        with listener() as taken, FakeDaemon(tmp_path, silence) as daemon:
            refused, took = run([program, str(taken)], daemon.environment()).stdout.split()
        assert refused == "1"
        return int(took) / 1000

    assert 0.249 <= shortest(attempt) < PATIENCE


def test_the_library_is_at_home_in_a_cleaned_up_process(tmp_path: Path) -> None:
    """Programs overwrite their environment and leave their directory before they bind."""
    program = host(
        r"""
        extern char **environ;
        //main
        for (char **each = environ; *each != NULL; each++)
            memset(*each, 'x', strlen(*each));
        environ = NULL;
        if (chdir("/") != 0)
            return 1;
        printf("%d\n", try_bind(port));
        """
    )
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run([program, str(taken)], daemon.environment(), cwd=tmp_path)
    assert done.stdout == f"{free}\n"
    assert daemon.questions[0][11] == str(tmp_path.resolve())


STRANGE_EXECUTIONS = r"""
    #include <spawn.h>
    #pragma GCC diagnostic ignored "-Wnonnull"
    #define SHOW(call) (errno = 0, printf("%d %d\n", call, errno))
    //main
    char *words[] = {"true", NULL}, *bad = (void *)8;
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    char **cut = (void *)(page + 4096 - sizeof *cut);
    pid_t pid = port;
    *cut = "A=1";
    SHOW(execve(NULL, words, environ));
    SHOW(execve(bad, words, environ));
    SHOW(execve(page + 4096, words, environ));
    SHOW(execve("/bin/true", (void *)bad, environ));
    SHOW(execve("/bin/true", words, (void *)bad));
    SHOW(execve("/bin/true", words, cut));
    SHOW(execve("/bin/true", cut, environ));
    SHOW(execv(NULL, words));
    SHOW(posix_spawn(&pid, NULL, NULL, NULL, words, environ));
    SHOW(posix_spawn(&pid, bad, NULL, NULL, words, environ));
    SHOW(posix_spawn(&pid, "/bin/true", NULL, NULL, words, (void *)bad));
    SHOW(posix_spawn(&pid, "", NULL, NULL, words, environ));
    SHOW(posix_spawnp(&pid, "", NULL, NULL, words, environ));
"""


def test_strange_executions_fail_as_they_always_did(tmp_path: Path) -> None:
    program = host(STRANGE_EXECUTIONS)
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=str(library_beside()), STYXY_STATIC="supervise")
        bare, guest = run([program, "0"], {}), run([program, "0"], env)
    assert bare.returncode == 0
    assert (guest.returncode, guest.stdout, guest.stderr) == (0, bare.stdout, "")


ANY_PORT = r"""
    //main
    struct sockaddr_in any = at(port);
    socklen_t length = sizeof any;
    int one = socket(AF_INET, SOCK_STREAM, 0), reused = 7, before = open_descriptors();
    errno = 77;
    int bound = bind(one, (void *)&any, length), listens = listen(one, 5), error = errno;
    length = sizeof reused;
    getsockopt(one, SOL_SOCKET, SO_REUSEADDR, &reused, &length);
    printf("%d %d %d %d %d", bound, listens, error, reused, open_descriptors() - before);
"""


def test_a_listen_at_a_port_that_the_kernel_chose_is_left_alone(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        done = run([host(ANY_PORT), "0"], daemon.environment())
        assert (daemon.questions, daemon.notes()) == ([], [])
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 0 77 0 0", "")
