"""Programs that live in narrow places: limits, full disks, chroots, other rights.

What Styxy cannot do there it leaves undone, and the program has its own result.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import cookie_of, key_text, port_of, project, server
from tests.native.guest import (
    BINDER,
    NOTICE,
    FakeDaemon,
    compiled,
    library,
    listener,
    move,
    run,
    say,
)
from tests.native.host_programs import host

only_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root may do this"
)

SMALL_FILES = r"""
    //main
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_FSIZE, &limit);
    if (atoi(argv[1]) == 1) {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGXFSZ);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
    }
    int got = serve(port);
    sigset_t pending;
    sigpending(&pending);
    dprintf(atoi(argv[2]), "%d %d", got, sigismember(&pending, SIGXFSZ));
"""


@pytest.mark.parametrize("blocked", ["0", "1"])
def test_a_limit_on_file_sizes_costs_the_host_no_signal(tmp_path: Path, blocked: str) -> None:
    """Both the notice, where the stream is a file, and the log are too large for it."""
    free, (reading, writing) = free_port(), os.pipe()
    words = [str(host(SMALL_FILES)), blocked, str(writing)]
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        with (tmp_path / "out").open("wb") as out:
            done = subprocess.run(
                [*words, str(taken)], env=daemon.environment(), stderr=out, pass_fds=[writing]
            )
    os.close(writing)
    with open(reading) as lines:
        assert (done.returncode, lines.read()) == (0, f"{free} 0")


CLOSES_ALL = r"""
    //main
    /* As daemons do, before, between and after. */
    int got[4];
    closefrom(3);
    got[0] = try_bind(port);
    closefrom(3);
    got[1] = serve(port);
    closefrom(3);
    got[2] = try_bind(port);
    if (fork() != 0)
        return wait(got) < 0 || got[0] != 0;
    closefrom(3);
    got[3] = try_bind(port);
    printf("%d %d %d %d", got[0], got[1], got[2], got[3]);
"""


def test_a_program_may_close_all_descriptors_at_any_time(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run([host(CLOSES_ALL), str(taken)], daemon.environment(STYXY_NOTIFY="off"))
    assert (done.returncode, done.stdout, done.stderr) == (0, " ".join([str(free)] * 4), "")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="styxy-open-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@only_root
def test_a_setuid_program_runs_without_a_word(tmp_path: Path, open_folder: Path) -> None:
    program = shutil.copy(
        host(
            r"""
            //main
            printf("%d %d %d", getuid() != 0, geteuid(), try_bind(port));
            """
        ),
        open_folder / "program",
    )
    os.chmod(program, 0o4755)
    preload = shutil.copy(library(), open_folder)
    as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups", program]
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        env = daemon.environment(LD_PRELOAD=str(preload))
        done = run([*as_nobody, str(taken)], env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 0 -98", "")


@only_root
def test_in_a_chroot_styxy_is_absent(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        struct sockaddr_in name = at(port);
        socklen_t length = sizeof name;
        if (chroot(argv[1]) != 0 || chdir("/") != 0)
            return 1;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int reached = connect(fd, (void *)&name, length);
        getpeername(fd, (void *)&name, &length);
        printf("%d %d %d %d", serve(port), serve(0) > 0, reached, ntohs(name.sin_port) == port);
        """
    )
    (tmp_path / "root").mkdir()
    with (
        server() as taken,
        server() as own,
        FakeDaemon(tmp_path / "home", say(move(free_port()))) as daemon,
    ):
        mine = key_text(daemon, "mine")
        daemon.entries.move(port_of(taken), port_of(own), project=mine, cookie4=cookie_of(own))
        env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"))
        done = run([program, tmp_path / "root", str(port_of(taken))], env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "-98 1 0 1", "")


@only_root
@pytest.mark.parametrize("flags", [["-p", "-f"], ["-p", "-f", "--mount-proc"]], ids=" ".join)
def test_in_another_process_namespace_a_bind_is_moved(tmp_path: Path, flags: list[str]) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = ["unshare", *flags, str(compiled(BINDER)), f"127.0.0.1,{taken},listen"]
        done = run(words, daemon.environment())
        assert len(daemon.notes()) == 1
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{free}\n",
        NOTICE.format(taken, free),
    )


def in_own_mounts(script: str, *words: str | Path) -> list[str | Path]:
    """The command that runs `words` after a script that mounts something for them alone."""
    return ["unshare", "-m", "sh", "-c", f'{script}; exec "$@"', "sh", *words]


@only_root
@pytest.mark.parametrize(
    "script",
    [
        "mount --bind {home} {home}; mount -o remount,bind,ro {home}",
        "mount -t tmpfs -o nr_inodes=2 none {log}; touch {log}/own",
        "mount -t tmpfs -o size=4k none {log}; cat /dev/zero >{log}/reassignments.log",
    ],
    ids=["a read-only home", "no inode", "no block"],
)
def test_a_log_that_cannot_be_written_costs_the_host_nothing(tmp_path: Path, script: str) -> None:
    free, logs = free_port(), tmp_path / "logs"
    logs.mkdir()
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        env = daemon.environment()
        if "{log}" in script:
            env["STYXY_REASSIGNMENT_LOG"] = str(logs / "reassignments.log")
        mount = "{ " + script.format(home=daemon.home, log=logs) + "; } 2>/dev/null"
        done = run(in_own_mounts(mount, compiled(BINDER), f"127.0.0.1,{taken},listen"), env)
        assert not (daemon.home / "reassignments.log").exists()
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{free}\n",
        NOTICE.format(taken, free),
    )


def test_a_home_that_is_deleted_under_a_program_is_an_absent_daemon(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        for (int i = 0; i < 3; i++) {
            printf("%d\n", serve(port));
            fflush(stdout);
            getchar();
        }
        """
    )
    free, home = free_port(), tmp_path / "home"
    with listener() as taken, FakeDaemon(home, say(move(free))) as daemon:
        with subprocess.Popen(
            [program, str(taken)], env=daemon.environment(STYXY_NOTIFY="off"), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as guest:  # fmt: skip
            assert guest.stdout is not None
            assert guest.stdout.readline() == f"{free}\n"
            shutil.rmtree(home)
            assert guest.communicate("\n\n\n", timeout=30) == ("-98\n-98\n", "")


def test_a_running_program_finds_each_daemon_that_comes(tmp_path: Path) -> None:
    """One that was killed, one of a later version, and one that speaks as the library does."""
    program = host(
        r"""
        //main
        while (getchar() != EOF) {
            printf("%d\n", try_bind(port));
            fflush(stdout);
        }
        """
    )
    first, last = free_port(), free_port()

    def bound(guest: subprocess.Popen[str]) -> str:
        assert guest.stdin is not None
        assert guest.stdout is not None
        guest.stdin.write("x")
        guest.stdin.flush()
        return guest.stdout.readline().strip()

    with listener() as taken:
        with FakeDaemon(tmp_path, say(move(first))) as daemon:
            guest = subprocess.Popen(
                [program, str(taken)], env=daemon.environment(STYXY_NOTIFY="off"), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            got = [bound(guest)]
        got.append(bound(guest))  # its files are as they were, and nobody answers
        for version in (4, 3):
            for name in ("line.sock", "note.sock"):
                (tmp_path / name).unlink()
            with FakeDaemon(tmp_path, say(move(last))) as daemon:
                daemon.write_map(version=version)
                got.append(bound(guest))
        assert guest.communicate(timeout=30)[0] == ""
    assert (guest.returncode, got) == (0, [str(first), "-98", "-98", str(last)])
