"""The end of a real process's output; what is no file of this user is refused unopened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from styxy.core.errors import Forbidden, NotFound
from styxy.server.page.output import MOST, OutputEnd, end_of_output

WAITING = "import sys; sys.stdin.read()"


def end_of(stdout: int | IO[bytes], *, answers: bool = True, then: object = None) -> OutputEnd:
    """Look at the output of a process that waits."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", WAITING], stdin=subprocess.PIPE, stdout=stdout
    ) as process:
        try:
            if callable(then):
                then()
            return end_of_output(process.pid, 1, answers=lambda _path: answers)
        finally:
            process.kill()


def test_the_last_bytes_of_a_long_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first" + b"x" * MOST + b"last")
    with path.open("ab") as file:
        end = end_of(file)
    assert (end.path, end.size, len(end.content)) == (str(path), MOST + 9, MOST)
    assert end.content.endswith(b"xlast")


def test_a_deleted_file_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"still there")
    with path.open("ab") as file:
        assert end_of(file, then=path.unlink).content == b"still there"


def test_a_pipe_is_named_and_nothing_is_taken_out_of_it() -> None:
    read, write = os.pipe()
    os.write(write, b"for somebody else")
    with pytest.raises(NotFound, match="is a pipe, and only files can be shown"):
        end_of(write)
    os.close(write)
    assert os.read(read, 100) == b"for somebody else"
    os.close(read)


def test_a_fifo_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR)
    with pytest.raises(NotFound, match="is a pipe"):
        end_of(both)
    os.close(both)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device_is_no_file(path: str) -> None:
    with Path(path).open("wb") as device, pytest.raises(NotFound, match=path):
        end_of(device)


def test_a_terminal_is_named() -> None:
    ours, theirs = os.openpty()
    with pytest.raises(NotFound, match="is a terminal"):
        end_of(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_file_on_a_silent_mount_is_not_looked_at(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file, pytest.raises(NotFound, match="mount dead"):
        end_of(file, answers=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        os.fchown(file.fileno(), 65534, 65534)
        with pytest.raises(Forbidden, match="belongs to another user"):
            end_of(file)


def test_a_process_that_has_ended_is_not_found() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(NotFound, match="has ended"):
        end_of_output(process.pid, 1, answers=lambda _path: True)
