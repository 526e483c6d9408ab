"""File descriptors: how many this process may open, how many it has open, and the error for running
out (getrlimit(2), RLIMIT_NOFILE).
"""

from __future__ import annotations

import errno
import os
import resource
import sys

from styxy.core.errors import Unavailable

OWN_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
"""A directory with a name for each open one."""

_NONE_LEFT = (errno.EMFILE, errno.ENFILE)
"""This process, or the whole system, has reached its limit (open(2))."""


def limit() -> int:
    """Return how many this process may have open; if unlimited, a number larger than any in use."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def in_use() -> int:
    """Count the open ones. Raises `Unavailable` if none is left to look with."""
    try:
        return len(os.listdir(OWN_DESCRIPTORS)) - 1  # one is the listing's own
    except OSError as error:
        raise refusal(error) from error


def refusal(error: OSError) -> Unavailable:
    """Convert a failure from lack of descriptors to our error; any other is raised unchanged."""
    if not is_want(error):
        raise error
    return Unavailable(
        f"the daemon is out of file descriptors (limit {limit()}); "
        "close idle connections, or raise `ulimit -n` and restart it",
        suggestions=["ulimit -n 4096 && styxy daemon restart", "styxy doctor"],
    )


def is_want(error: BaseException | None) -> bool:
    """Return whether something failed because no descriptor was left."""
    return isinstance(error, OSError) and error.errno in _NONE_LEFT
