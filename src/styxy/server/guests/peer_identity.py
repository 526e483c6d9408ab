"""For whom a guest speaks: for itself, or, as a seccomp supervisor does, for a program of its tree.

The kernel names who speaks (SO_PEERCRED); for whom, only the line itself says. It is believed where
it gains the speaker nothing: of a process of an allowed user, in the daemon's own pid namespace,
where the number means the same process. Everything else is the speaker's own affair.
"""

from __future__ import annotations

import os

from styxy.server.net.auth import is_allowed_user


def holder_of(speaker: int, named: int | None) -> int:
    """Choose the pid that becomes the holder: the named one, or the speaker's own."""
    if named is None:
        return speaker
    try:
        is_ours = is_allowed_user(os.stat(f"/proc/{named}").st_uid)
        is_here = os.readlink(f"/proc/{speaker}/ns/pid") == os.readlink("/proc/self/ns/pid")
    except OSError:
        return speaker  # ENOENT: ended meanwhile; EACCES: not to be looked at
    return named if is_ours and is_here else speaker
