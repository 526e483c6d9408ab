"""A network for each worker of a parallel run, so that no worker meets the ports of another."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct

CLONE_NEWNET = 0x40000000  # <linux/sched.h>; os.unshare came with Python 3.12
SIOCSIFFLAGS = 0x8914  # <linux/sockios.h>
IFF_UP = 1  # <linux/if.h>


def enter_own_network() -> None:
    """Move this thread, and all that it starts, into a new network with a loopback and no more.

    Who lacks the right (CAP_SYS_ADMIN, unshare(2)) stays where he is; then `fakes.free_port` alone
    keeps the workers apart.
    """
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", IFF_UP)  # struct ifreq of netdevice(7)
        fcntl.ioctl(control, SIOCSIFFLAGS, request)
