"""The end of what a process has written to standard output or error, if that is a file.

Only a regular file of this user is read: opening a FIFO or a terminal through /proc would make us
one of its readers, and what comes out of it would be missing elsewhere (proc_pid_fd(5)).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 64 * 1024
"""Bytes that are read, from the end."""

FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class OutputEnd(Struct, frozen=True, kw_only=True):
    """The last bytes of a file of `size` bytes."""

    path: str
    size: int
    content: bytes


def end_of_output(pid: int, number: int, *, answers: Callable[[str], bool]) -> OutputEnd:
    """Read the end of what a process writes to descriptor `number`.

    `answers` says of a path whether a look at it comes back. Raises `NotFound` if there is no such
    file, `Forbidden` if it is another user's.
    """
    link = f"/proc/{pid}/fd/{number}"
    name = {1: "standard output", 2: "standard error"}[number]
    try:
        path = os.readlink(link)
    except OSError:
        raise NotFound(f"process {pid} has ended, or has no {name}", pid=pid) from None
    # A pipe, a socket and a memfd have no path; a look at their link is harmless, unlike at a file
    # on a mount that does not answer.
    if path.startswith("/") and not answers(path):
        raise NotFound(f"{path} cannot be looked at now; is the server of its mount dead?", pid=pid)
    try:
        found = os.stat(link)
        _refuse(found, path, name, pid)
        descriptor = os.open(link, FLAGS)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", pid=pid) from None
    try:
        found = os.fstat(descriptor)
        _refuse(found, path, name, pid)
        content = os.pread(descriptor, MOST, max(found.st_size - MOST, 0))
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", pid=pid) from None
    finally:
        os.close(descriptor)
    return OutputEnd(path=path, size=found.st_size, content=content)


def _refuse(found: os.stat_result, path: str, name: str, pid: int) -> None:
    """Refuse what is no regular file of this user."""
    if not stat.S_ISREG(found.st_mode):
        raise NotFound(
            f"the {name} of process {pid} is {_kind(found.st_mode, path)}, and only files can be "
            "shown; to have one: styxy run -- CMD > FILE 2>&1",
            pid=pid,
        )
    if found.st_uid != os.geteuid():
        raise Forbidden(f"{path} belongs to another user", pid=pid)


def _kind(mode: int, path: str) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    if path.startswith(("/dev/pts/", "/dev/tty")):
        return "a terminal"
    return path if stat.S_ISCHR(mode) else "no file"
