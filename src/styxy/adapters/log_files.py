"""Log rotation: a log over its size limit is renamed, and its writers continue in a new one.

The daemon's own log is its standard output and error, so these are redirected to the new file.
Guests open their log anew for each line, so a rename is enough. Links are not followed.
"""

from __future__ import annotations

import os
import stat

from styxy.adapters.home import open_regular

LARGEST = 5 << 20
"""Bytes: some 50,000 lines, which an editor still opens at once."""

KEPT = 3
"""Old files kept in addition to the current one."""


def rotate(path: str, *, largest: int = LARGEST, kept: int = KEPT) -> bool:
    """Rename a log that is too large to `path`.1, and so on; return whether it was.

    Raises `OSError` if the directory cannot be written; the log then continues as it is.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size <= largest:
        return False
    for number in range(kept, 0, -1):
        older = path if number == 1 else f"{path}.{number - 1}"
        if os.path.lexists(older):
            os.replace(older, f"{path}.{number}")
    return True


def rotate_own(path: str, *, largest: int = LARGEST, kept: int = KEPT) -> bool:
    """Rotate the log that this process writes as its standard output and error.

    If these are something else, such as a terminal or systemd's journal, nothing is done. Raises
    `OSError` as `rotate` does.
    """
    ours = [number for number in (1, 2) if _is_open_on(number, path)]
    if not ours or not rotate(path, largest=largest, kept=kept):
        return False
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
    for number in ours:
        os.dup2(descriptor, number)
    os.close(descriptor)
    return True


def is_writable(path: str) -> bool:
    """Return whether a log, if it exists, can be appended to."""
    try:
        os.close(open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW))
    except FileNotFoundError:
        return os.access(os.path.dirname(path), os.W_OK) or not os.path.exists(path)
    except OSError:
        return False
    return True


def _is_open_on(descriptor: int, path: str) -> bool:
    try:
        ours, named = os.fstat(descriptor), os.lstat(path)
    except OSError:
        return False  # EBADF: it was closed; ENOENT: there is no log
    return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)
