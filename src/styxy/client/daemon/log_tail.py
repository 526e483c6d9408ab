"""A log that another process writes: its last lines, and what comes after them.

Followed by name and not by descriptor, so that a log which is rotated away or cut short goes on
where its successor begins (as `tail -F` does).
"""

from __future__ import annotations

import codecs
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLLOW_INTERVAL = 0.25
"""Seconds between two looks; a person reads no faster, and inotify(7) is not in the library."""

_BLOCK = 64 * 1024


def last_lines(path: str, count: int) -> tuple[list[str], int]:
    """Read the last `count` lines, and tell at which byte they end.

    From the end, so that a large log costs no more than a small one.
    """
    with open(path, "rb") as file:
        end = position = file.seek(0, os.SEEK_END)
        tail = b""
        while position > 0 and tail.count(b"\n") <= count:
            start = max(0, position - _BLOCK)
            file.seek(start)
            tail = file.read(position - start) + tail
            position = start
    return tail.decode(errors="replace").splitlines()[-count:], end


def follow(path: str, start: int, *, pause: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Give what `path` gets from byte `start` on, for ever, over rotation and truncation."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    file = open(path, "rb")  # noqa: SIM115 - changes hands below
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
                    successor = open(path, "rb")  # noqa: SIM115 - takes the place of `file`
                    file.close()
                    file = successor
                elif now.st_size < file.tell():
                    file.seek(0)
            except FileNotFoundError:
                continue  # between two names of a rotation
    finally:
        file.close()
