"""Mounts whose looks depend on a server, and so may never be answered (proc_pid_mountinfo(5)).

Light enough for the command line, which asks before each look at a working directory. The table of
mounts is the kernel's own: reading it waits for no file system.
"""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPENDENT = (
    b"fuse", b"nfs", b"cifs", b"smb", b"9p", b"ceph", b"afs", b"autofs", b"coda", b"lustre",
    b"ocfs",
)  # fmt: skip
"""How the types of such file systems begin."""

_KERNELS_OWN = (b"/proc/", b"/sys/")
"""Where the kernel itself has such types: fusectl, and the automount of binfmt_misc."""

_MOUNTS = "/proc/self/mountinfo"
_ESCAPES = ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\"))


def dependent_mount(path: str) -> str | None:
    """Return the outermost mount on the way to a path that depends on a server, as far as its
    spelling shows; None if there is none.

    The root does not count: where that does not answer, nothing runs.
    """
    whole = os.fsencode(os.path.normpath(os.path.join("/", path))) + b"/"
    found = [place for place in _dependent() if whole.startswith(place + b"/")]
    return os.fsdecode(min(found, key=len)) if found else None


class MountTable:
    """Says whether any mount of this machine depends on a server. It reads the table again when the
    kernel says that it has changed (proc_pid_mounts(5)), so a question costs a microsecond."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._poll = select.poll()
        self._has_dependent = False

    def has_dependent(self) -> bool:
        """Return it; true where the table cannot be read."""
        if self._file is None:
            try:
                self._file = os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return True  # EMFILE; ENOENT: not Linux
            self._poll.register(self._file, select.POLLPRI)
            self._has_dependent = any(_dependent())
        if self._poll.poll(0):
            self._has_dependent = any(_dependent())
        return self._has_dependent

    def close(self) -> None:
        """Close the table."""
        if self._file is not None:
            os.close(self._file)
            self._poll.unregister(self._file)
            self._file = None


def _dependent() -> Iterator[bytes]:
    try:
        with open(_MOUNTS, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return  # ENOENT: not Linux, or no /proc
    for line in lines:
        head, _, tail = line.partition(b" - ")
        if tail.startswith(_DEPENDENT):
            place = head.split()[4]
            for escape, meant in _ESCAPES:
                place = place.replace(escape, meant)
            if place != b"/" and not place.startswith(_KERNELS_OWN):
                yield place
