"""Processes as /proc shows them, with real children: alive, dead, renamed, recycled."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from styxy.adapters.processes import Processes

processes = Processes()
IDLE = "import sys; print('up', flush=True); sys.stdin.read()"


@contextmanager
def child(
    *command: str,
    inherit: tuple[int, ...] = (),
    env: dict[str, str] | None = None,
    directory: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says that it is up, and ends with its standard input."""
    with subprocess.Popen(
        command or (sys.executable, "-IS", "-c", IDLE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=inherit,
        env=env,
        cwd=directory,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_a_living_child_has_a_name_for_ever() -> None:
    with child() as process:
        holder = processes.holder(process.pid)
        assert holder is not None
        assert holder.pid == process.pid
        assert holder.boot == processes.boot
        assert len(holder.boot) == 36
        assert holder == processes.holder(process.pid)
        assert processes.is_alive(holder)
    assert processes.holder(process.pid) is None
    assert not processes.is_alive(holder)


def test_a_process_that_started_later_says_so() -> None:
    parent = processes.holder(os.getpid())
    with child() as process:
        younger = processes.holder(process.pid)
        assert parent is not None
        assert younger is not None
        assert younger.start_time > parent.start_time


def test_a_zombie_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-IS", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{process.pid}/stat").exists()
    assert processes.holder(process.pid) is None
    process.wait()


def test_another_process_with_the_same_pid_is_another() -> None:
    holder = processes.holder(os.getpid())
    assert holder is not None
    assert not processes.is_alive(replace(holder, start_time=holder.start_time - 1))
    assert not processes.is_alive(replace(holder, boot="another-boot"))


def test_a_thread_is_no_process() -> None:
    told: list[int] = []
    may_end = threading.Event()

    def run() -> None:
        told.append(threading.get_native_id())
        started.set()
        may_end.wait()

    started = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        assert Path(f"/proc/{told[0]}/stat").exists()
        assert processes.holder(told[0]) is None
    finally:
        may_end.set()
        thread.join()


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 10**12])
def test_nobody_is_nobody(pid: int) -> None:
    assert processes.holder(pid) is None
    assert processes.name(pid) is None
    assert processes.command(pid) is None
    assert processes.directory(pid) is None
    assert processes.variable(pid, "HOME") is None


