"""The library in the environment of what is executed, where the program could not load it."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from pathlib import Path

import pytest

from tests.native.guest import FakeDaemon, compiled, library, run

NOBODY = 65534

EXEC_AS_NOBODY = r"""
    #include <spawn.h>
    #include <string.h>
    #include <sys/wait.h>
    #include <unistd.h>
    extern char **environ;
    /* each WAY: become nobody, and execute env. */
    int main(int argc, char **argv)
    {
        char *way = argv[1], *words[] = {"env", NULL};
        int child = 0, status = 1;
        if (setgid(65534) != 0 || setuid(65534) != 0)
            return 2;
        if (strcmp(way, "execve") == 0) execve("/usr/bin/env", words, environ);
        if (strcmp(way, "execvp") == 0) execvp("env", words);
        if (strcmp(way, "execl") == 0) execl("/usr/bin/env", "env", NULL);
        if (strcmp(way, "vfork") == 0) {
            if ((child = vfork()) == 0) { execv("/usr/bin/env", words); _exit(1); }
        }
        if (strcmp(way, "posix_spawn") == 0)
            posix_spawn(&child, "/usr/bin/env", NULL, NULL, words, environ);
        if (strcmp(way, "posix_spawnp") == 0)
            posix_spawnp(&child, "env", NULL, NULL, words, environ);
        return child > 0 && waitpid(child, &status, 0) == child ? status : 1;
    }
"""
WAYS = ("execve", "execvp", "execl", "vfork", "posix_spawn", "posix_spawnp")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def own_copy(tmp_path: Path) -> Path:
    """A copy of the library that only its owner can read, as it lies in a home."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return Path(shutil.copy(library(), folder / "libstyxy.so"))


def preloaded(shown: str) -> list[str]:
    """What the environment that a program printed has of LD_PRELOAD."""
    return [line for line in shown.splitlines() if line.startswith("LD_PRELOAD=")]


@needs_root
@pytest.mark.parametrize("way", WAYS)
def test_another_user_is_not_told_of_a_library_that_he_cannot_read(
    tmp_path: Path, way: str
) -> None:
    each = compiled(textwrap.dedent(EXEC_AS_NOBODY))
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=str(own_copy(tmp_path)))
        done = run([each, way], env)
    assert (done.returncode, done.stderr) == (0, "")
    assert preloaded(done.stdout) == []


@needs_root
def test_what_others_preload_stays_and_so_does_the_rest(tmp_path: Path) -> None:
    each = compiled(textwrap.dedent(EXEC_AS_NOBODY))
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=f"libm.so.6 {own_copy(tmp_path)}:libdl.so.2", LAST="1")
        done = run([each, "execve"], env)
    assert (done.returncode, done.stderr) == (0, "")
    assert preloaded(done.stdout) == ["LD_PRELOAD=libm.so.6:libdl.so.2"]
    assert {line.partition("=")[0] for line in done.stdout.splitlines()} == {*env}


@needs_root
@pytest.mark.skipif(shutil.which("su") is None, reason="there is no su here")
def test_a_shell_of_another_user_prints_no_errors(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=str(own_copy(tmp_path)))
        words = ["su", "nobody", "-s", "/bin/sh", "-c", "id -u; sh -c 'env true'"]
        done = run(words, env, cwd=Path("/"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{NOBODY}\n", "")


def test_a_library_that_was_removed_is_no_error_either(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=str(own_copy(tmp_path)))
        code = "import os, sys; os.unlink(sys.argv[1]); os.execvp('env', ['env'])"
        done = run([sys.executable, "-c", code, env["LD_PRELOAD"]], env)
    assert (done.returncode, done.stderr) == (0, "")
    assert preloaded(done.stdout) == []


def test_a_library_that_can_be_read_stays(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=str(own_copy(tmp_path)))
        done = run(["sh", "-c", "env"], env)
    assert (done.stderr, preloaded(done.stdout)) == ("", [f"LD_PRELOAD={env['LD_PRELOAD']}"])
