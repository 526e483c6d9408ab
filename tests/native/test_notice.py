"""The one line that the user sees and the one line in the log; nothing else is ever written."""

from __future__ import annotations

import os
import pty
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    BINDER,
    NOTICE,
    FakeDaemon,
    bind_each,
    compiled,
    listener,
    move,
    run,
    say,
)
from tests.native.host_programs import host, sanitized_host
from tests.native.supervised import needs_seccomp


@pytest.mark.parametrize(
    ("notify", "stream"),
    [("auto", "stderr"), ("", "stderr"), ("nonsense", "stderr"), ("stderr", "stderr"),
     ("stdout", "stdout"), ("off", None)],
)  # fmt: skip
def test_a_pipe_gets_the_notice_where_the_user_says(
    tmp_path: Path, notify: str, stream: str | None
) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment(STYXY_NOTIFY=notify)
        done = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
    line = NOTICE.format(taken, free)
    # The program's own line is buffered, so ours comes first.
    assert done.stdout == (line if stream == "stdout" else "") + f"{free}\n"
    assert done.stderr == (line if stream == "stderr" else "")


def test_a_terminal_gets_the_notice_on_standard_output(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [compiled(BINDER), f"127.0.0.1,{taken},listen"],
            env=daemon.environment(), stdout=theirs, stderr=subprocess.PIPE, timeout=30,
        )  # fmt: skip
        shown = os.read(ours, 4096).decode()
        os.close(ours)
        os.close(theirs)
    assert done.stderr == b""
    assert shown.startswith(NOTICE.format(taken, free).replace("\n", "\r\n"))


def test_a_socket_gets_the_notice_too(tmp_path: Path) -> None:
    free = free_port()
    ours, theirs = socket.socketpair()
    with ours, listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        with theirs:
            subprocess.run(
                [compiled(BINDER), f"127.0.0.1,{taken},listen"],
                env=daemon.environment(), timeout=30,
                stdout=subprocess.DEVNULL, stderr=theirs.fileno(),
            )  # fmt: skip
        assert ours.recv(4096).decode() == NOTICE.format(taken, free)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("promised blog", "is promised to blog, auto-assigned port"),
        ("promised my%20bl%C3%B6g", "is promised to my blög, auto-assigned port"),
        ("left blog 14:03", "was blog's until 14:03, back on port"),
        ("used Styxy", "was in use by Styxy, auto-assigned port"),
        # From a daemon that is newer or mad: the plain form.
        ("left blog", "was in use, auto-assigned port"),
        ("left blog 14:3", "was in use, auto-assigned port"),
        ("promised blog 14:03", "was in use, auto-assigned port"),
        ("promised a%1Bb", "was in use, auto-assigned port"),
        (f"promised {'a' * 64}", "was in use, auto-assigned port"),
        ("used Styxy 1", "was in use, auto-assigned port"),
        ("stolen blog", "was in use, auto-assigned port"),
        ("took vite 5173", "was in use, auto-assigned port"),  # it was we who moved it
        ("", "was in use, auto-assigned port"),
    ],
)
def test_the_notice_says_why(tmp_path: Path, why: str, said: str) -> None:
    free = free_port()
    answer = say(f"{move(free)}\nstyxy/1 why {why}")
    with listener() as taken, FakeDaemon(tmp_path, answer) as daemon:
        done = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], daemon.environment())
    assert done.stdout == f"{free}\n"
    assert done.stderr == f"✓ STYXY: Port {taken} {said} {free}\n"
    assert f"Port {taken} -> {free} (service: api)" in (tmp_path / "reassignments.log").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("\nstyxy/1 also devices%20look%20here", "; devices look here"),
        (f"\nstyxy/1 also {'a' * 96}", ""),
        ("\nstyxy/1 also a%0Ab", ""),
        ("\nstyxy/1 later\nstyxy/1 also x", "; x"),
    ],
)
def test_the_notice_ends_with_what_else_there_is_to_know(
    tmp_path: Path, more: str, said: str
) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free) + more)) as daemon:
        done = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], daemon.environment())
    assert done.stderr == NOTICE.format(taken, free).replace("\n", f"{said}\n")


def test_the_second_answer_for_one_server_is_not_told_again(tmp_path: Path) -> None:
    free = free_port()
    answers = say(move(free), move(free, told="same"))
    with listener("127.0.0.1") as taken, FakeDaemon(tmp_path, answers) as daemon:
        binds = [f"127.0.0.1,{taken},listen", f"::1,{taken},listen"]
        done = run([compiled(BINDER), *binds], daemon.environment())
    assert done.stderr == NOTICE.format(taken, free)
    assert len((tmp_path / "reassignments.log").read_text().splitlines()) == 1


def test_the_log_has_the_line_of_the_product(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free, kind="m%C3%A4rz"))) as daemon:
        bind_each(daemon, f"127.0.0.1,{taken},listen")
        bind_each(daemon, f"127.0.0.1,{taken},listen")
    log = tmp_path / "reassignments.log"
    shape = rf"\[2026-11-21 19:25:22\] PID \d+: Port {taken} -> {free} \(service: märz\)\n"
    assert re.fullmatch(f"({shape}){{2}}", log.read_text())
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_log_may_be_named(tmp_path: Path) -> None:
    log = tmp_path / "moves.log"
    log.write_text("before\n")
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free_port()))) as daemon:
        bind_each(daemon, f"127.0.0.1,{taken},listen", STYXY_REASSIGNMENT_LOG=str(log))
    assert len(log.read_text().splitlines()) == 2
    assert not (tmp_path / "home" / "reassignments.log").exists()


