"""The questions of `adapters.kernel`, answered by psutil and by trying to bind.

Every answer reads all sockets of the machine, which takes some 20 ms. What psutil does not show is
answered as on a kernel that does not show it either.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from styxy.adapters.kernel import KernelLook, has_ipv6
from styxy.adapters.portable.sockets import Scanner
from styxy.adapters.sock_diag import Listener
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from styxy.core.model.leases import Protocol

_LOOPBACK = ("127.", "::1", "::ffff:127.")


class PortableKernel(KernelLook):
    """Queries this system through psutil; keeps nothing open."""

    knows_owners = False

    def __init__(self) -> None:
        self._scanner = Scanner()
        self.families = [socket.AF_INET, *([socket.AF_INET6] if has_ipv6() else [])]

    def close(self) -> None:
        """Do nothing."""

    def listeners(self, *, udp: bool = False, port: Port | None = None) -> list[Listener]:
        """List every listening TCP socket that is visible, or every bound UDP one."""
        protocol: Protocol = "udp" if udp else "tcp"
        return [
            Listener(
                port=Port(each.near[1]),
                protocol=protocol,
                address=each.near[0],
                uid=each.uid,
                inode=each.number,
                cookie=each.number,
            )
            for each in self._scanner.scan().sockets
            if each.protocol == protocol and each.far is None and port in (None, each.near[1])
        ]

    def connections(self, port: Port) -> list[int]:
        """List the numbers of the TCP connections from or to `port`, on this machine's side."""
        return [
            each.number
            for each in self._scanner.scan().sockets
            if each.protocol == "tcp" and each.far and port in (each.near[1], each.far[1])
        ]

    def connection_owner(self, connection: socket.socket) -> int | None:
        """Return None: to look at all sockets takes too long for each connection, so that whoever
        connects over TCP counts as another user.
        """
        return None

    def connected_ago(self, port: Port) -> float | None:
        """Return 0 where somebody is connected to a TCP server on `port`, or was within the last
        minute: when one ended is not shown.
        """
        was_connected = any(
            near[1] == port or (far[1] == port and far[0].startswith(_LOOPBACK))
            for near, far in self._scanner.scan().ends
        )
        return 0.0 if was_connected else None

    def bound_inactive(self, port: Port) -> list[int]:
        """Return none: they are shown by the kernel's own interface alone."""
        return []
