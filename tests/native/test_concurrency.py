"""Threads, forks, vforks and signals, all binding at once: no lock, no leak, no wrong port."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import cookie_of, git_project, key_text, port_of, server
from tests.native.guest import FakeDaemon, listener, move, receiver, run, say
from tests.native.host_programs import host, sanitized_host

CROWD = r"""
    #include <stdatomic.h>

    static int taken, expected;
    static atomic_int wrong, done;

    /* Another thread may hold the place for a moment: then the first error stands. */
    static int is_right(int got)
    {
        return got == expected || got == -EADDRINUSE || got == 0;
    }

    static void check(int got)
    {
        if (!is_right(got))
            atomic_store(&wrong, got);
        atomic_fetch_add(&done, 1);
    }

    static void on_signal(int signal)
    {
        int entry_errno = errno;
        (void)signal;
        check(try_bind(taken));
        errno = entry_errno;
    }

    static void *binder(void *unused)
    {
        for (int i = 0; i < 60; i++)
            check(try_bind(taken));
        return unused;
    }

    static void *forker(void *unused)
    {
        for (int i = 0; i < 30; i++) {
            int status;
            pid_t child = i % 2 != 0 ? fork() : vfork();
            if (child == 0)
                _exit(is_right(try_bind(taken)) ? 0 : 1);
            while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
            if (status != 0)
                atomic_store(&wrong, 100000 + status);
        }
        return unused;
    }
    //main
    /* Oftener, and the handlers would leave the others no time to be answered in. */
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t threads[5];
    taken = port;
    expected = atoi(argv[1]);
    rlim_t most = strtoul(argv[2], NULL, 10);
    if (most != 0)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){most, most});
    sigaction(SIGALRM, &action, NULL);
    int before = open_descriptors(), alone = try_bind(taken);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 5; i++)
        pthread_create(&threads[i], NULL, i < 4 ? binder : forker, NULL);
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    printf("%d %d %d %d\n", alone == expected, atomic_load(&wrong), atomic_load(&done) >= 240,
           open_descriptors() - before);
"""


def crowd_says(
    tmp_path: Path,
    program: Path,
    *,
    transport: str,
    answer: str = "move",
    descriptors: int = 0,
    preloaded: bool = False,
) -> str:
    """Run all threads on a taken port: its own verdict, and nothing on standard error.

    It has so many `descriptors`, its three streams among them; 0: as many as it wants. The verdict:
    was one who came alone moved; a wrong result; did all try; descriptors that were left open.
    """
    free = free_port()
    line = move(free, told="same") if answer == "move" else "styxy/1 keep"
    stranger = receiver() if transport == "udp" else listener()
    with stranger as taken, FakeDaemon(tmp_path, say(line)) as daemon:
        env = daemon.environment(STYXY_NOTIFY="off") | ({"UDP": "1"} if transport == "udp" else {})
        if not preloaded:
            del env["LD_PRELOAD"]
        done = run([program, str(free), str(descriptors), str(taken)], env)
        assert daemon.questions
        assert bool(daemon.notes()) == (transport == "udp" and answer == "move")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("descriptors", [0, 7])
@pytest.mark.parametrize("answer", ["move", "keep"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_threads_forks_vforks_and_signals_at_once(
    tmp_path: Path, transport: str, answer: str, descriptors: int
) -> None:
    said = crowd_says(
        tmp_path,
        host(CROWD),
        transport=transport,
        answer=answer,
        descriptors=descriptors,
        preloaded=True,
    )
    assert said == f"{int(answer == 'move')} 0 1 0\n"


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["move", "keep"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_crowd_is_clean_under_the_sanitizers(
    tmp_path: Path, transport: str, answer: str
) -> None:
    # vfork and the address sanitizer do not go together.
    program = sanitized_host(CROWD.replace("vfork()", "fork()"))
    said = crowd_says(tmp_path, program, transport=transport, answer=answer)
    assert said == f"{int(answer == 'move')} 0 1 0\n"


NEIGHBOURS = r"""
    #include <stdatomic.h>

    static int asked, taken;
    static atomic_int wrong;

    /* Where a connection to the asked port leads. */
    static int reached(void)
    {
        struct sockaddr_in name = at(asked);
        socklen_t length = sizeof name;
        int fd = socket(AF_INET, SOCK_STREAM, 0), port = -1;
        if (connect(fd, (void *)&name, sizeof name) == 0 &&
            getpeername(fd, (void *)&name, &length) == 0)
            port = ntohs(name.sin_port);
        close(fd);
        return port;
    }

    static void *neighbour(void *expected)
    {
        for (int i = 0; i < 30; i++) {
            if (reached() != *(int *)expected)
                atomic_fetch_add(&wrong, 1);
            int fd = listening(0);
            if (fd < 0)
                atomic_fetch_add(&wrong, 100);
            close(fd);
            fd = listening(taken);
            if (fd >= 0)
                close(fd);
        }
        return NULL;
    }
    //main
    pthread_t threads[4];
    int expected = atoi(argv[1]), before = open_descriptors();
    asked = port;
    taken = atoi(argv[2]);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, neighbour, &expected);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", atomic_load(&wrong), open_descriptors() - before);
"""


def neighbours_say(tmp_path: Path, program: Path, *, preloaded: bool) -> str:
    """Let threads connect to a moved server and listen themselves, free and moved."""
    free = free_port()
    with server() as stranger, server() as own, listener() as taken:
        with FakeDaemon(tmp_path, say(move(free))) as daemon:
            path = git_project(daemon, "mine", "h:app")
            asked, mine = port_of(stranger), key_text(daemon, "mine")
            daemon.entries.move(asked, port_of(own), project=mine, cookie4=cookie_of(own))
            env = daemon.environment(STYXY_PROJECT=str(path), STYXY_NOTIFY="off")
            if not preloaded:
                del env["LD_PRELOAD"]
            done = run([program, str(port_of(own)), str(taken), str(asked)], env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_threads_connect_and_listen_at_once(tmp_path: Path) -> None:
    assert neighbours_say(tmp_path, host(NEIGHBOURS), preloaded=True) == "0 0\n"


@pytest.mark.slow
@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_the_neighbours_are_clean_under_the_sanitizers(tmp_path: Path, sanitizers: str) -> None:
    program = sanitized_host(NEIGHBOURS, sanitizers)
    assert neighbours_say(tmp_path, program, preloaded=False) == "0 0\n"


@pytest.mark.slow
@pytest.mark.parametrize("descriptors", [0, 7])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_threads_of_the_crowd_do_not_race(
    tmp_path: Path, transport: str, descriptors: int
) -> None:
    # A fork of a threaded program is beyond the thread sanitizer.
    threads_alone = CROWD.replace("i < 4 ? binder : forker", "binder")
    threads_alone = threads_alone.replace(
        "    static void *forker", "    __attribute__((unused)) static void *forker"
    )
    program = sanitized_host(threads_alone.replace("vfork()", "fork()"), "thread")
    said = crowd_says(tmp_path, program, transport=transport, descriptors=descriptors)
    assert said == "1 0 1 0\n"
