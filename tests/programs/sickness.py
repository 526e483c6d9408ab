"""The ways in which a daemon can fail a program: not there, gone, stopped, or out of its mind.

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

from tests.programs.house import House

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What happens to a guest that has connected; the event says that the test is over."""

Sickness = Callable[[House], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def healthy(house: House) -> Iterator[None]:
    """Run the daemon for a while, and have nothing of it left."""
    house.start()
    try:
        yield
    finally:
        house.kill()


@contextlib.contextmanager
def never_started(house: House) -> Iterator[None]:
    """No daemon ever ran in this home."""
    yield


@contextlib.contextmanager
def killed(house: House) -> Iterator[None]:
    """The daemon was killed: its files say that it runs."""
    house.kill()
    yield


@contextlib.contextmanager
def stopped_cleanly(house: House) -> Iterator[None]:
    """The daemon has said good-bye."""
    house.stop()
    yield


@contextlib.contextmanager
def frozen(house: House) -> Iterator[None]:
    """The daemon is stopped by a signal: who knocks is let in, and gets no answer."""
    pid = int(json.loads((house.styxy.home / "daemon.json").read_text())["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def possessed(behaviour: Behaviour) -> Sickness:
    """Make a daemon that lets everybody in and then behaves so."""

    @contextlib.contextmanager
    def sickness(house: House) -> Iterator[None]:
        house.kill()
        path = house.paths.line_socket()
        os.unlink(path)
        over = threading.Event()
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path)
            door.listen(64)
            thread = threading.Thread(target=_serve, args=(door, behaviour, over), daemon=True)
            thread.start()
            try:
                yield
            finally:
                over.set()
                door.shutdown(socket.SHUT_RDWR)
                thread.join()

    return sickness


def _serve(door: socket.socket, behaviour: Behaviour, over: threading.Event) -> None:
    while True:
        try:
            guest, _ = door.accept()
        except OSError:  # EINVAL: shut down, the test is over
            return
        with guest, contextlib.suppress(ConnectionError):  # the guest has given up, rightly
            behaviour(guest, over)


def speak_nonsense(guest: socket.socket, over: threading.Event) -> None:
    """Answer with bytes that are no line of the protocol."""
    guest.recv(8192)
    guest.sendall(b"\x00\xffHTTP/1.1 200 move 80 80\r\n\r\n\n")


def name_no_port(guest: socket.socket, over: threading.Event) -> None:
    """Answer in the form of a move, to where nobody can go."""
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


SICKNESSES: dict[str, Sickness] = {
    "never started": never_started,
    "killed": killed,
    "stopped cleanly": stopped_cleanly,
    "frozen": frozen,
    "nonsense": possessed(speak_nonsense),
    "no port": possessed(name_no_port),
    "hangs up at once": possessed(hang_up_at_once),
    "hangs up in the middle": possessed(hang_up_in_the_middle),
    "dribbles": possessed(dribble),
}