@pytest.mark.parametrize("name", ["a b", "a) S 1 (b", "((", "))", "caf\udce9"])
def test_a_name_may_hold_anything(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.symlink_to(os.path.realpath(sys.executable))
    with child(str(program), "-IS", "-c", IDLE) as process:
        assert processes.name(process.pid) == name
        assert processes.command(process.pid) == [str(program), "-IS", "-c", IDLE]
        holder = processes.holder(process.pid)
        assert holder is not None
        assert holder.start_time > 0


def test_words_of_a_command_are_kept_apart() -> None:
    words = [sys.executable, "-IS", "-c", IDLE, "", "two words", "é"]
    with child(*words) as process:
        assert processes.command(process.pid) == words


def test_a_process_without_a_command_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-IS", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.command(process.pid)
    process.wait()


def test_the_directory_and_the_environment_are_those_of_the_process(tmp_path: Path) -> None:
    env = {"A": "1", "AB": "2=3", "EMPTY": ""}
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", IDLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=env,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert processes.directory(process.pid) == str(tmp_path)
        assert processes.variable(process.pid, "A") == "1"
        assert processes.variable(process.pid, "AB") == "2=3"
        assert processes.variable(process.pid, "EMPTY") == ""
        assert processes.variable(process.pid, "B") is None
        process.communicate()


def test_a_directory_that_was_removed_keeps_its_name(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", IDLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=gone,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        gone.rmdir()
        assert processes.directory(process.pid) == str(gone)
        process.communicate()


def test_a_directory_may_be_called_deleted(tmp_path: Path) -> None:
    called = tmp_path / "old (deleted)"
    called.mkdir()
    with child(directory=called) as process:
        assert processes.directory(process.pid) == str(called)


def test_a_directory_is_lost_until_there_is_one_of_its_name_again(tmp_path: Path) -> None:
    place = tmp_path / "dist"
    place.mkdir()
    with child(directory=place) as process:
        assert not processes.has_lost_directory(process.pid)
        place.rmdir()
        assert processes.has_lost_directory(process.pid)
        place.mkdir()
        assert not processes.has_lost_directory(process.pid)


BURROW = """
import os
for _ in range(20):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
file = open("a file", "w")
"""


def test_a_process_deeper_than_a_path_can_say_hides_nobody(tmp_path: Path) -> None:
    with socket.socket() as shared:
        inode = os.fstat(shared.fileno()).st_ino
        command = (sys.executable, "-IS", "-c", BURROW + IDLE)
        with child(*command, inherit=(shared.fileno(),), directory=tmp_path) as process:
            assert processes.directory(process.pid) is None
            assert processes.table()[process.pid].words == command
            assert processes.socket_owners([inode]) == {inode: process.pid}
            assert processes.holders_of([inode])[inode] == sorted([os.getpid(), process.pid])


def test_a_socket_leads_to_its_process_and_an_inherited_one_to_the_newest() -> None:
    with socket.socket() as ours, socket.socket() as shared:
        own, inherited = (os.fstat(each.fileno()).st_ino for each in (ours, shared))
        assert processes.socket_owners([own, inherited]) == dict.fromkeys(
            [own, inherited], os.getpid()
        )
        with child(inherit=(shared.fileno(),)) as process:
            owners = processes.socket_owners([own, inherited, 2**60])
            assert owners == {own: os.getpid(), inherited: process.pid}
        assert processes.socket_owners([inherited]) == {inherited: os.getpid()}


def test_no_question_leaves_a_descriptor_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(200):
        processes.holder(os.getpid())
        processes.command(os.getpid())
    processes.socket_owners([1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_table_shows_each_process_with_its_parent_and_its_job() -> None:
    with child() as process:
        table = processes.table()
        found, own = table[process.pid], table[os.getpid()]
        assert (found.parent, found.group, found.session) == (own.pid, os.getpgid(0), os.getsid(0))
        assert (found.uid, found.directory) == (os.getuid(), os.getcwd())
        assert found.words == (sys.executable, "-IS", "-c", IDLE)
        assert table[1].parent == 0
        assert processes.cgroup(process.pid) != ""
    assert processes.cgroup(process.pid) == ""


def test_everybody_who_has_a_socket_is_found() -> None:
    with socket.socket() as shared, socket.socket() as own:
        inodes = [os.fstat(each.fileno()).st_ino for each in (shared, own)]
        with child(inherit=(shared.fileno(),)) as process:
            holders = processes.holders_of([*inodes, 1])
    both = sorted([os.getpid(), process.pid])
    assert holders == {inodes[0]: both, inodes[1]: [os.getpid()], 1: []}
    assert processes.holders_of([]) == {}


def test_a_tree_has_the_process_and_all_below_it_and_nobody_else() -> None:
    below = f"import subprocess, sys; subprocess.run([sys.executable, '-IS', '-c', {IDLE!r}])"
    with child(sys.executable, "-IS", "-c", below) as process, child() as other:
        table = processes.table()
        expected = {pid for pid, each in table.items() if process.pid in (pid, each.parent)}
        assert len(expected) == 2
        found = processes.trees([process.pid, 2**30])
        assert found == {pid: table[pid] for pid in expected}
        assert processes.trees([process.pid, *expected]).keys() == expected
        assert {process.pid, other.pid} <= set(processes.pids())


def test_the_sockets_of_a_process_are_its_own() -> None:
    with socket.socket() as ours, socket.socket() as shared:
        own, inherited = (os.fstat(each.fileno()).st_ino for each in (ours, shared))
        with child(inherit=(shared.fileno(),)) as process:
            assert processes.sockets_of(process.pid) == {inherited}
            assert {own, inherited} <= processes.sockets_of(os.getpid())
    assert processes.sockets_of(process.pid) == set()


def test_a_file_longer_than_one_piece_is_read_to_its_end() -> None:
    long = "x" * 100_000
    with child(sys.executable, "-IS", "-c", IDLE, long, "end") as process:
        assert (processes.command(process.pid) or [])[-2:] == [long, "end"]
