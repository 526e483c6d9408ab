"""What the kernel knows about ports: what is listening, and whether a bind would pass.

All of it within the network namespace of this process.
"""

from __future__ import annotations

import errno
import functools
import socket
from typing import TYPE_CHECKING

from styxy.adapters.fd_limits import refusal
from styxy.adapters.sock_diag import (
    TCP_BOUND_INACTIVE,
    TCP_CONNECTED,
    TCP_ENDED,
    TCP_LISTEN,
    UDP_BOUND,
    SockDiag,
)
from styxy.core.model.ports import Port, PortRange

if TYPE_CHECKING:
    from styxy.adapters.sock_diag import Listener
    from styxy.core.model.leases import Protocol

SO_NETNS_COOKIE = 71

_KINDS: dict[Protocol, tuple[socket.SocketKind, ...]] = {
    "tcp": (socket.SOCK_STREAM,),
    "udp": (socket.SOCK_DGRAM,),
    "both": (socket.SOCK_STREAM, socket.SOCK_DGRAM),
}


class KernelLook:
    """Queries the kernel over one netlink socket that is kept open.

    `knows_owners`: `connection_owner` tells whose a connection is.
    """

    knows_owners = True

    def __init__(self) -> None:
        self._sockets = SockDiag()
        self.families = [socket.AF_INET, *([socket.AF_INET6] if has_ipv6() else [])]

    def close(self) -> None:
        """Close the socket."""
        self._sockets.close()

    def listeners(self, *, udp: bool = False, port: Port | None = None) -> list[Listener]:
        """List every listening TCP socket of this namespace, or every bound UDP one.

        Querying a single port costs the same however many others there are.
        """
        if udp:
            return self._sockets.listeners(socket.IPPROTO_UDP, UDP_BOUND, port)
        return self._sockets.listeners(socket.IPPROTO_TCP, TCP_LISTEN, port)

    def connections(self, port: Port) -> list[int]:
        """List the inodes of the TCP connections from or to `port`, on this machine's side.

        As `lsof -i:PORT` shows them: a server's accepted sockets as well as its clients'.
        """
        return [
            each.inode
            for each in self._sockets.connections(TCP_CONNECTED)
            if each.inode and port in (each.near, each.far)
        ]

    def connection_owner(self, connection: socket.socket) -> int | None:
        """Return the user at the other end of a TCP connection within this machine.

        None if there is no such process any more. It takes 20 microseconds, however many
        connections there are.
        """
        return self._sockets.connection_owner(connection)

    def connected_ago(self, port: Port) -> float | None:
        """Return how many seconds ago somebody was last connected to a TCP server on `port`: 0
        while somebody is, and None if nobody was within the last minute. It is exact to 10 ms.
        """
        ages = (
            each.ended_ago or 0.0
            for each in self._sockets.connections(TCP_CONNECTED | TCP_ENDED)
            if port == each.near or (port == each.far and each.stays)
        )
        return min(ages, default=None)

    def is_bound_inactive(self, port: Port) -> bool:
        """Return whether a TCP socket is bound to `port` and is not listening (yet)."""
        return bool(self.bound_inactive(port))

    def bound_inactive(self, port: Port) -> list[int]:
        """List the inodes of the TCP sockets that are bound to `port` and not listening."""
        found = self._sockets.listeners(socket.IPPROTO_TCP, TCP_BOUND_INACTIVE, port)
        return [each.inode for each in found]

    @functools.cached_property
    def shows_bound(self) -> bool:
        """Whether a socket is seen that is bound and does not listen, as since Linux 6.8."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return self.is_bound_inactive(Port(probe.getsockname()[1]))

    def is_free(self, port: Port, protocol: Protocol = "tcp") -> bool:
        """Return whether nothing is listening on `port` or bound to it, on any address or family.

        A port in TIME_WAIT counts as free: a server with SO_REUSEADDR can bind it.
        """
        return all(self._is_free(port, kind) for kind in _KINDS[protocol])

    def can_bind(self, port: Port, protocol: Protocol = "tcp") -> bool:
        """Return whether any program could bind `port` now; in TIME_WAIT, not every one can."""
        kinds = _KINDS[protocol]
        return all(
            bind_passes(port, family, kind, reuse=False)
            for kind in kinds
            for family in self.families
        )

    def _is_free(self, port: Port, kind: socket.SocketKind) -> bool:
        if all(bind_passes(port, family, kind, reuse=False) for family in self.families):
            return True
        if kind == socket.SOCK_DGRAM:
            return False
        # TIME_WAIT, or a socket that is bound with SO_REUSEADDR: the second probe passes for both,
        # and fails for every listener (bind(2), and by experiment).
        if not all(bind_passes(port, family, kind, reuse=True) for family in self.families):
            return False
        return not self.is_bound_inactive(port)


def bind_passes(port: Port, family: int, kind: socket.SocketKind, *, reuse: bool) -> bool:
    """Bind the wildcard address of one family to `port` for an instant.

    EACCES (a privileged port) counts as passed: it reveals nothing about who is there. Raises
    `Unavailable` if no descriptor is left.
    """
    try:
        probe = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise refusal(error) from error
    with probe:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if reuse:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            if error.errno != errno.EACCES:
                raise
    return True


def has_ipv6() -> bool:
    """Return whether `::1` can be bound: some machines have no IPv6, or none on loopback."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def ephemeral_ports() -> PortRange:
    """Return the ports that the kernel uses for outgoing connections (ip(7)); where it does not
    tell, the dynamic ports of RFC 6335 section 6."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first, last = file.read().split()
    except FileNotFoundError:
        return PortRange(Port(49152), Port(65535))  # not Linux
    return PortRange(Port(int(first)), Port(int(last)))


def reserved_ports() -> frozenset[int]:
    """Return the ports that the kernel excludes from its own choice (ip(7), "reserved ports")."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_reserved_ports", encoding="ascii") as file:
            spans = file.read().strip().split(",")
    except OSError:
        return frozenset()  # ENOENT: a network namespace without the file
    ends = [span.partition("-") for span in spans if span]
    return frozenset(
        port for first, _, last in ends for port in range(int(first), int(last or first) + 1)
    )


def netns_cookie() -> int:
    """Return the id of this network namespace; 0 if the kernel (before 5.14) has none.

    An emulator (qemu's user mode) calls an option invalid that it does not know.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            raw = probe.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError as error:
            if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):
                raise
            return 0
    return int.from_bytes(raw, "little")
