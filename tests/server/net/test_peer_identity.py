"""For whom a guest speaks."""

from __future__ import annotations

import os
import subprocess

from styxy.server.net.auth import holder_of


def test_who_names_nobody_speaks_for_itself() -> None:
    assert holder_of(os.getpid(), None) == os.getpid()


def test_a_process_of_the_same_user_can_be_spoken_for() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        assert holder_of(os.getpid(), other.pid) == other.pid


def test_one_that_has_ended_cannot_be_spoken_for() -> None:
    with subprocess.Popen(["true"]) as other:
        other.wait()
    assert holder_of(os.getpid(), other.pid) == os.getpid()