@pytest.mark.parametrize("plant", ["link", "dangling", "fifo", "directory", "read-only"])
def test_what_is_planted_in_place_of_the_log_is_left_alone(tmp_path: Path, plant: str) -> None:
    home, victim, free = tmp_path / "home", tmp_path / "victim", free_port()
    with listener() as taken, FakeDaemon(home, say(move(free))) as daemon:
        log = home / "reassignments.log"
        if plant == "link":
            victim.write_text("")
            log.symlink_to(victim)
        elif plant == "dangling":
            log.symlink_to(victim)
        elif plant == "fifo":
            os.mkfifo(log)
        elif plant == "directory":
            log.mkdir()
        else:
            log = home / "gone" / "reassignments.log"
        env = {"STYXY_REASSIGNMENT_LOG": str(log)}
        assert bind_each(daemon, f"127.0.0.1,{taken},listen", **env) == [str(free)]
    assert not victim.exists() or victim.read_text() == ""


def test_a_reader_that_has_gone_costs_the_host_no_signal(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        sigset_t pending;
        int fd = open("result", O_CREAT | O_WRONLY, 0600);
        int got = serve(port);
        sigpending(&pending);
        dprintf(fd, "%d %d", got, sigismember(&pending, SIGPIPE));
        """
    )
    free = free_port()
    reader, writer = os.pipe()
    os.close(reader)
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        done = subprocess.run(
            [program, str(taken)],
            env=daemon.environment(), cwd=tmp_path, stderr=writer, timeout=30,
            restore_signals=True,
        )  # fmt: skip
    os.close(writer)
    assert done.returncode == 0
    assert (tmp_path / "result").read_text() == f"{free} 0"


def test_a_pending_signal_of_the_hosts_own_stays_pending(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        sigset_t set, pending, mask;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGPIPE);
        int got = serve(port);
        sigpending(&pending);
        sigprocmask(SIG_BLOCK, NULL, &mask);
        printf("%d %d %d %d\n", got, sigismember(&pending, SIGPIPE), sigismember(&mask, SIGPIPE),
               sigismember(&mask, SIGTTOU));
        """
    )
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        assert run([program, str(taken)], daemon.environment()).stdout == f"{free} 1 1 0\n"


def test_a_full_pipe_is_not_waited_for(tmp_path: Path) -> None:
    free = free_port()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = subprocess.run(
            [compiled(BINDER), f"127.0.0.1,{taken},listen"],
            env=daemon.environment(), stdout=subprocess.PIPE, stderr=writer, timeout=30,
        )  # fmt: skip
    os.close(reader)
    os.close(writer)
    assert done.stdout == f"{free}\n".encode()


@needs_seccomp
@pytest.mark.slow
def test_a_pipe_that_somebody_fills_just_before_the_notice_is_not_waited_for(
    tmp_path: Path,
) -> None:
    program = sanitized_host(
        r"""
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stdatomic.h>
        #include <stddef.h>
        #include <sys/ioctl.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>

        static atomic_int listener = -1;

        /* Whenever the other thread is about to write, the pipe fills. */
        static void *fill(void *unused)
        {
            while (atomic_load(&listener) < 0)
                ;
            for (;;) {
                struct seccomp_notif call = {.id = 0};
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
                    continue;
                int filler = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK);
                while (write(filler, "xxxx", 4) > 0)
                    ;
                close(filler);
                struct seccomp_notif_resp go_on = {
                    .id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
                ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
            }
            return unused;
        }
        //main
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog rules = {sizeof filter / sizeof *filter, filter};
        pthread_t filler;
        alarm(20);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        pthread_create(&filler, NULL, fill, NULL);
        listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                           SECCOMP_FILTER_FLAG_NEW_LISTENER, &rules);
        printf("%d\n", serve(port));
        fflush(stdout);
        _exit(listener < 0);
        """,
        "undefined",
    )
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment()
        del env["LD_PRELOAD"]
        with subprocess.Popen(
            [program, str(taken)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as guest:
            assert guest.wait(timeout=30) == 0
            assert guest.stdout is not None
            assert guest.stderr is not None
            assert guest.stdout.read() == f"{free}\n".encode()
            assert set(guest.stderr.read()) == set(b"x")


@pytest.mark.parametrize("notify", ["stdout", "stderr"])
def test_a_stream_that_has_become_a_file_of_the_hosts_gets_nothing(
    tmp_path: Path, notify: str
) -> None:
    program = host(
        r"""
        //main
        int file = open("mine", O_CREAT | O_RDWR, 0600);
        dup2(file, 1);
        dup2(file, 2);
        return serve(port) < 0;
        """
    )
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free_port()))) as daemon:
        env = daemon.environment(STYXY_NOTIFY=notify)
        done = run([program, str(taken)], env, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "mine").read_text() == ""


@pytest.mark.parametrize(("pid", "told"), [("4321", " (PID 4321)"), ("0", "")])
def test_a_singleton_keeps_its_port_and_says_where_it_runs(
    tmp_path: Path, pid: str, told: str
) -> None:
    with listener("::1") as taken, FakeDaemon(tmp_path, say(f"styxy/1 single 11434 ai {pid}")) as d:
        done = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], d.environment())
        quiet = run(
            [compiled(BINDER), f"127.0.0.1,{taken},listen"], d.environment(STYXY_NOTIFY="off")
        )
    line = f"✗ STYXY: Port {taken} stays in use, the one ai service of this machine runs on port"
    assert done.stdout == quiet.stdout == "EADDRINUSE\n"
    assert (done.stderr, quiet.stderr) == (f"{line} 11434{told}\n", "")
