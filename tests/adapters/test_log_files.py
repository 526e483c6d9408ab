"""Logs that end: what is too large is put aside, and nothing that is written is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import styxy
from styxy.adapters.log_files import is_writable, rotate
from tests.fakes import clean_environment


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    log.write_text("x" * 10)
    assert not rotate(str(log), largest=10)
    assert not rotate(str(tmp_path / "none"))
    assert os.listdir(tmp_path) == ["daemon.log"]


def test_old_logs_move_up_and_the_oldest_ends(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    for number in range(6):
        log.write_text(f"{number}" * 20)
        assert rotate(str(log), largest=10, kept=3)
    contents = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert contents == {"daemon.log.1": "5", "daemon.log.2": "4", "daemon.log.3": "3"}


def test_a_planted_link_is_neither_followed_nor_moved(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("x" * 100)
    log = tmp_path / "daemon.log"
    log.symlink_to(target)
    assert not rotate(str(log), largest=10)
    assert log.is_symlink()
    assert not is_writable(str(log))
    assert target.read_text() == "x" * 100


def test_what_cannot_be_appended_to_is_told(tmp_path: Path) -> None:
    assert is_writable(str(tmp_path / "none"))
    (tmp_path / "log").touch()
    assert is_writable(str(tmp_path / "log"))
    (tmp_path / "directory").mkdir()
    assert not is_writable(str(tmp_path / "directory"))


WRITER = """
import os, sys
from styxy.adapters.log_files import rotate_own

path = sys.argv[1]
print("before", flush=True)
assert rotate_own(path, largest=100)
print("after", flush=True)
print("error", file=sys.stderr, flush=True)
assert not rotate_own(path, largest=100)
"""


def test_a_daemon_goes_on_in_a_new_log_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    log.write_text("old\n" * 100)
    env = clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent))
    with log.open("ab") as file:
        command = [sys.executable, "-c", WRITER, str(log)]
        subprocess.run(command, env=env, stdout=file, stderr=file, check=True, umask=0)
    assert (tmp_path / "daemon.log.1").read_text() == "old\n" * 100 + "before\n"
    assert log.read_text() == "after\nerror\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_an_output_that_is_not_the_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    log.write_text("old\n" * 100)
    text = WRITER.replace("assert rotate_own", "assert not rotate_own")
    env = clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent))
    done = subprocess.run(
        [sys.executable, "-c", text, str(log)], env=env, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"before\nafter\n")
    assert log.read_text() == "old\n" * 100
