"""Looks that are never answered: blocked FIFOs, a real hanging mount, killed workers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import styxy
from styxy.adapters.projects.git import canonical
from styxy.adapters.projects.lookups import DirectLookups, Lookups
from tests.daemon import LONGEST, wait_until
from tests.fakes import clean_environment
from tests.hanging_mount import HangingMount


@pytest.fixture
def lookups() -> Iterator[Lookups]:
    with closing(Lookups(may_hang=lambda: True)) as running:
        yield running


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[HangingMount]:
    with HangingMount(tmp_path / "mount") as mounted:
        yield mounted


def content_of(path: str) -> str:
    """Read a file; a FIFO blocks until somebody writes (fifo(7))."""
    return Path(path).read_text()


def pid_of_worker(_path: str) -> int:
    return os.getpid()


def descriptors(_path: str) -> list[str]:
    links = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
    return [os.readlink(each) for each in links if os.path.lexists(each)]  # not that of the listing


def fifo(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


def test_another_process_looks_and_the_answer_comes_back(lookups: Lookups, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("shop")
    found = lookups.ask(canonical, str(tmp_path / "link"), otherwise="")
    assert found == str(tmp_path / "shop")
    assert lookups.ask(pid_of_worker, "/", otherwise=0) not in (0, os.getpid())


def test_a_look_that_fails_is_answered_otherwise(lookups: Lookups) -> None:
    assert lookups.ask(content_of, "/no/such/file", otherwise="unknown") == "unknown"
    assert lookups.silent == ()


def test_a_late_look_is_answered_otherwise_and_taken_in_when_it_comes(
    lookups: Lookups, tmp_path: Path
) -> None:
    path = fifo(tmp_path / "slow")
    assert lookups.ask(content_of, path, otherwise="unknown") == "unknown"
    assert lookups.silent == (path,)
    Path(path).write_text("at last")
    wait_until(lambda: lookups.silent == ())
    assert lookups.ask(content_of, path, otherwise="unknown") == "at last"


def test_nobody_waits_twice_for_one_path(lookups: Lookups, tmp_path: Path) -> None:
    path = fifo(tmp_path / "slow")
    for below in ("", "/web", "/web/static"):
        assert lookups.ask(content_of, path + below, otherwise="unknown") == "unknown"
    assert lookups.silent == (path,)
    assert lookups.ask(canonical, f"{path}-other", otherwise="") == f"{path}-other"


def test_only_so_many_looks_are_stuck(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with closing(Lookups(most_workers=2, may_hang=lambda: True)) as lookups:
        for name in ("one", "two", "three"):
            lookups.ask(content_of, fifo(tmp_path / name), otherwise="")
        assert len(lookups.silent) == 2
        assert lookups.ask(content_of, str(tmp_path / "file"), otherwise="") == ""
        (tmp_path / "one").write_text("")
        wait_until(lambda: len(lookups.silent) == 1)
        assert lookups.ask(content_of, str(tmp_path / "file"), otherwise="") == "here"


def test_a_killed_worker_is_replaced(lookups: Lookups) -> None:
    first = lookups.ask(pid_of_worker, "/", otherwise=0)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{first}").exists())
    assert lookups.ask(pid_of_worker, "/", otherwise=0) not in (0, first)


def test_workers_hold_nothing_open_and_end_with_their_socket(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w"), closing(Lookups(may_hang=lambda: True)) as lookups:
        held = lookups.ask(descriptors, "/", otherwise=list[str]())
        worker = os.pidfd_open(lookups.ask(pid_of_worker, "/", otherwise=0))
    assert held
    assert all(each.startswith("socket:") for each in held)
    assert select.select([worker], [], [], LONGEST)[0]
    os.close(worker)


def test_a_worker_whose_look_never_ends_is_killed_in_the_end(tmp_path: Path) -> None:
    with closing(Lookups(may_hang=lambda: True)) as lookups:
        worker = os.pidfd_open(lookups.ask(pid_of_worker, "/", otherwise=0))
        assert lookups.ask(content_of, fifo(tmp_path / "slow"), otherwise="no") == "no"
    assert select.select([worker], [], [], LONGEST)[0]
    os.close(worker)


def test_a_silent_mount_is_left_alone_as_a_whole(lookups: Lookups, mount: HangingMount) -> None:
    shop, blog = str(mount.path / "shop"), str(mount.path / "blog")
    assert lookups.ask(canonical, shop, otherwise="") == shop
    mount.hang()
    assert lookups.ask(canonical, shop, otherwise="") == shop  # as it was
    mount.wait_for_look()
    assert lookups.ask(canonical, blog, otherwise="unknown") == "unknown"
    assert mount.held == 1
    beside = str(mount.path.parent)
    assert lookups.ask(canonical, beside, otherwise="") == beside
    mount.recover()
    wait_until(lambda: lookups.silent == ())
    assert lookups.ask(canonical, blog, otherwise="") == blog


ASK_AND_END = """
import sys
from styxy.adapters.projects.git import canonical
from styxy.adapters.projects.lookups import Lookups
print(Lookups().ask(canonical, sys.argv[1], otherwise="unknown"))
"""


def test_a_process_ends_although_its_look_does_not(mount: HangingMount) -> None:
    mount.hang()
    ended = subprocess.run(
        [sys.executable, "-c", ASK_AND_END, str(mount.path / "shop")],
        env=clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent)),
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST,
    )
    assert (ended.stdout, ended.stderr) == ("unknown\n", "")
    assert mount.held == 1


def test_a_direct_look_waits_and_a_failed_one_is_answered_otherwise(tmp_path: Path) -> None:
    looks = DirectLookups()
    assert looks.ask(canonical, str(tmp_path), otherwise="") == str(tmp_path)
    assert looks.ask(content_of, str(tmp_path), otherwise="unknown") == "unknown"
    assert looks.silent == ()


def test_where_no_mount_depends_on_a_server_it_looks_by_itself() -> None:
    with closing(Lookups(may_hang=lambda: False)) as lookups:
        assert lookups.ask(pid_of_worker, "/", otherwise=0) == os.getpid()


def test_a_mount_that_comes_later_is_noticed(tmp_path: Path) -> None:
    with closing(Lookups()) as lookups:
        lookups.ask(pid_of_worker, "/", otherwise=0)
        with HangingMount(tmp_path / "mount") as mount:
            assert lookups.ask(pid_of_worker, "/", otherwise=0) != os.getpid()
            mount.hang()
            assert lookups.ask(canonical, f"{mount.path}/shop", otherwise="silent") == "silent"
