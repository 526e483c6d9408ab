"""A program and its shell notice nothing of a supervisor, even when it is killed."""

from __future__ import annotations

import errno
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import CLIENT, cookie_of, key_text, port_of, project, server
from tests.native.guest import BINDER, FakeDaemon, compiled, listener, move, run, say
from tests.native.supervised import (
    environment,
    is_alive,
    needs_seccomp,
    static,
    supervisor,
    under,
    wait_until,
)

pytestmark = needs_seccomp


@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_the_exit_status_is_the_programs(status: int) -> None:
    assert subprocess.run(under("sh", "-c", f"exit {status}")).returncode == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_program_that_a_signal_kills_is_seen_to_be(number: signal.Signals) -> None:
    assert subprocess.run(under("sh", "-c", f"kill -{int(number)} $$")).returncode == -number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_reaches_the_program(number: signal.Signals) -> None:
    trap = f"trap 'echo got; exit 3' {int(number)}; echo ready; while :; do sleep 0.01; done"
    with subprocess.Popen(under("sh", "-c", trap), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "got\n"
    assert process.returncode == 3


def test_killed_for_good_it_takes_the_program_along() -> None:
    with subprocess.Popen(under("sh", "-c", "echo $$; read x"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:  # fmt: skip
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        wait_until(lambda: not is_alive(pid))
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["/nowhere", "no-such-program", "/etc/passwd"])
def test_what_cannot_be_run_is_said_as_a_shell_says_it(name: str) -> None:
    done = subprocess.run(under(name), capture_output=True, text=True)
    assert done.returncode == (126 if name == "/etc/passwd" else 127)
    assert done.stderr.startswith(f"styxy: {name}: ")
    assert done.stderr.count("\n") == 1


def test_the_program_finds_signals_streams_and_descriptors_as_they_were() -> None:
    code = r"""
import os, signal
print(sorted(os.listdir("/proc/self/fd")), open("/proc/self/status").read().split("SigBlk")[1]
      .split("SigCgt")[0], os.getpgrp() == os.getpgid(os.getppid()), os.environ)
    """
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    ours = subprocess.run(under(sys.executable, "-c", code), capture_output=True, text=True)
    group = ours.stdout.replace(" False environ", " True environ")
    assert group == plain.stdout.replace(" False environ", " True environ")
    assert ours.stderr == ""


def test_a_pipe_ends_when_the_program_closes_it() -> None:
    words = under("sh", "-c", "exec >&-; read x")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.read() == b""  # although the program lives
        process.stdin.close()


def test_orphans_are_reaped_and_outlive_the_program_under_supervision(tmp_path: Path) -> None:
    free = free_port()
    go = tmp_path / "go"
    os.mkfifo(go)
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        late = f"(read x < {go}; exec {static(BINDER)} 127.0.0.1,{taken},listen > {tmp_path}/out)"
        done = run(under("sh", "-c", f"{late} </dev/null >/dev/null 2>&1 & exit 5"),
                   environment(daemon))  # fmt: skip
        assert done.returncode == 5
        go.write_text("now\n")
        out = tmp_path / "out"
        wait_until(lambda: out.exists() and out.read_text() == f"{free}\n")


def connecting_to(port: int) -> set[str]:
    """The local addresses of sockets whose SYN to a port of IPv4 is not answered (proc(5))."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return {line[1] for line in lines if line[2].endswith(f":{port:04X}") and line[3] == "02"}


def test_a_blocking_connect_to_a_full_server_stalls_nobody(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon, socket.socket() as full, server() as theirs:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        asked, port = port_of(theirs), port_of(full)
        waiting = [socket.create_connection(("127.0.0.1", port))]
        for _ in range(3):  # until the queue is full
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        daemon.entries.move(asked, port, project=key_text(daemon, "mine"), cookie4=cookie_of(full))
        env = environment(daemon, STYXY_PROJECT=project(daemon, "mine"))
        client, binder, free = static(CLIENT), static(BINDER), free_port()
        connect, bind = f"{client} blocking 127.0.0.1 {asked}", f"{binder} 127.0.0.1,{free}"
        pipe, whole = subprocess.PIPE, under("sh", "-c", f"{connect} & read go; {bind} >&2; wait")
        before = connecting_to(port)
        with subprocess.Popen(
            whole, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            wait_until(lambda: connecting_to(port) - before)
            process.stdin.write("go\n")
            process.stdin.flush()
            assert process.stderr.readline() == f"{free}\n"
            full.close()  # the kernel, which waits for the client, is told at the next attempt
            assert process.stdout.read() == "ECONNREFUSED\n"
        for each in waiting:
            each.close()


def test_the_terminal_stops_and_continues_program_and_front() -> None:
    """What a shell with job control sees: ^Z stops, SIGCONT goes on, ^C ends."""
    code = textwrap.dedent(
        """
        import signal
        # Python's own handler would be lost on a read that begins right after it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print("ready", flush=True)
        print("got", input(), flush=True)
        input()
        """
    )
    pid, terminal = pty.fork()
    if pid == 0:
        words = [str(word) for word in under(sys.executable, "-c", code)]
        # A session leader's own group is orphaned and cannot be stopped: a child is the job.
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, os.getpgrp())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.execv(words[0], words)
        _, status = os.waitpid(job, os.WUNTRACED)
        os.write(1, b"stopped %d\n" % os.WSTOPSIG(status) if os.WIFSTOPPED(status) else b"no\n")
        os.kill(-job, signal.SIGCONT)
        _, status = os.waitpid(job, 0)
        os.write(1, b"killed %d\n" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else b"no\n")
        os._exit(0)
    with os.fdopen(terminal, "r+b", buffering=0) as line:
        wait_for(line, b"ready")
        line.write(b"\x1a")
        wait_for(line, b"stopped %d" % signal.SIGTSTP)
        line.write(b"hello\n")
        wait_for(line, b"got hello")
        line.write(b"\x03")
        wait_for(line, b"killed %d" % signal.SIGINT)
    os.waitpid(pid, 0)


def wait_for(line: object, text: bytes) -> None:
    seen = b""
    while text not in seen:
        seen += line.read(1024)  # type: ignore[attr-defined]  # a terminal, opened raw


def test_a_program_that_cannot_be_read_is_let_through(tmp_path: Path) -> None:
    text = r"""
        #include <arpa/inet.h>
        #include <errno.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/prctl.h>
        #include <sys/socket.h>
        #include <unistd.h>
        int main(int argc, char **argv)
        {
            struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
            name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (setuid(65534) != 0 && getuid() == 0)
                return 1;
            prctl(PR_SET_DUMPABLE, 0);
            printf("%d\n", bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&name, sizeof name) == 0);
            return 0;
        }
    """
    program = static(textwrap.dedent(text))
    with FakeDaemon(tmp_path) as daemon:
        assert run(under(program, str(free_port())), environment(daemon)).stdout == "1\n"


def where_the_kernel_forbids(call: str) -> list[str | Path]:
    """Have a system call fail as under Yama's ptrace_scope 2, which a test cannot switch on."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error=EPERM"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace here")
@pytest.mark.parametrize("call", ["process_vm_readv", "pidfd_getfd"])
def test_where_a_child_cannot_be_read_the_trial_says_so_and_programs_run_as_without(
    tmp_path: Path, call: str
) -> None:
    forbidden = where_the_kernel_forbids(call)
    trial = subprocess.run([*forbidden, supervisor(), "probe"], timeout=60)
    assert trial.returncode == errno.EPERM
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        words = [*forbidden, *under(static(BINDER), f"127.0.0.1,{taken}")]
        done = run(words, environment(daemon))
    assert (done.returncode, done.stdout, daemon.questions) == (0, "EADDRINUSE\n", [])


def test_a_bind_between_a_crowd_of_threads_and_signals_happens_once(tmp_path: Path) -> None:
    """A signal with a handler must not make the kernel repeat a bind that was performed."""
    text = r"""
        #include <arpa/inet.h>
        #include <errno.h>
        #include <signal.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/socket.h>
        #include <sys/time.h>
        #include <unistd.h>
        static void on_alarm(int number) { (void)number; }
        int main(void)
        {
            struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
            struct itimerval often = {{0, 50}, {0, 50}};
            sigaction(SIGALRM, &action, NULL);
            setitimer(ITIMER_REAL, &often, NULL);
            for (int i = 0; i < 2000; i++) {
                struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(%d)};
                name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                int fd = socket(AF_INET, SOCK_STREAM, 0);
                if (bind(fd, (void *)&name, sizeof name) != 0)
                    return printf("%%s\n", strerror(errno)), 1;
                close(fd);
            }
            return 0;
        }
    """
    program = static(textwrap.dedent(text) % free_port())
    with FakeDaemon(tmp_path) as daemon:
        done = run(under(program), environment(daemon))
    assert (done.returncode, done.stdout) == (0, "")


def test_dynamic_programs_are_served_as_well(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = environment(daemon, STYXY_NOTIFY="off")
        done = run(under(compiled(BINDER), f"::1,{taken}", f"127.0.0.1,{taken}"), env)
    assert done.stdout.split()[-1] == str(free)
