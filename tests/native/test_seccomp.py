"""What the supervisor reaches: programs that a preload library does not see."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import CLIENT, cookie_of, key_text, port_of, project, server
from tests.native.guest import (
    BINDER,
    GARBLED,
    NOTICE,
    SILENT,
    UNMOVED,
    Behaviour,
    FakeDaemon,
    compiled,
    listener,
    move,
    run,
    say,
    silence,
)
from tests.native.host_programs import host_text
from tests.native.supervised import environment, needs_seccomp, static, under
from tests.native.test_listen import ONE_CLIENT
from tests.scratch import once, scratch

pytestmark = needs_seccomp

GO_PROGRAM = """
package main
%s
import ("fmt"; "net"; "os")
func main() {
    server, err := net.Listen("tcp", os.Args[1])
    if err != nil { fmt.Println(err); os.Exit(1) }
    fmt.Println(server.Addr().(*net.TCPAddr).Port)
}
"""


def assert_is_moved(daemon: FakeDaemon, taken: int, free: int, *words: str | Path) -> None:
    done = run(under(*words), environment(daemon))
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


@pytest.mark.parametrize("sanitize", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_static_program_is_moved_and_its_program_is_the_holder(
    tmp_path: Path, sanitize: bool
) -> None:
    free = free_port()
    words = under(static(BINDER), f"127.0.0.1,{0}", sanitize=sanitize)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words[-1] = f"127.0.0.1,{taken},listen"
        process = subprocess.run(
            words, env=environment(daemon), capture_output=True, text=True, timeout=60
        )
        (question,), (note,) = daemon.questions, daemon.notes()
    assert (process.returncode, process.stdout) == (0, f"{free}\n")
    assert process.stderr == NOTICE.format(taken, free)
    assert question[4] == str(taken)
    assert question[12] == note[13] != str(os.getpid())  # the program's pid, not the supervisor's


def test_a_server_that_frees_no_port_by_itself_is_not_moved_by_its_own_connections(
    tmp_path: Path,
) -> None:
    command = under(static(host_text(ONE_CLIENT)), str(free_port()))
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        lives = [run(command, environment(daemon)).returncode for _ in range(3)]
    assert (lives, daemon.questions) == ([0, 0, 0], [])


def test_a_free_port_asks_nobody(tmp_path: Path) -> None:
    port = free_port()
    with FakeDaemon(tmp_path) as daemon:
        done = run(under(static(BINDER), f"127.0.0.1,{port},listen"), environment(daemon))
    assert (done.stdout, done.stderr, daemon.questions) == (f"{port}\n", "", [])


@pytest.mark.skipif(shutil.which("musl-gcc") is None, reason="there is no musl-gcc here")
@pytest.mark.parametrize("flag", ["-static", "-O1"])
def test_a_musl_program_is_moved(tmp_path: Path, flag: str) -> None:
    free = free_port()
    musl = compiled(BINDER.replace("strerrorname_np", "strerror"), flag, cc="musl-gcc")
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        assert_is_moved(daemon, taken, free, musl, f"127.0.0.1,{taken},listen")


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no go here")
@pytest.mark.parametrize("way", ["static", "cgo"])
def test_a_go_program_is_moved(tmp_path: Path, way: str) -> None:
    text = GO_PROGRAM % ('import "C"' if way == "cgo" else "")
    env = {**os.environ, "CGO_ENABLED": str(int(way == "cgo")), "GO111MODULE": "off"}
    env |= {"GOCACHE": str(scratch() / "go-cache"), "HOME": str(scratch())}

    def build(out: Path) -> None:
        out.mkdir(exist_ok=True)
        (out / "main.go").write_text(text)
        subprocess.run(["go", "build", "-o", "server", "main.go"], cwd=out, env=env, check=True)

    folder = once(scratch() / f"go-{way}", build)
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        assert_is_moved(daemon, taken, free, folder / "server", f"127.0.0.1:{taken}")


def is_static_busybox() -> bool:
    path = shutil.which("busybox")
    if path is None:
        return False
    shown = subprocess.run(["readelf", "-lW", path], capture_output=True, text=True).stdout
    return "INTERP" not in shown


@pytest.mark.skipif(not is_static_busybox(), reason="there is no static busybox here")
def test_a_static_busybox_serves_where_it_was_moved(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = under("busybox", "httpd", "-f", "-p", f"127.0.0.1:{taken}", "-h", str(tmp_path))
        env = environment(daemon)
        with subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert process.stderr.readline() == NOTICE.format(taken, free)
            with socket.create_connection(("127.0.0.1", free)) as client:
                client.sendall(b"GET /nothing HTTP/1.0\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.")
            process.terminate()
    assert process.returncode == -15


def test_the_project_is_that_of_the_programs_own_directory(tmp_path: Path) -> None:
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "package.json").touch()
    deep = tmp_path / "other" / "deep"
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        words = f"cd {deep} && exec {static(BINDER)} 127.0.0.1,{taken}"
        run(under("sh", "-c", words), environment(daemon))
    assert daemon.questions[0][11] == str(tmp_path / "other")


def test_exec_makes_another_server_and_fork_does_not(tmp_path: Path) -> None:
    text = r"""
        #include <arpa/inet.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(int argc, char **argv)
        {
            struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
            name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            for (int i = 0; i < 2; i++) {
                if (fork() == 0)
                    return bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&name, sizeof name) * 0;
                wait(NULL);
            }
            if (argc > 2)
                execl(argv[0], argv[0], argv[1], NULL);
            return 0;
        }
    """
    program = static(textwrap.dedent(text))
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        run(under(program, str(taken), "again"), environment(daemon))
    servers = [question[8] for question in daemon.questions]
    assert servers[0] == servers[1] != servers[2] == servers[3]


@pytest.mark.parametrize("way", ["blocking", "nonblocking", "sendto", "sendmsg"])
def test_a_connection_reaches_the_projects_own_server(tmp_path: Path, way: str) -> None:
    with server() as theirs, server() as ours, FakeDaemon(tmp_path) as daemon:
        asked, port = port_of(theirs), port_of(ours)
        daemon.entries.move(asked, port, project=key_text(daemon, "mine"), cookie4=cookie_of(ours))
        mine = {"STYXY_PROJECT": project(daemon, "mine")}
        words = under(static(CLIENT), way, "127.0.0.1", str(asked))
        assert run(words, environment(daemon, **mine)).stdout == f"127.0.0.1 {port}\n"
        others = {"STYXY_PROJECT": project(daemon, "other")}
        assert run(words, environment(daemon, **others)).stdout == f"127.0.0.1 {asked}\n"


@pytest.mark.parametrize(
    ("behaviour", "why"), [(silence, SILENT), (say("nonsense"), GARBLED)], ids=["silent", "mad"]
)
def test_a_sick_daemon_leaves_the_programs_own_result(
    tmp_path: Path, behaviour: Behaviour, why: str
) -> None:
    with listener() as taken, FakeDaemon(tmp_path, behaviour) as daemon:
        done = run(under(static(BINDER), f"127.0.0.1,{taken}"), environment(daemon))
    assert (done.returncode, done.stdout) == (0, "EADDRINUSE\n")
    assert done.stderr == UNMOVED.format(taken, why)


def test_a_program_that_is_switched_off_is_left_alone(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        env = environment(daemon, STYXY_DISABLE_REASSIGN="1")
        done = run(under(static(BINDER), f"127.0.0.1,{taken}"), env)
    assert (done.stdout, daemon.questions) == ("EADDRINUSE\n", [])


def test_what_the_library_does_is_not_done_twice(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run(under(compiled(BINDER), f"127.0.0.1,{taken},listen"), daemon.environment())
        assert len(daemon.questions) == len(daemon.notes()) == 1
    assert (done.stdout, done.stderr) == (f"{free}\n", NOTICE.format(taken, free))
    assert len(daemon.questions[0]) == 12  # the library asked, for itself
