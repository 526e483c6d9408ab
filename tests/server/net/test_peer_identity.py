"""For whom a guest speaks."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from styxy.server.net.auth import holder_of

NOBODY = 65534


def test_who_names_nobody_speaks_for_itself() -> None:
    assert holder_of(os.getpid(), None, uid=os.getuid()) == os.getpid()


def test_a_process_of_the_same_user_can_be_spoken_for() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        assert holder_of(os.getpid(), other.pid, uid=os.getuid()) == other.pid


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root becomes another user"
)
@pytest.mark.parametrize("uid", [0, NOBODY])
def test_root_alone_speaks_for_a_process_of_another_user(uid: int) -> None:
    words = ["setpriv", f"--reuid={NOBODY}", "sh", "-c", "echo begun; cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"begun\n"
        expected = other.pid if uid == 0 else os.getpid()
        assert holder_of(os.getpid(), other.pid, uid=uid) == expected


def test_one_that_has_ended_cannot_be_spoken_for() -> None:
    with subprocess.Popen(["true"]) as other:
        other.wait()
    assert holder_of(os.getpid(), other.pid, uid=os.getuid()) == os.getpid()
