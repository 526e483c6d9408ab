"""The ways in which a daemon can fail a program: absent, killed, stopped, or misbehaving.

Each is a real home with whatever a real daemon leaves in it. A daemon that speaks nonsense is a
thread at the real line socket, which the real port map names.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from tests.programs.installation import Installation

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What happens to a guest that has connected; the event says that the test is over."""

SickDaemon = Callable[[Installation], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def healthy(installation: Installation) -> Iterator[None]:
    """Run the daemon for a while, and leave nothing of it behind."""
    installation.start()
    try:
        yield
    finally:
        installation.kill()


@contextlib.contextmanager
def never_started(installation: Installation) -> Iterator[None]:
    """No daemon ever ran in this home."""
    yield


@contextlib.contextmanager
def killed(installation: Installation) -> Iterator[None]:
    """The daemon was killed: its files still say that it is running."""
    installation.kill()
    yield


@contextlib.contextmanager
def stopped_cleanly(installation: Installation) -> Iterator[None]:
    """The daemon was stopped cleanly."""
    installation.stop()
    yield


@contextlib.contextmanager
def frozen(installation: Installation) -> Iterator[None]:
    """The daemon is stopped by a signal: connections are accepted, but get no answer."""
    pid = int(json.loads((installation.styxy.home / "daemon.json").read_text())["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def misbehaving(behaviour: Behaviour) -> SickDaemon:
    """Make a daemon that accepts every connection and then behaves like this."""

    @contextlib.contextmanager
    def kind_of_sickness(installation: Installation) -> Iterator[None]:
        installation.kill()
        path = installation.paths.line_socket()
        os.unlink(path)
        over = threading.Event()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(64)
            thread = threading.Thread(target=_serve, args=(listener, behaviour, over), daemon=True)
            thread.start()
            try:
                yield
            finally:
                over.set()
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()

    return kind_of_sickness


def _serve(listener: socket.socket, behaviour: Behaviour, over: threading.Event) -> None:
    while True:
        try:
            guest, _ = listener.accept()
        except OSError:  # EINVAL: shut down, the test is over
            return
        with guest, contextlib.suppress(ConnectionError):  # the guest has given up, rightly
            behaviour(guest, over)


def speak_nonsense(guest: socket.socket, over: threading.Event) -> None:
    """Answer with bytes that are not a line of the protocol."""
    guest.recv(8192)
    guest.sendall(b"\x00\xffHTTP/1.1 200 move 80 80\r\n\r\n\n")


def name_no_port(guest: socket.socket, over: threading.Event) -> None:
    """Answer with a move to an impossible port."""
    guest.recv(8192)
    guest.sendall(b"styxy/1 move 99999999 api new 2026-11-21T19:25:22\n")


def hang_up_at_once(guest: socket.socket, over: threading.Event) -> None:
    """Close before the question."""


def hang_up_in_the_middle(guest: socket.socket, over: threading.Event) -> None:
    """Close in the middle of the answer."""
    guest.recv(8192)
    guest.sendall(b"styxy/1 move 80")


def dribble(guest: socket.socket, over: threading.Event) -> None:
    """Answer sensibly, one byte at a time, too slowly."""
    guest.recv(8192)
    for byte in b"styxy/1 move 8001 api new 2026-11-21T19:25:22\n":
        if over.wait(0.05):
            return
        guest.sendall(bytes([byte]))


SICK_DAEMONS: dict[str, SickDaemon] = {
    "never started": never_started,
    "killed": killed,
    "stopped cleanly": stopped_cleanly,
    "frozen": frozen,
    "nonsense": misbehaving(speak_nonsense),
    "no port": misbehaving(name_no_port),
    "hangs up at once": misbehaving(hang_up_at_once),
    "hangs up in the middle": misbehaving(hang_up_in_the_middle),
    "dribbles": misbehaving(dribble),
}
