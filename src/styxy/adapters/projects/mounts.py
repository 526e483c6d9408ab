"""Mounts whose looks depend on a server, and so may never be answered (proc_pid_mountinfo(5)).

Light enough for the command line, which asks before each look at a working directory. The table of
mounts is the kernel's own: reading it waits for no file system.
"""

from __future__ import annotations

import os

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

MOUNTS = "/proc/self/mountinfo"
_ESCAPES = ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\"))


def dependent_mount(path: str) -> str | None:
    """Return the outermost mount on the way to a path that depends on a server, as far as its
    spelling shows; None if there is none.

    The root does not count: where that does not answer, nothing runs.
    """
    whole = os.fsencode(os.path.normpath(os.path.join("/", path))) + b"/"
    found = [place for place in dependent_mounts() if whole.startswith(place + b"/")]
    return os.fsdecode(min(found, key=len)) if found else None


def dependent_mounts() -> Iterator[bytes]:
    """Find the mounts that depend on a server, but the root and the kernel's own."""
    try:
        with open(MOUNTS, "rb") as file:
            table = file.read()
    except OSError:
        return  # ENOENT: not Linux, or no /proc
    yield from dependent_among(table)


def dependent_among(table: bytes) -> Iterator[bytes]:
    """Find those in a table of mounts."""
    for line in table.splitlines():
        head, _, tail = line.partition(b" - ")
        if tail.startswith(_DEPENDENT):
            place = head.split()[4]
            for escape, meant in _ESCAPES:
                place = place.replace(escape, meant)
            if place != b"/" and not place.startswith(_KERNELS_OWN):
                yield place
