"""What the daemon hears from the service manager that started it, and what it says to it.

The protocol is systemd's: sd_listen_fds(3) for the sockets that the manager has opened, and
sd_notify(3) for the daemon's state. Whatever is missing or wrong there, the daemon serves.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

FIRST_PASSED = 3
"""The number of the first socket that is passed; the others follow (sd_listen_fds(3))."""

MOST_DIGITS = 3
"""Of the number of sockets; int() refuses 4,300 and more in its own way."""

BEATS = 3
"""Signs of life within the time after which the manager takes the daemon for hung."""

MICROSECONDS = 1_000_000

FIX = "styxy service install"

Address = str | tuple[str, int]
"""A Unix socket's path, or host and port."""


class PassedSockets:
    """The listening sockets of the manager, by what each is bound to; `notes` has a sentence about
    each that cannot be used.

    They stay open for as long as the process runs, so that it can take them more than once.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._sockets: dict[tuple[int, Address], socket.socket] = {}
        self._untaken: set[tuple[int, Address]] = set()
        self._unusable: list[str] = []
        for descriptor in _passed(env):
            self._add(descriptor)

    def _add(self, descriptor: int) -> None:
        try:
            os.set_inheritable(descriptor, False)
        except OSError:  # EBADF
            self._unusable.append(f"descriptor {descriptor} is not an open socket")
            return
        try:
            sock = socket.socket(fileno=descriptor)
        except OSError:
            self._unusable.append(f"descriptor {descriptor} is not a socket")
            return
        key = (sock.type, _address(sock))
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if sock.type == socket.SOCK_STREAM and not listens:
            self._unusable.append(f"the socket of {_spelled(key[1])} does not listen")
            sock.close()
            return
        self._sockets[key] = sock
        self._untaken.add(key)

    def take(self, kind: int, address: Address) -> socket.socket | None:
        """Return the socket that is bound to an address; None if none was passed.

        A Unix socket whose name is gone, or has become another's, reaches nobody.
        """
        key = (kind, address)
        sock = self._sockets.get(key)
        self._untaken.discard(key)
        if sock is None:
            return None
        if isinstance(address, str) and not _is_reached(kind, address):
            self._unusable.append(f"the name of the socket {address} is gone")
            del self._sockets[key]
            sock.close()
            return None
        return sock.dup()

    @property
    def notes(self) -> list[str]:
        """A sentence about each that cannot be used, or that nobody has taken."""
        for _, address in sorted(self._untaken, key=str):
            self._unusable.append(f"this daemon does not listen on {_spelled(address)}")
        self._untaken.clear()
        said, self._unusable = self._unusable, []
        return [f"of what the service manager passed, {each}; try: {FIX}" for each in said]


def _passed(env: Mapping[str, str]) -> range:
    """Return the descriptors that were passed to this very process."""
    count = env.get("LISTEN_FDS", "")
    is_ours = env.get("LISTEN_PID") == str(os.getpid())
    is_count = count.isascii() and count.isdigit() and len(count) <= MOST_DIGITS
    return range(FIRST_PASSED, FIRST_PASSED + (int(count) if is_ours and is_count else 0))


def _address(sock: socket.socket) -> Address:
    found = sock.getsockname()
    if isinstance(found, bytes):  # an abstract name (unix(7))
        return os.fsdecode(found)
    return found if isinstance(found, str) else (str(found[0]), int(found[1]))


def _spelled(address: Address) -> str:
    if isinstance(address, str):
        return address or "no name"
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_reached(kind: int, path: str) -> bool:
    """Return whether a name leads to a socket; the home's lock proves that no other daemon has
    it."""
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True  # the backlog is full
        except OSError:
            return False
    return True


class ServiceManager:
    """Tells the manager how the daemon is; without one, says nothing.

    `patience`: seconds without a sign of life after which it takes the daemon for hung, None if it
    expects none.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._address = env.get("NOTIFY_SOCKET", "")
        self.patience = _patience(env)
        self._beat: asyncio.TimerHandle | None = None

    @property
    def is_there(self) -> bool:
        """Whether a manager has started this daemon."""
        return bool(self._address)

    def ready(self) -> None:
        """Say that the daemon answers, at the start and after a reload."""
        self._say("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the daemon has begun to stop."""
        self._say("STOPPING=1")

    def start_beating(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give signs of life from the loop, so that one that hangs gives none."""
        if self.patience is not None:
            self._say("WATCHDOG=1")
            self._beat = loop.call_later(self.patience / BEATS, self.start_beating, loop)

    def stop_beating(self) -> None:
        """Give no more signs of life."""
        if self._beat is not None:
            self._beat.cancel()

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):  # an abstract name (unix(7))
            address = "\0" + address[1:]
        # A manager that is gone, or does not read, is no reason to stop.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.setblocking(False)
            link.sendto("\n".join(lines).encode(), os.fsencode(address))


def _patience(env: Mapping[str, str]) -> float | None:
    if env.get("WATCHDOG_PID") not in (None, "", str(os.getpid())):
        return None
    text = env.get("WATCHDOG_USEC", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= 18  # the digits of 30,000 years
    return int(text) / MICROSECONDS if is_number and int(text) > 0 else None
