"""What is made once for all tests of a run, whichever of its workers asks first: compiled programs.

The process that a run begins with makes the directory and removes it; the workers of pytest-xdist
are its children and find it by a variable of the environment.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

VARIABLE = "SCRATCH_OF_THIS_TEST_RUN"


def make_scratch() -> Path | None:
    """Make the directory and return it; None in a worker, which has it from its parent."""
    if VARIABLE in os.environ:
        return None
    path = Path(tempfile.mkdtemp(prefix="styxy-tests-"))
    os.environ[VARIABLE] = str(path)
    return path


def scratch() -> Path:
    """Name the directory that all workers of this run share."""
    return Path(os.environ[VARIABLE])


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return `path`, a file or directory, which `make` makes, under another name, for the first.

    Whoever asks meanwhile waits. If `make` raises, the next who asks tries again.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # flock(2): gone with the descriptor
            if not path.exists():
                part = path.with_name(f"{path.name}.part")
                make(part)
                part.rename(path)
    return path
