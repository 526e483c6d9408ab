"""A program rests where it does nothing and says nothing, however slow the machine is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fakes import clean_environment
from tests.programs.developing.activity import Activity
from tests.programs.running import running

WORK = """
import sys, time

while time.process_time() < 1:
    pass
print("done", flush=True)
sys.stdin.read()
"""

BY_A_HELPER = f"""
import subprocess, sys

subprocess.run([sys.executable, "-c", {WORK!r}], start_new_session=True)
"""

RESTING = "import signal\nsignal.pause()\n"

REST = 0.5
"""Seconds; half of the time that the work takes of a processor."""


@pytest.mark.parametrize("text", [WORK, BY_A_HELPER], ids=["itself", "a helper of its own session"])
def test_a_program_that_works_is_waited_for(text: str, tmp_path: Path) -> None:
    with running([sys.executable, "-c", text], cwd=tmp_path, env=clean_environment()) as server:
        activity = Activity(server.pid, lambda: server.stdout)
        assert activity.wait(lambda: "done" in server.stdout, rest=REST)


def test_a_program_that_rests_is_not_waited_for(tmp_path: Path) -> None:
    with running([sys.executable, "-c", RESTING], cwd=tmp_path, env=clean_environment()) as server:
        activity = Activity(server.pid, lambda: server.stdout)
        assert not activity.wait(lambda: "done" in server.stdout, rest=REST)
        assert server.process.poll() is None
