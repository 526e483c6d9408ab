"""A session starts and no daemon runs: the hook becomes `styxy hook`, which can start one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.native.hook.calling import Peer, assert_silent, call, hook, reply, say, silence

STARTS = ["SessionStart", "sessionStart", "session_start", "session.created"]

SCRIPT = """#!/bin/sh
echo "$*"
echo complaint >&2
for fd in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo "$fd is open"; done
cat
"""
"""Tells its words, what was left open for it, and its input."""


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A copy of the hook with a `styxy` beside it, as an installation has them."""
    place = tmp_path / "bin"
    place.mkdir()
    shutil.copy(hook(), place / "styxy-hook")
    write_styxy(place)
    return place


def write_styxy(place: Path) -> None:
    """Put a command line into a directory."""
    place.mkdir(exist_ok=True)
    (place / "styxy").write_text(SCRIPT)
    (place / "styxy").chmod(0o755)


def told(event: str, payload: str) -> bytes:
    """What the command line says if it was given all."""
    return f"hook claude {event}\n{payload}".encode()


@pytest.mark.parametrize("event", STARTS)
@pytest.mark.parametrize("payload", ["{}", "x" * 1_000_000], ids=len)
def test_the_command_line_gets_words_and_payload(
    tmp_path: Path, beside: Path, event: str, payload: str
) -> None:
    done = call(
        tmp_path, event, payload.encode(), program=(beside / "styxy-hook",), PATH=os.environ["PATH"]
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == told(event, payload)


def test_a_link_to_the_hook_leads_to_its_neighbour(tmp_path: Path, beside: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(beside / "styxy-hook")
    done = call(tmp_path, STARTS[0], program=(link,), PATH=os.environ["PATH"])
    assert done.stdout == told(STARTS[0], "{}")


def test_without_a_neighbour_the_path_has_it(tmp_path: Path) -> None:
    write_styxy(tmp_path / "place")
    path = f"/nowhere::bin:{tmp_path}/place:{os.environ['PATH']}"
    assert call(tmp_path, STARTS[0], PATH=path).stdout == told(STARTS[0], "{}")


@pytest.mark.parametrize("path", ["", ".", "bin", ":", "bin:/nowhere"])
def test_a_project_cannot_put_itself_in_its_place(tmp_path: Path, path: str) -> None:
    write_styxy(tmp_path)
    write_styxy(tmp_path / "bin")
    words = ("/bin/sh", "-c", f'cd {tmp_path}; PATH="{path}" exec "$@"', "sh", hook())
    assert_silent(call(tmp_path, STARTS[0], program=words))


@pytest.mark.parametrize("event", ["PreToolUse", "SessionEnd", "sessionstart", "Session.Start"])
def test_no_other_event_starts_anything(tmp_path: Path, beside: Path, event: str) -> None:
    done = call(tmp_path, event, program=(beside / "styxy-hook",), PATH=os.environ["PATH"])
    assert_silent(done)


@pytest.mark.parametrize("answer", [None, reply(b"", "404 Not Found"), b"nonsense"])
def test_a_daemon_that_is_sick_is_there(tmp_path: Path, beside: Path, answer: bytes | None) -> None:
    with Peer(tmp_path, silence if answer is None else say(answer)):
        done = call(tmp_path, STARTS[0], program=(beside / "styxy-hook",), PATH=os.environ["PATH"])
    assert_silent(done)


def test_a_command_line_that_is_gone_is_no_failure(tmp_path: Path, beside: Path) -> None:
    (beside / "styxy").unlink()
    (beside / "styxy").symlink_to("/nowhere/bin/styxy")
    assert_silent(call(tmp_path, STARTS[0], program=(beside / "styxy-hook",)))
