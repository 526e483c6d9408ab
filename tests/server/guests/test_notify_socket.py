"""Datagrams of guests: the sender is the kernel's word, nonsense is as if it had never come."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from styxy.server.guests.notify_socket import SHARE_SECONDS, NotifySocket
from tests.fakes import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from styxy.core.protocol.wire import ListenNote, NameNote
    from tests.daemon import Daemon

SO_COOKIE = 57
"""Of asm-generic/socket.h; Python has no name for it."""

GOOD = (
    b"styxy/1 listen tcp 4 8001 127.0.0.1 00000000000000ff 0123456789abcdef default - /p%20q "
    b"00000000000000aa 8001"
)


def heard(
    path: Path,
    *datagrams: bytes,
    names: list[NameNote] | None = None,
    names_senders: bool = True,
) -> list[tuple[ListenNote, int]]:
    """Send datagrams to a socket, the last of them a good one, and list what it passes on."""
    names = [] if names is None else names
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

            sock = NotifySocket(inner, on_events, on_name=names.append, names_senders=names_senders)
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
    assert note.asked == 8001


def test_where_the_system_names_no_sender_the_note_does(tmp_path: Path) -> None:
    ((_, pid),) = heard(tmp_path / "note", GOOD + b" 4711", names_senders=False)
    assert pid == 4711


def test_a_program_that_has_read_where_it_was_moved_is_passed_on(tmp_path: Path) -> None:
    names: list[NameNote] = []
    assert heard(tmp_path / "note", b"styxy/1 name 8001 0123456789abcdef", names=names) == []
    assert [(each.port, each.image_id) for each in names] == [(8001, "0123456789abcdef")]


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


def test_a_flood_of_dear_reports_is_read_one_by_one(tmp_path: Path) -> None:
    read: list[int] = []

    def slow(note: ListenNote, _pid: int) -> None:
        read.append(note.port)
        end = time.perf_counter() + SHARE_SECONDS
        while time.perf_counter() < end:
            pass

    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inner,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as guest,
    ):
        inner.bind(str(tmp_path / "note"))
        notes = NotifySocket(inner, slow, on_name=lambda _: None)
        for _ in range(3):
            guest.sendto(GOOD, str(tmp_path / "note"))
        for number in range(3):
            notes.read()
            assert len(read) == number + 1


def report(daemon: Daemon, port: int, *, cookie: int, project: Path) -> None:
    """Report a listener to the daemon as the native library does."""
    folder = os.path.dirname(daemon.facts["line_socket"])
    line = (
        f"styxy/1 listen tcp 4 {port} 127.0.0.1 {cookie:016x} 0123456789abcdef default - "
        f"{project} 0 {port}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as guest:
        guest.sendto(line.encode(), os.path.join(folder, "note.sock"))


def is_believed(daemon: Daemon, port: int) -> bool:
    """Return whether the daemon takes a listener for the one that `report` has named.

    It reads reports before it answers a question; where a program's own socket is in its way, it is
    not moved.
    """
    line = f"styxy/1 bind tcp 4 {port} 127.0.0.1 inuse 0 0123456789abcdef default - /tmp\n"
    return daemon.ask(line.encode()) == b"styxy/1 keep\n"


def cookie_of(server: socket.socket) -> int:
    return int.from_bytes(server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), "little")


def test_a_report_of_a_port_where_nobody_listens_changes_nothing(
    daemon: Daemon, tmp_path: Path
) -> None:
    victim = daemon.allocate("dev", project_path=str(tmp_path), pid=os.getpid())
    report(daemon, victim["port"], cookie=1, project=tmp_path / "liar")
    assert not is_believed(daemon, victim["port"])
    lease = next(each for each in daemon.leases() if each["port"] == victim["port"])
    assert (lease["state"], lease["expires_at"]) == ("reserved", None)
    assert daemon.call("GET", f"/observe/{victim['port']}").body["bound"] is False


def test_a_report_of_another_programs_socket_changes_nothing(
    daemon: Daemon, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port, cookie = server.getsockname()[1], cookie_of(server)
        child = os.fork()
        if child == 0:
            try:
                server.close()
                report(daemon, port, cookie=cookie, project=tmp_path / "liar")
                signal.pause()
            finally:
                os._exit(1)
        believed = is_believed(daemon, port)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert not believed


def test_a_report_of_ones_own_socket_is_believed(daemon: Daemon, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        report(daemon, port, cookie=cookie_of(server), project=tmp_path / "mine")
        assert is_believed(daemon, port)
