"""What the library offers to programs and asks of their libc."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from native.build import (
    DARWIN_SOURCES,
    EXPORTS,
    HERE,
    HOOK_SOURCES,
    IN_EVERY_LIBC,
    MARKS,
    SOURCES,
    SUPERVISOR_SOURCES,
)
from tests.fakes import free_port
from tests.native.clients import CLIENT, cookie_of, git_project, key_text, port_of, server
from tests.native.guest import (
    BINDER,
    NOTICE,
    FakeDaemon,
    compiled,
    library,
    listener,
    move,
    receiver,
    run,
    say,
)
from tests.native.supervised import library_beside, needs_seccomp, static


def symbols(path: Path) -> list[list[str]]:
    """The dynamic symbols as (type, name), versions cut off."""
    shown = subprocess.run(["nm", "-D", path], check=True, capture_output=True, text=True).stdout
    return [[*line.split()[-2:-1], line.split()[-1].partition("@")[0]] for line in
            shown.splitlines()]  # fmt: skip


def test_the_library_exports_the_intercepted_calls_and_its_marks() -> None:
    exported = sorted(name for kind, name in symbols(library()) if kind not in "Uw")
    assert exported == sorted(EXPORTS)
    assert {"bind", "listen", "connect", "execve", *MARKS} <= {*exported}


def test_the_library_needs_only_what_every_libc_has() -> None:
    needed = {name for kind, name in symbols(library()) if kind == "U"}
    assert needed <= IN_EVERY_LIBC


def test_the_library_needs_no_newer_version_of_glibc() -> None:
    """A program that brings an older one does not start if a preloaded library needs more."""
    shown = subprocess.run(
        ["readelf", "-VdW", library()], check=True, capture_output=True, text=True
    ).stdout
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", shown)}
    assert versions
    assert max(versions) <= (2, 17)
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", shown) == ["libc.so.6"]


def test_the_library_has_no_thread_local_storage_and_no_executable_stack() -> None:
    headers = subprocess.run(
        ["readelf", "-lW", library()], check=True, capture_output=True, text=True
    ).stdout
    assert " TLS " not in headers
    assert "RWE" not in headers


def mappings(text: str, name: str) -> list[str]:
    """The lines of /proc/PID/maps that name a file."""
    return [line for line in text.splitlines() if name in line]


def test_a_program_that_binds_nothing_pays_for_two_mappings_and_few_written_pages(
    tmp_path: Path,
) -> None:
    with FakeDaemon(tmp_path) as daemon:
        done = run(["cat", "/proc/self/maps"], daemon.environment())
    assert [line.split()[1] for line in mappings(done.stdout, "libstyxy")] == ["r-xp", "rw-p"]
    assert mappings(done.stdout, "/dev/zero") == []
    addresses = {words[2]: int(words[0], 16) for words in symbols_with_addresses()}
    texts = addresses["this"] + 1024
    assert addresses["_DYNAMIC"] < addresses["next"] < texts < addresses["_DYNAMIC"] + 4096


def symbols_with_addresses() -> list[list[str]]:
    """All symbols that have a place, as (address, type, name)."""
    shown = subprocess.run(["nm", library()], check=True, capture_output=True, text=True).stdout
    return [words for line in shown.splitlines() if len(words := line.split()) == 3]


def test_what_forked_processes_share_is_mapped_before_the_first_fork(tmp_path: Path) -> None:
    code = """
        import os
        def shared():
            with open("/proc/self/maps") as maps:
                return sum("/dev/zero" in line and " rw-s " in line for line in maps)
        before = shared()
        for _ in range(2):
            child = os.fork()
            if child == 0:
                os._exit(shared())
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        print(before, shared())
    """
    with FakeDaemon(tmp_path) as daemon:
        done = run([sys.executable, "-c", textwrap.dedent(code)], daemon.environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 1\n", "")


def test_the_build_compiles_every_source() -> None:
    named = {*SOURCES, *SUPERVISOR_SOURCES, *HOOK_SOURCES, *DARWIN_SOURCES}
    assert named == {str(path.relative_to(HERE)) for path in HERE.rglob("*.c")}


@pytest.mark.skipif(shutil.which("musl-gcc") is None, reason="there is no musl-gcc here")
def test_a_musl_program_starts_with_the_library_and_is_moved(tmp_path: Path) -> None:
    free = free_port()
    musl = compiled(BINDER.replace("strerrorname_np", "strerror"), cc="musl-gcc")
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run([musl, f"127.0.0.1,{taken},listen"], daemon.environment())
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


OLD_GLIBC = Path(__file__).parents[2] / ".cache" / "programs" / "glibc-2.31"


def with_old_glibc(text: str) -> Path:
    """A program that brings glibc 2.31, as those from Nix, AppImage or Steam bring theirs."""
    loaders = list(OLD_GLIBC.glob("lib/*/ld-2.31.so"))
    if not loaders:
        pytest.skip("glibc 2.31 is not here; try: make programs")
    parts = OLD_GLIBC / "usr" / loaders[0].parent.relative_to(OLD_GLIBC)
    flags = [
        f"--sysroot={OLD_GLIBC}", f"-B{parts}", f"-L{parts}",
        f"-Wl,--dynamic-linker={loaders[0]}", f"-Wl,-rpath,{loaders[0].parent}",
    ]  # fmt: skip
    return compiled(text.replace("strerrorname_np", "strerror"), *flags)


def test_a_program_with_an_older_glibc_starts_with_the_library_and_is_moved(tmp_path: Path) -> None:
    free, old = free_port(), with_old_glibc(BINDER)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run([old, f"127.0.0.1,{taken},listen"], daemon.environment())
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


@needs_seccomp
@pytest.mark.parametrize("way", ["posix_spawn", "execv"])
def test_a_program_with_an_older_glibc_starts_static_ones(tmp_path: Path, way: str) -> None:
    each = """
        #include <spawn.h>
        #include <string.h>
        #include <sys/wait.h>
        #include <unistd.h>
        extern char **environ;
        int main(int argc, char **argv)
        {
            int child, status = 1;
            if (strcmp(argv[1], "execv") == 0)
                execv(argv[2], argv + 2);
            else if (posix_spawn(&child, argv[2], NULL, NULL, argv + 2, environ) == 0)
                waitpid(child, &status, 0);
            return status;
        }
    """
    free, old = free_port(), with_old_glibc(each)
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment(LD_PRELOAD=str(library_beside()), STYXY_STATIC="supervise")
        done = run([str(old), way, str(static(BINDER)), f"127.0.0.1,{taken},listen"], env)
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


needs_valgrind = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="there is no valgrind here"
)


def assert_is_clean_under_valgrind(env: dict[str, str], *programs: list[str | Path]) -> None:
    """Find no fault, and no line of valgrind's own, either."""
    command = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--track-fds=no"]
    for words in programs:
        done = run([*command, *words], env)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"^(--|==)\d+", done.stderr, re.MULTILINE), done.stderr


