"""The notice of a daemon: on the terminal that it has left, or where its starter reads."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    NOTICE,
    FakeDaemon,
    listener,
    move,
    run,
    say,
)
from tests.native.host_programs import host

DAEMON = r"""
    //main
    /* As daemons do: a session of its own, and nothing of the standard streams. */
    int null = open("/dev/null", O_RDWR);
    if (getenv("FORKS") != NULL && fork() != 0)
        return 0;
    setsid();
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    return serve(port) < 0;
"""


def test_the_terminal_of_a_daemon_that_has_left_it_gets_the_notice(tmp_path: Path) -> None:
    program = host(DAEMON)
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        ours, theirs = pty.openpty()
        subprocess.run(
            [program, str(taken)], env=daemon.environment(FORKS="1"), stdin=theirs, stdout=theirs,
            stderr=theirs, timeout=30, check=True,
        )  # fmt: skip
        shown = os.read(ours, 4096).decode()
        os.close(ours)
        os.close(theirs)
    assert shown == NOTICE.format(taken, free).replace("\n", "\r\n")


def test_whoever_started_a_daemon_gets_the_notice_in_the_same_pipe(tmp_path: Path) -> None:
    program = host(DAEMON)
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run(["sh", "-c", f"{program} {taken}; true"], daemon.environment())
    assert (done.stdout, done.stderr) == ("", NOTICE.format(taken, free))


WORKER = r"""
    //main
    /* A worker of another user says what it has to say in a pipe, which is passed on. */
    struct sockaddr_in name = at(port);
    int pipes[2], same = getenv("SAME") != NULL, fd = new_socket();
    char line[512];
    if (pipe(pipes) != 0 || bind(fd, (void *)&name, sizeof name) != 0)
        return 1;
    if (fork() == 0) {
        dup2(pipes[1], 2);
        dup2(same ? pipes[1] : open("/dev/null", O_WRONLY), 1);
        close(pipes[1]);
        _exit(setgid(65534) != 0 || setuid(65534) != 0 || listen(fd, 5) != 0);
    }
    close(pipes[1]);
    long got = read(pipes[0], line, sizeof line);
    printf("worker: %.*s\n", (int)got, line);
    int status = 1;
    wait(&status);
    return status;
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("same", [True, False])
def test_a_worker_of_another_user_says_it_where_it_says_everything(
    tmp_path: Path, *, same: bool
) -> None:
    """Not where standard error alone is a pipe, which may be for anything."""
    program = host(WORKER)
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment(**({"SAME": "1"} if same else {}))
        done = run([program, str(taken)], env)
    said = NOTICE.format(taken, free) if same else ""
    assert (done.returncode, done.stdout, done.stderr) == (0, f"worker: {said}\n", "")


def test_a_daemon_that_has_left_a_file_gets_no_notice_into_it(tmp_path: Path) -> None:
    program, log = host(DAEMON), tmp_path / "log"
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        words = f"exec 2>{log}; echo begun >&2; {program} {taken}; echo ended >&2"
        done = run(["sh", "-c", words], daemon.environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text() == "begun\nended\n"
