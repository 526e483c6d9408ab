"""Who is at the other end of a Unix socket, by the kernel's word.

Linux has SO_PEERCRED (unix(7)). macOS has LOCAL_PEERCRED and LOCAL_PEERPID (unix(4) there); that
part was never run on a Mac. The command line loads this at every start, so it imports nothing
heavy.
"""

from __future__ import annotations

import _socket
import struct

LOCAL_LEVEL, LOCAL_PEERCRED, LOCAL_PEERPID = 0, 1, 2
"""<sys/un.h> of macOS."""

_UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_XUCRED = struct.Struct("IIhxx16I")  # struct xucred: version, uid, number of groups, groups


def peer_of(link: _socket.socket) -> tuple[int, int, int]:
    """Return the pid, uid and gid of the process at the other end, as it was when it connected or
    began to listen. Raises `OSError`."""
    option = getattr(_socket, "SO_PEERCRED", None)
    if option is not None:
        return _UCRED.unpack(link.getsockopt(_socket.SOL_SOCKET, option, _UCRED.size))
    raw = link.getsockopt(LOCAL_LEVEL, LOCAL_PEERCRED, _XUCRED.size)
    _version, uid, _count, gid, *_ = _XUCRED.unpack(raw)
    return link.getsockopt(LOCAL_LEVEL, LOCAL_PEERPID), uid, gid