PADDING = r"""
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>
/* The padding of its address was never written. Then another program. */
int main(int argc, char **argv)
{
    struct sockaddr_in *name = malloc(sizeof *name);
    name->sin_family = AF_INET;
    name->sin_port = htons(atoi(argv[1]));
    name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (void *)name, sizeof *name) != 0 || listen(fd, 1) != 0 ||
        connect(client, (void *)name, sizeof *name) != 0)
        return 1;
    free(name);
    return execl("/bin/true", "true", NULL);
}
"""


@needs_valgrind
@pytest.mark.parametrize("tool", ["memcheck", "none"])
def test_valgrind_has_nothing_to_say(tmp_path: Path, tool: str) -> None:
    with FakeDaemon(tmp_path) as daemon:
        words = ["valgrind", "-q", f"--tool={tool}", str(compiled(PADDING)), str(free_port())]
        done = run(words, daemon.environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_valgrind
@pytest.mark.slow
def test_valgrind_finds_nothing(tmp_path: Path) -> None:
    free = free_port()
    with server() as taken, server() as own, FakeDaemon(tmp_path, say(move(free))) as daemon:
        asked = port_of(taken)
        path = git_project(daemon, "mine", "../upstream")
        daemon.entries.move(
            asked, port_of(own), project=key_text(daemon, "mine"), cookie4=cookie_of(own)
        )
        assert_is_clean_under_valgrind(
            daemon.environment(STYXY_NOTIFY="off", STYXY_PROJECT=str(path)),
            [compiled(BINDER), f"127.0.0.1,{asked},listen", f"::1,{asked}"],
            [compiled(BINDER), f"127.0.0.1,{asked},reuseport,listen"],
            [compiled(CLIENT), "blocking", "127.0.0.1", str(asked)],
            [compiled(CLIENT), "sendmsg", "127.0.0.1", str(asked)],
        )


@needs_valgrind
@pytest.mark.slow
def test_valgrind_finds_nothing_in_udp_moved_or_shared(tmp_path: Path) -> None:
    free, promised = free_port(), free_port()
    with receiver() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        path = git_project(daemon, "mine", "../upstream")
        assert_is_clean_under_valgrind(
            daemon.environment(STYXY_PROJECT=str(path), UDP="1"),
            [compiled(BINDER), f"127.0.0.1,{taken}", f"::1,{taken}"],
            [compiled(BINDER), f"127.0.0.1,{promised}"],
            [compiled(BINDER), f"127.0.0.1,{promised},reuse", f"127.0.0.1,{taken},reuseport"],
            [compiled(BINDER), f"127.0.0.1,{promised},group", f"::1,{promised},group"],
        )
        reasons = [question[6] for question in daemon.questions]
        told = [note[4] for note in daemon.notes()]
    assert reasons == ["inuse", "placed", "promised"]
    assert told == [str(free)] * 3 + [str(promised)] * 3
