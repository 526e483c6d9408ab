"""Programs that root starts, and that become another user before they bind, as Mosquitto does."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    NOTICE,
    UNMOVED,
    FakeDaemon,
    compiled,
    library,
    listener,
    move,
    run,
    say,
)
from tests.native.host_programs import HEAD
from tests.native.supervised import environment, library_beside, needs_seccomp, under

pytestmark = [
    needs_seccomp,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user"),
]

NOBODY = 65534

PROGRAM = HEAD + (
    f"""
    /* Become nobody, serve at the port, and print where, and as whom. */
    int main(int argc, char **argv)
    {{
        if (argc != 2 || setgid({NOBODY}) != 0 || setuid({NOBODY}) != 0)
            return 1;
        return printf("%d %d\\n", serve(atoi(argv[1])), (int)geteuid()) < 0;
    }}
    """
)


def program_of(folder: Path, name: str) -> Path:
    """The program under a name."""
    path = folder / name
    shutil.copy(compiled(PROGRAM), path)
    return path


def private_home(folder: Path) -> Path:
    """A home that only root may look into, as root's is."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.mark.parametrize("name", ["mosquitto", "memcached", "privoxy"])
def test_one_that_is_known_is_moved(tmp_path: Path, name: str) -> None:
    free = free_port()
    program = program_of(tmp_path, name)
    with listener() as taken, FakeDaemon(private_home(tmp_path), say(move(free))) as daemon:
        env = daemon.environment(LD_PRELOAD=str(library_beside()), STYXY_STATIC="supervise")
        done = run(["sh", "-c", f"{program} {taken}; true"], env)
    assert (done.stdout, done.stderr) == (f"{free} {NOBODY}\n", NOTICE.format(taken, free))


def test_any_other_is_told_what_to_type(tmp_path: Path) -> None:
    program = program_of(tmp_path, "other")
    with listener() as taken, FakeDaemon(private_home(tmp_path), say(move(free_port()))) as daemon:
        done = run([program, str(taken)], daemon.environment(LD_PRELOAD=str(library())))
    why = "the program's user may not ask the daemon; try: styxy run --backend seccomp"
    assert (done.stdout, done.stderr) == (f"-98 {NOBODY}\n", UNMOVED.format(taken, why))


def test_the_supervisor_of_root_believes_no_word_of_another_users_environment(
    tmp_path: Path,
) -> None:
    """It would write, as root, into a log that the program names, what a false daemon says."""
    free, log = free_port(), tmp_path / "log"
    become = "exec setpriv --reuid=nobody --regid=nogroup --clear-groups env"
    named = f"STYXY_HOME={tmp_path} STYXY_REASSIGNMENT_LOG={log} STYXY_SERVICE_TYPE=false"
    with tempfile.TemporaryDirectory() as public, listener() as taken:
        Path(public).chmod(0o755)
        program = program_of(Path(public), "privoxy")
        with FakeDaemon(private_home(tmp_path), say(move(free))) as daemon:
            command = under("sh", "-c", f"{become} {named} {program} {taken}")
            done = run(command, environment(daemon))
    assert (done.stdout, done.stderr) == (f"{free} {NOBODY}\n", NOTICE.format(taken, free))
    assert not log.exists()
