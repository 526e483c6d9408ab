"""A network for each worker of a parallel run, so that no worker meets the ports of another."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000  # <linux/sched.h>; os.unshare and os.setns came with Python 3.12
SIOCSIFFLAGS = 0x8914  # <linux/sockios.h>
IFF_UP = 1  # <linux/if.h>

_libc = ctypes.CDLL(None, use_errno=True)
_outside: list[int] = []
"""A descriptor of the network that this process began in, once it has entered another."""


def enter_own_network() -> None:
    """Move this thread, and all that it starts, into a new network with a loopback and no more.

    Who lacks the right (CAP_SYS_ADMIN, unshare(2)) stays where he is; then `fakes.free_port` alone
    keeps the workers apart.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if _libc.unshare(CLONE_NEWNET) != 0:
        os.close(before)
        return
    _outside.append(before)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", IFF_UP)  # struct ifreq of netdevice(7)
        fcntl.ioctl(control, SIOCSIFFLAGS, request)


@contextmanager
def outside() -> Iterator[None]:
    """Go back to the network that this process began in, for what is fetched from elsewhere."""
    if not _outside:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(_outside[0])
        yield
    finally:
        _enter(own)
        os.close(own)


def _enter(network: int) -> None:
    if _libc.setns(network, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
