"""A log that another process writes: its last lines, and what is added to it.

Followed by name and not by descriptor, so that after rotation or truncation it continues at the
start of the new file (as `tail -F` does).
"""

from __future__ import annotations

import codecs
import os
import time

from styxy.adapters.home import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLLOW_INTERVAL = 0.25
"""Seconds between two reads; people read no faster, and inotify(7) is not in the library."""

_BLOCK = 64 * 1024


def last_lines(path: str, count: int) -> tuple[list[str], int]:
    """Read the last `count` lines, and return the offset at which they end.

    Read from the end, so that a large log costs no more than a small one.
    """
    with open(open_regular(path), "rb") as file:
        end = position = file.seek(0, os.SEEK_END)
        tail = b""
        while position > 0 and tail.count(b"\n") <= count:
            start = max(0, position - _BLOCK)
            file.seek(start)
            tail = file.read(position - start) + tail
            position = start
    return tail.decode(errors="replace").splitlines()[-count:], end


def follow(path: str, start: int, *, pause: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Yield what is added to `path` after byte `start`, forever, across rotation and truncation."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    file = open(open_regular(path), "rb")  # noqa: SIM115 - changes hands below
    try:
        file.seek(start)
        while True:
            data = file.read(_BLOCK)
            if data:
                yield decoder.decode(data)
                continue
            pause(FOLLOW_INTERVAL)
            try:
                now = os.stat(path)
                if now.st_ino != os.fstat(file.fileno()).st_ino:
                    yield decoder.decode(file.read())
                    successor = open(open_regular(path), "rb")  # noqa: SIM115 - takes the place of `file`
                    file.close()
                    file = successor
                elif now.st_size < file.tell():
                    file.seek(0)
            except FileNotFoundError:
                continue  # between two names of a rotation
    finally:
        file.close()
