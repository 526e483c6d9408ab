"""A network and a table of mounts for each worker of a parallel run, so that no worker meets the
ports or the dead mounts of another, and a network for a command whose ports are to be exactly those
of a document.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000  # <linux/sched.h>; os.unshare and os.setns came with Python 3.12
MS_REC, MS_PRIVATE = 1 << 14, 1 << 18  # <sys/mount.h>
SIOCSIFFLAGS = 0x8914  # <linux/sockios.h>
IFF_UP = 1  # <linux/if.h>

_libc = ctypes.CDLL(None, use_errno=True)
_outside: list[int] = []
"""A descriptor of the network that this process began in, once it has entered another."""


def enter_own_network() -> None:
    """Move this thread, and all that it starts, into a new network with a loopback and no more,
    and let what is mounted there stay there (mount_namespaces(7)).

    Who lacks the right (CAP_SYS_ADMIN, unshare(2)) stays where he is; then `fakes.free_port` alone
    keeps the workers apart.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        os.close(before)
        return
    if _libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    _outside.append(before)
    _raise_loopback()


def _raise_loopback() -> None:
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


@functools.cache
def own_network() -> tuple[str, ...]:
    """Name the words that start a command in a network of its own; none where that is refused.

    In that network every port is free, so that a document's ports are those that programs get.
    """
    words = (sys.executable, "-P", __file__)
    done = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if done.returncode == 0 else ()


def main(words: Sequence[str]) -> None:
    """Become a command in a new network; who is not root gets it in a new user namespace, in which
    he stays who he is (user_namespaces(7)). Raises `OSError` where the kernel allows neither."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(CLONE_NEWNET) != 0:
        if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _raise_loopback()
    os.execvp(words[0], list(words))


if __name__ == "__main__":
    main(sys.argv[1:])
