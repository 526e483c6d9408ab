"""Static programs that a preloaded program executes: they get a supervisor and keep their pid."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import textwrap
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import BINDER, NOTICE, FakeDaemon, compiled, listener, move, run, say
from tests.native.supervised import library_beside, needs_seccomp, static, supervisor, under

pytestmark = needs_seccomp

EXEC_EACH_WAY = r"""
    #include <spawn.h>
    #include <string.h>
    #include <sys/wait.h>
    #include <unistd.h>
    extern char **environ;
    /* each WAY PROGRAM NAME ARGUMENT: execute PROGRAM, which PATH has as NAME. */
    int main(int argc, char **argv)
    {
        char *way = argv[1], *path = argv[2], *name = argv[3];
        char **words = argv + 3;
        pid_t child = 0;
        if (strcmp(way, "execve") == 0) execve(path, words, environ);
        if (strcmp(way, "execv") == 0) execv(path, words);
        if (strcmp(way, "execvp") == 0) execvp(name, words);
        if (strcmp(way, "execvpe") == 0) execvpe(name, words, environ);
        if (strcmp(way, "execl") == 0) execl(path, name, argv[4], NULL);
        if (strcmp(way, "execlp") == 0) execlp(name, name, argv[4], NULL);
        if (strcmp(way, "execle") == 0) execle(path, name, argv[4], NULL, environ);
        if (strcmp(way, "vfork") == 0) {
            if ((child = vfork()) == 0) { execv(path, words); _exit(1); }
        }
        if (strcmp(way, "posix_spawn") == 0) posix_spawn(&child, path, NULL, NULL, words, environ);
        if (strcmp(way, "posix_spawnp") == 0)
            posix_spawnp(&child, name, NULL, NULL, words, environ);
        int status = 1;
        return child > 0 && waitpid(child, &status, 0) == child ? status : 1;
    }
"""
WAYS = (
    "execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "vfork", "posix_spawn",
    "posix_spawnp",
)  # fmt: skip


def environment(daemon: FakeDaemon, **more: str) -> dict[str, str]:
    return daemon.environment(LD_PRELOAD=str(library_beside()), STYXY_STATIC="supervise") | more


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_executing_brings_a_supervisor(tmp_path: Path, way: str) -> None:
    free, program = free_port(), static(BINDER)
    each = compiled(textwrap.dedent(EXEC_EACH_WAY))
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = environment(daemon, PATH=f"/nowhere:{program.parent}:{os.environ['PATH']}")
        done = run([each, way, program, program.name, f"127.0.0.1,{taken},listen"], env)
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


@pytest.mark.parametrize("way", WAYS)
def test_a_relative_path_counts_like_an_absolute_one(tmp_path: Path, way: str) -> None:
    free, program = free_port(), static(BINDER)
    each = compiled(textwrap.dedent(EXEC_EACH_WAY))
    relative = f"./{program.name}"
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = [str(each), way, relative, relative, f"127.0.0.1,{taken},listen"]
        done = run(words, environment(daemon), cwd=program.parent)
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


def test_a_relative_path_counts_from_where_a_spawn_leads(tmp_path: Path) -> None:
    each = compiled(
        textwrap.dedent(r"""
        #include <spawn.h>
        #include <sys/wait.h>
        extern char **environ;
        /* spawn DIRECTORY PROGRAM ARGUMENT: spawn PROGRAM, as it is called in DIRECTORY. */
        int main(int argc, char **argv)
        {
            posix_spawn_file_actions_t actions;
            int child, status = 1;
            posix_spawn_file_actions_init(&actions);
            posix_spawn_file_actions_addchdir_np(&actions, argv[1]);
            if (posix_spawn(&child, argv[2], &actions, NULL, argv + 2, environ) == 0)
                waitpid(child, &status, 0);
            return status;
        }
        """)
    )
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "server").symlink_to(static(BINDER))
    (here / "server").unlink()
    (here / "server").symlink_to(static("int main(void) { return 9; }"))
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        words = [str(each), str(there), "./server", f"127.0.0.1,{taken},listen"]
        done = run(words, environment(daemon), cwd=here)
    assert (done.returncode, done.stdout) == (0, f"{free}\n")


RECIPES = {
    "a path": "./bin/server {}",
    "a path and a word for the shell": "true && ./bin/server {}",
    "a quiet path": "@./bin/server {}",
    "a path in a directory": "cd bin && ./server {}",
}


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_static_server_that_make_starts_is_reached(tmp_path: Path, recipe: str) -> None:
    free = free_port()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "server").symlink_to(static(BINDER))
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        line = RECIPES[recipe].format(f"127.0.0.1,{taken},listen")
        (tmp_path / "Makefile").write_text(f"run:\n\t{line}\n")
        done = run(["make", "-s", "run"], environment(daemon), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


def test_a_static_server_that_python_spawns_by_a_relative_path_is_reached(tmp_path: Path) -> None:
    free, program = free_port(), static(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = ["server", f"127.0.0.1,{taken},listen"]
        code = (
            f"import os; pid = os.posix_spawn('./{program.name}', {words}, os.environ);"
            "os.waitpid(pid, 0)"
        )
        done = run([sys.executable, "-c", code], environment(daemon), cwd=program.parent)
    assert (done.stdout, done.stderr) == (f"{free}\n", NOTICE.format(taken, free))


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_gets_the_exit_status_and_the_pid_that_it_knows(tmp_path: Path, shell: str) -> None:
    text = r"""
        #include <stdio.h>
        #include <unistd.h>
        int main(int argc, char **argv) { printf("%d %s\n", getpid(), argv[1]); return 7; }
    """
    program = static(textwrap.dedent(text))
    with FakeDaemon(tmp_path) as daemon:
        words = f"{program} 'a  b' & echo $!; wait $!; echo $?"
        done = run([shell, "-c", words], environment(daemon))
    shown = set(done.stdout.splitlines())
    (pid,) = (line.split()[0] for line in shown if line.endswith("a  b"))
    assert shown == {"7", pid, f"{pid} a  b"}


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_cleared_environment_is_no_way_out(tmp_path: Path, kind: str) -> None:
    free = free_port()
    program = static(BINDER) if kind == "static" else compiled(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run(["env", "-i", program, f"127.0.0.1,{taken},listen"], environment(daemon))
    assert (done.stdout, done.stderr) == (f"{free}\n", NOTICE.format(taken, free))


def test_a_script_of_a_static_interpreter_is_reached(tmp_path: Path) -> None:
    free, program = free_port(), static(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        script = tmp_path / "script"
        script.write_text(f"#!{program} 127.0.0.1,{taken},listen\n")
        script.chmod(0o755)
        done = run(["sh", "-c", f"{script}"], environment(daemon))
    assert NOTICE.format(taken, free) in done.stderr  # and then trips over the script's name


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_a_static_child_of_node_is_reached(tmp_path: Path) -> None:
    free, program = free_port(), static(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        code = (
            f'const {{status, stdout}} = require("child_process").spawnSync("{program}", '
            f'["127.0.0.1,{taken},listen"]); console.log(status, String(stdout).trim())'
        )
        done = run(["node", "-e", code], environment(daemon))
    assert done.stdout == f"0 {free}\n"


@pytest.mark.skipif(shutil.which("gdb") is None, reason="there is no gdb here")
def test_a_debugger_stops_in_its_static_program(tmp_path: Path) -> None:
    program = static("int main(void) { return 7; }")
    with FakeDaemon(tmp_path) as daemon:
        words = ["gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "break main"]
        done = run([*words, "-ex", "run", "-ex", "continue", program], environment(daemon))
    assert "Breakpoint 1, main ()" in done.stdout, done.stdout + done.stderr
    assert "exited with code 07" in done.stdout


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace here")
def test_a_static_program_is_reached_under_strace(tmp_path: Path) -> None:
    free, program = free_port(), static(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = ["strace", "-f", "-qq", "-o", "/dev/null", "sh", "-c"]
        done = run([*words, f"{program} 127.0.0.1,{taken},listen; true"], environment(daemon))
    assert (done.stdout, done.stderr) == (f"{free}\n", NOTICE.format(taken, free))


@pytest.mark.parametrize("change", ["leave", "disabled", "no supervisor"])
def test_whoever_says_no_gets_none(tmp_path: Path, change: str) -> None:
    program = static(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        env = environment(daemon)
        if change == "leave":
            env["STYXY_STATIC"] = "leave"
        if change == "disabled":
            env["STYXY_DISABLE_REASSIGN"] = "1"
        if change == "no supervisor":
            shutil.copy(library_beside(), tmp_path / "libstyxy.so")
            env["LD_PRELOAD"] = str(tmp_path / "libstyxy.so")
        done = run(["sh", "-c", f"{program} 127.0.0.1,{taken}; true"], env)
    assert (done.stdout, daemon.questions) == ("EADDRINUSE\n", [])


@pytest.mark.parametrize("name", ["/nowhere/at/all", "/etc/passwd", "/tmp", ""])
def test_what_cannot_be_executed_fails_as_it_always_did(tmp_path: Path, name: str) -> None:
    code = f"""
