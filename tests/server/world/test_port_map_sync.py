"""The port map says what the kernel and the books say: real sockets, a real map file."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from styxy.adapters.kernel import KernelLook
from styxy.adapters.portmap.layout import (
    ANSWER,
    ANSWERS_AT,
    FIRST,
    FIRST_AT,
    MOVE,
    MOVES_AT,
    PROMISE,
    PROMISES_AT,
)
from styxy.adapters.portmap.map import PortMap
from styxy.adapters.processes import Processes
from styxy.core.decisions.desk import Desk
from styxy.core.decisions.moves import decide_move
from styxy.core.decisions.requests import MoveRequest
from styxy.core.model.leases import Holder, Owner
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import Catalogue
from styxy.server.world.asked_ports import AskedPorts
from styxy.server.world.listeners import GuestReport, Listeners
from styxy.server.world.port_map_sync import PortMapSync
from tests.fakes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from styxy.core.books.events import Event

SO_COOKIE = 57
HERE, THERE = "/here", "/there"


def asked_by(desk: Desk, *, ephemeral: PortRange) -> AskedPorts:
    """What programs ask for, with a repo for /here alone."""
    return AskedPorts(desk, ephemeral=ephemeral, repo_of=lambda project: 77 * (project == HERE))


class MapHarness:
    """A desk, a port map sync and a map file, with the kernel's own listeners."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 100.0
        self.known_for: str | None = None
        self.desk = Desk(Catalogue())
        processes = Processes()
        self.kernel = KernelLook()
        self.listeners = Listeners(kernel=self.kernel, processes=processes)
        # No port counts as chosen by the kernel, as most of a test's are.
        self.asked_ports = asked_by(self.desk, ephemeral=PortRange(Port(1), Port(1)))
        self.map = PortMap(str(path), line_socket="/l", note_socket="/n", netns=0)
        self.map.reveal()
        self.port_map_sync = self.sync()
        me = processes.holder(os.getpid())
        assert me is not None
        self.me: Holder = me

    def sync(self) -> PortMapSync:
        return PortMapSync(
            self.desk,
            port_map=self.map,
            listeners=self.listeners,
            project_of=lambda pid: HERE if pid == os.getpid() else None,
            repo_of=lambda project: 77 if project == HERE else 0,
            type_of=lambda _: self.known_for,
            last_seq=lambda: 0,
            asked_ports=self.asked_ports,
        )

    def close(self) -> None:
        self.map.retire()
        self.kernel.close()

    def commit(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.desk.apply(event)
        self.port_map_sync.on_events(events)

    def look(self) -> None:
        self.listeners.look_at_udp(self.now)
        listening = self.listeners.look(self.now)
        self.port_map_sync.refresh()
        self.commit(self.desk.seen(listening, now=self.now).events)

    def answer(self, family: int, port: int) -> tuple[int, ...]:
        """Read project, repo, cookie, flags and pid of who answers."""
        return ANSWER.unpack_from(self.path.read_bytes(), ANSWERS_AT[family] + port * ANSWER.size)

    def promise(self, port: int) -> tuple[int, ...]:
        return PROMISE.unpack_from(self.path.read_bytes(), PROMISES_AT + port * PROMISE.size)

    def chain(self, asked: int) -> list[tuple[int, ...]]:
        """Read the moves away from a port, in the order in which a guest meets them."""
        raw, found = self.path.read_bytes(), []
        (slot,) = FIRST.unpack_from(raw, FIRST_AT + asked * FIRST.size)
        while slot:
            move = MOVE.unpack_from(raw, MOVES_AT + (slot - 1) * MOVE.size)
            found.append(move)
            slot = move[9]
        return found

    def move(self, asked: int, *, project: str = HERE, image_id: int = 1) -> Port:
        request = MoveRequest(
            asked=Port(asked),
            owner=Owner(project=project),
            holder=self.me,
            image_id=f"{image_id:016x}",
            reason="promised",
        )
        taken: set[int] = set()
        while True:
            ruling = decide_move(
                self.desk, request, lease_id=f"{image_id}-{asked}", now=self.now, taken=taken
            )
            assert ruling.candidate is not None
            if self.kernel.is_free(ruling.candidate):
                break
            taken.add(ruling.candidate)
        self.commit(ruling.events)
        lease = self.desk.lease_index.moved_from(request.owner, request.asked)[-1]
        return lease.port


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[MapHarness]:
    made = MapHarness(tmp_path / "ports.map")
    yield made
    made.close()


@contextlib.contextmanager
def listening(address: str, port: int = 0, *, dual: bool = False) -> Iterator[tuple[int, int]]:
    """Listen, and tell the port and the socket's cookie."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        # As servers do: a port in TIME_WAIT is free for them, and the kernel look says so.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
        server.bind((address, port))
        server.listen()
        raw = server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        yield server.getsockname()[1], struct.unpack("@Q", raw)[0]


@pytest.mark.parametrize(
    ("address", "dual", "on4", "on6"),
    [
        ("127.0.0.1", False, True, False),
        ("0.0.0.0", False, True, False),
        ("::1", False, False, True),
        ("::", False, False, True),
        ("::", True, True, True),
    ],
)
def test_who_answers_is_shown_on_the_families_that_reach_it(
    harness: MapHarness, address: str, dual: bool, on4: bool, on6: bool
) -> None:
    with listening(address, dual=dual) as (port, cookie):
        harness.look()
        shown = (Owner(project=HERE).key, 77, cookie, 0, os.getpid())
        assert harness.answer(4, port) == (shown if on4 else (0, 0, 0, 0, 0))
        assert harness.answer(6, port) == (shown if on6 else (0, 0, 0, 0, 0))
    harness.look()
    assert harness.answer(4, port) == harness.answer(6, port) == (0, 0, 0, 0, 0)


def test_the_most_specific_address_answers(harness: MapHarness) -> None:
    with listening("::1") as (port, one), listening("127.0.0.1", port) as (_, four):
        harness.look()
        assert (harness.answer(4, port)[2], harness.answer(6, port)[2]) == (four, one)


def test_a_guests_word_counts_for_whose_a_socket_is(harness: MapHarness) -> None:
    with listening("127.0.0.1") as (port, cookie):
        harness.look()
        told = GuestReport(image_id="0" * 16, project=THERE, repo=88, service_type="database")
        harness.listeners.add_report(cookie, holder=harness.me, report=told, transport="tcp")
        harness.port_map_sync.invalidate(Port(port))
        harness.look()
        assert harness.answer(4, port) == (Owner(project=THERE).key, 88, cookie, 1, os.getpid())


@pytest.mark.parametrize(
    ("known_for", "declared", "is_shared"),
    [
        ("infrastructure", None, True),  # a Redis on any port is for all worktrees
        ("ai", None, True),
        ("api", None, False),
        (None, None, False),
        ("infrastructure", "api", False),
    ],
)
def test_what_a_program_is_known_for_counts_where_nothing_is_declared(
    harness: MapHarness, known_for: str | None, declared: str | None, is_shared: bool
) -> None:
    harness.known_for = known_for
    with listening("127.0.0.1") as (port, cookie):
        harness.look()
        if declared is not None:
            told = GuestReport(image_id="0" * 16, project=HERE, repo=77, service_type=declared)
            harness.listeners.add_report(cookie, holder=harness.me, report=told, transport="tcp")
            harness.port_map_sync.invalidate(Port(port))
            harness.look()
        assert harness.answer(4, port)[3] == int(is_shared)


def test_a_move_is_held_then_live_then_remembered(harness: MapHarness) -> None:
    port = harness.move(8000)
    assert [(move[6], move[7]) for move in harness.chain(8000)] == [(port, 1)]
    assert harness.promise(port) == (Owner(project=HERE).key, 8000, 0, 0)

    with listening("127.0.0.1", port) as (_, cookie):
        harness.look()
        (live,) = harness.chain(8000)
        assert (live[0], live[2], live[3]) == (Owner(project=HERE).key, cookie, 0)
        assert (live[6], live[7]) == (port, 2)
        assert harness.promise(port)[2] == 1, "committed"

    harness.now = 200.0
    harness.look()
    assert harness.chain(8000)[0][7] == 1, "its holder lives: held until it lapses"
    harness.commit(harness.desk.release("1-8000", now=harness.now).events)
    (gone,) = harness.chain(8000)
    assert (gone[4], gone[6], gone[7]) == (200, port, 3)
    assert harness.promise(port) == (0, 0, 0, 0)


def test_the_oldest_live_move_comes_first(harness: MapHarness) -> None:
    first = harness.move(8000, image_id=1)
    harness.now += 1
    second = harness.move(8000, image_id=2)
    with listening("127.0.0.1", second):
        harness.look()
        assert [move[6] for move in harness.chain(8000)] == [second, first], "held ones come last"
        with listening("127.0.0.1", first):
            harness.look()
            assert [move[6] for move in harness.chain(8000)] == [first, second]


def test_a_new_daemon_shows_what_the_books_hold(harness: MapHarness, tmp_path: Path) -> None:
    port = harness.move(8000)
    harness.commit(harness.desk.release("1-8000", now=harness.now).events)
    kept = harness.move(9200)
    again = MapHarness(tmp_path / "again.map")
    for event in harness.desk.snapshot(now=harness.now):
        again.desk.apply(event)
    again.port_map_sync.begin()
    assert [(move[6], move[7]) for move in again.chain(8000)] == [(port, 3)]
    assert [(move[6], move[7]) for move in again.chain(9200)] == [(kept, 1)]
    assert again.promise(kept)[0] == Owner(project=HERE).key
    again.close()


@contextlib.contextmanager
def receiving(address: str, port: int) -> Iterator[int]:
    """Bind UDP, and tell the socket's cookie."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        yield struct.unpack("@Q", server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def test_a_moved_servers_udp_socket_is_an_entry_of_its_own(harness: MapHarness) -> None:
    asked = free_port()
    port = harness.move(asked)
    with receiving("127.0.0.1", port) as one, receiving("::1", port) as two:
        harness.look()
        held, udp = harness.chain(asked)
        assert (held[2], held[3], held[7]) == (0, 0, 1)
        assert udp[:4] == (Owner(project=HERE).key, 1, one, two)
        assert (udp[6], udp[7]) == (port, 4)
        with receiving("127.0.0.1", asked):
            harness.look()
            assert [move[7] for move in harness.chain(asked)] == [1], "its own is at the asked port"
        harness.look()
        assert len(harness.chain(asked)) == 2
    harness.look()
    assert [move[7] for move in harness.chain(asked)] == [1]


def test_another_projects_udp_socket_is_not_shown(harness: MapHarness) -> None:
    asked = free_port()
    port = harness.move(asked, project=THERE)
    with receiving("127.0.0.1", port):
        harness.look()
        assert [move[7] for move in harness.chain(asked)] == [1]
