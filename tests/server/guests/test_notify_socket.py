"""Datagrams of guests: the sender is the kernel's word, nonsense is as if it had never come."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from styxy.server.guests.notify_socket import NotifySocket

if TYPE_CHECKING:
    from pathlib import Path

    from styxy.core.protocol.wire import ListenNote

GOOD = (
    b"styxy/1 listen tcp 4 8001 127.0.0.1 00000000000000ff 0123456789abcdef default - /p%20q "
    b"00000000000000aa"
)


def heard(path: Path, *datagrams: bytes) -> list[tuple[ListenNote, int]]:
    """Send datagrams to a door, the last of them a good one, and list what it passes on."""
    found: list[tuple[ListenNote, int]] = []

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inner:
            inner.bind(str(path))

            def on_events(note: ListenNote, pid: int) -> None:
                found.append((note, pid))
                if note.port == 9999:
                    done.set()

            sock = NotifySocket(inner, on_events)
            sock.open(loop)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as guest:
                for datagram in (*datagrams, GOOD.replace(b"8001", b"9999")):
                    guest.sendto(datagram, str(path))
                await asyncio.wait_for(done.wait(), 10)
            sock.close(loop)

    asyncio.run(listen())
    return found[:-1]


def test_a_note_is_passed_on_with_its_senders_pid(tmp_path: Path) -> None:
    ((note, pid),) = heard(tmp_path / "note", GOOD)

    assert pid == os.getpid()
    assert (note.port, note.cookie, note.repo, note.project) == (8001, 0xFF, 0xAA, "/p q")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0" * 100,
        b"styxy/1 listen",
        b"styxy/2" + GOOD[7:],
        GOOD.replace(b"8001", b"80010"),
        GOOD.replace(b"tcp", b"sctp"),
        GOOD.replace(b"00000000000000ff", b"ff"),
        GOOD + b" more",
        "styxy/1 listen ä".encode(),
    ],
)
def test_nonsense_is_as_if_it_had_never_come(tmp_path: Path, datagram: bytes) -> None:
    assert heard(tmp_path / "note", datagram) == []