import os
try:
    os.execv({name!r}, ["x"])
except OSError as error:
    print(error.errno)
    """
    with FakeDaemon(tmp_path) as daemon:
        ours = run([sys.executable, "-c", code], environment(daemon))
        plain = run([sys.executable, "-c", code], {})
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, "")


def test_below_a_supervisor_there_is_no_second_one(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = f"{static(BINDER)} 127.0.0.1,{taken},listen; echo $?"
        done = run(under("sh", "-c", words), environment(daemon))
    assert (done.stdout, done.stderr) == (f"{free}\n0\n", NOTICE.format(taken, free))


def test_the_supervisor_itself_gets_none_from_a_shell_that_has_the_library(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        words = ["sh", "-c", f"'{supervisor()}' probe; echo $?"]
        done = run(words, environment(daemon))
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_program_has_no_child_and_no_descriptor_of_ours(tmp_path: Path) -> None:
    text = r"""
        #include <errno.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <sys/wait.h>
        int main(void)
        {
            int open = 0;
            for (int fd = 0; fd < 256; fd++)
                open += fcntl(fd, F_GETFD) >= 0;
            printf("%d %d\n", open, wait(NULL) < 0 && errno == ECHILD);
            return 0;
        }
    """
    program = static(textwrap.dedent(text))
    with FakeDaemon(tmp_path) as daemon:
        assert run(["env", program], environment(daemon)).stdout == "3 1\n"


def test_a_pipe_ends_with_the_program_that_wrote_it(tmp_path: Path) -> None:
    """The supervisor of a daemon that lives on holds nothing open."""
    text = r"""
        #include <arpa/inet.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <unistd.h>
        int main(int argc, char **argv)
        {
            struct sockaddr_in to = {.sin_family = AF_INET};
            to.sin_port = htons(atoi(argv[argc - 1]));
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            int link = socket(AF_INET, SOCK_STREAM, 0);
            char byte;
            if (fork() != 0)
                return 0;
            setsid();
            close(0); close(1); close(2);
            return connect(link, (void *)&to, sizeof to) != 0 || read(link, &byte, 1) != 0;
        }
    """
    with FakeDaemon(tmp_path) as daemon, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run(["env", static(textwrap.dedent(text)), str(port)], environment(daemon))
        assert done.returncode == 0  # run has read both pipes to their end
        link, _ = listener.accept()
        link.close()
