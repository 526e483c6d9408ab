"""Which way this system is asked about sockets and processes: its own, or psutil's.

Everybody who looks gets the objects from here. The Linux way is chosen wherever it works: it is ten
to a hundred times as fast, and sees what psutil does not (sockets that are bound and do not listen,
the identity of a socket, which interception needs). `styxy run` asks at every start, so this
imports nothing heavy.
"""

from __future__ import annotations

import _socket
import os
import sys

from styxy.core.config.environment import switch
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.processes import Processes

FORCE = "STYXY_PORTABLE"
"""For tests of this room: do without netlink, /proc and pidfds also where they are."""

NETLINK_SOCK_DIAG = 4


def is_portable() -> bool:
    """Return whether this system is asked through psutil."""
    if switch(os.environ.get(FORCE)):
        return True
    if not hasattr(_socket, "AF_NETLINK"):
        return True
    try:
        _socket.socket(_socket.AF_NETLINK, _socket.SOCK_DGRAM, NETLINK_SOCK_DIAG).close()
    except OSError as error:
        # EPROTONOSUPPORT, EAFNOSUPPORT: gVisor, an emulator. A lack of descriptors says nothing.
        from styxy.adapters.fd_limits import is_want

        return not is_want(error)
    return False


def moves_servers(platform: str, *, portable: bool, forced: bool) -> bool:
    """Return whether there is a library for a system, as `sys.platform` names it.

    What interception needs of Linux is behind netlink; macOS has a library of its own.
    """
    return not portable or (platform == "darwin" and not forced)


def moves_nothing() -> bool:
    """Return whether no server is moved on this system."""
    forced = switch(os.environ.get(FORCE))
    return not moves_servers(sys.platform, portable=is_portable(), forced=bool(forced))


def why() -> str:
    """Say why this system is asked through psutil."""
    if switch(os.environ.get(FORCE)):
        return f"{FORCE} has Styxy look through psutil"
    return "this system has no netlink sock_diag, so Styxy looks through psutil"


def open_kernel() -> KernelLook:
    """Open a look at this system's ports. Raises `Unavailable` if psutil is needed and missing."""
    if not is_portable():
        from styxy.adapters.kernel import KernelLook

        return KernelLook()
    _check_library()
    from styxy.adapters.portable.kernel import PortableKernel

    return PortableKernel()


def open_processes(*, is_directory: Callable[[str], bool] = os.path.isdir) -> Processes:
    """Open a look at this system's processes. Raises `Unavailable` as `open_kernel` does."""
    if not is_portable():
        from styxy.adapters.processes import Processes

        return Processes(is_directory=is_directory)
    _check_library()
    from styxy.adapters.portable.processes import PortableProcesses

    return PortableProcesses(is_directory=is_directory)


def _check_library() -> None:
    try:
        import psutil  # noqa: F401
    except ImportError:
        install = "pip install 'styxy[portable]'"
        raise Unavailable(
            f"this system has no netlink sock_diag, and psutil is missing; install it: {install}",
            suggestions=[install],
        ) from None
