"""The port map, byte by byte as guests read it, over the life of several daemons.

Also tests `layout`.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from msgspec.structs import replace

from styxy.adapters.portmap.file import Remains, moves_left, remains_of, retire_left_over
from styxy.adapters.portmap.map import Answer, MoveEntry, PortMap
from styxy.core.errors import StyxyError
from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port

LINE = "/run/styxy/line.sock"
NOTE = "/run/styxy/note.sock"
ANSWERS4 = 4096 + 65536 * 16
ANSWERS6 = ANSWERS4 + 65536 * 32
FIRST = ANSWERS6 + 65536 * 32
MOVES = FIRST + 65536 * 4
WHOLE = MOVES + 4096 * 64 + 65536 * 4 + 8192 * 16


def open_map(path: Path, *, line: str = LINE, netns: int = 7) -> PortMap:
    """A map that guests see."""
    port_map = PortMap(str(path), line_socket=line, note_socket=NOTE, netns=netns)
    port_map.reveal()
    return port_map


def lease(port: int, *, project: str | None = "/p", asked: int | None = None) -> Lease:
    return Lease(
        lease_id=str(port),
        port=Port(port),
        service_type="dev",
        owner=Owner(project=project),
        asked=None if asked is None else Port(asked),
        allocated_at=0.0,
        last_seen=0.0,
    )


def u32(raw: bytes, offset: int) -> int:
    return int(struct.unpack_from("@I", raw, offset)[0])


def u64(raw: bytes, offset: int) -> int:
    return int(struct.unpack_from("@Q", raw, offset)[0])


def record(raw: bytes, port: int) -> tuple[int, ...]:
    """Read owner, asked port, flags and what is reserved."""
    return struct.unpack_from("@QHHI", raw, 4096 + 16 * port)


def test_the_header_is_where_guests_look_for_it(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path, netns=0x1122334455667788)
    raw = path.read_bytes()
    assert len(raw) == WHOLE
    assert raw[0:8] == b"STYXYMAP"
    assert u32(raw, 8) == 3, "version"
    assert u32(raw, 12) == 4096, "header size"
    assert u64(raw, 16) >= 1, "generation"
    assert u32(raw, 24) == 0, "retired"
    assert u32(raw, 28) == os.getpid(), "daemon"
    assert u64(raw, 32) == 0x1122334455667788, "network namespace"
    assert raw[40:64] == bytes(24)
    assert raw[64:192] == LINE.encode().ljust(128, b"\0")
    assert raw[192:320] == NOTE.encode().ljust(128, b"\0")
    assert u32(raw, 320) == 4096, "slots of moves"
    assert raw[324:] == bytes(WHOLE - 324)
    port_map.retire()


@pytest.mark.parametrize("port", [1, 1024, 3000, 65535])
def test_a_promise_is_one_record_and_goes_as_it_came(tmp_path: Path, port: int) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    before = path.read_bytes()
    port_map.show([lease(port, asked=3000)])
    raw = path.read_bytes()
    assert record(raw, port) == (Owner(project="/p").key, 3000, 0, 0)
    assert u64(raw, 16) == u64(before, 16) + 2
    port_map.clear([Port(port)])
    raw = path.read_bytes()
    assert raw[4096:] == before[4096:]
    assert u64(raw, 16) == u64(before, 16) + 4
    port_map.retire()


def test_a_lease_without_a_project_is_its_instances(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.show([lease(3000, project=None), lease(3001)])
    raw = path.read_bytes()
    assert record(raw, 3000) == (Owner(instance_id="default").key, 0, 0, 0)
    assert record(raw, 3001)[0] == Owner(project="/p").key
    port_map.retire()


def test_a_clean_stop_retires_the_map_and_lets_it_go(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    before = len(os.listdir("/proc/self/fd"))
    port_map = open_map(path)
    port_map.show([lease(3000)])
    port_map.retire()
    raw = path.read_bytes()
    assert u32(raw, 24) == 1
    assert record(raw, 3000)[0] == Owner(project="/p").key, "leases survive a stop"
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_next_daemon_uses_the_same_file_and_starts_with_no_promise(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    first = open_map(path)
    first.show([lease(3000, asked=2999)])
    first.retire()
    inode = path.stat().st_ino
    generation = u64(path.read_bytes(), 16)
    second = open_map(path, line="/short", netns=9)
    raw = path.read_bytes()
    assert path.stat().st_ino == inode
    assert u64(raw, 16) > generation
    assert u32(raw, 24) == 0
    assert record(raw, 3000) == (0, 0, 0, 0)
    assert raw[64:192] == b"/short".ljust(128, b"\0")
    assert u64(raw, 32) == 9
    second.retire()


def test_the_map_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        open_map(tmp_path / "ports.map").retire()
    finally:
        os.umask(old)
    assert (tmp_path / "ports.map").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "old",
    [
        b"STYXYMAP" + struct.pack("@I", 1) + bytes(WHOLE - 12),
        b"STYXYMAP" + struct.pack("@I", 2) + bytes(WHOLE),
        b"STYXYMAP" + struct.pack("@I", 2),
        bytes(WHOLE),
        b"a letter",
    ],
    ids=["another version", "longer", "shorter", "no magic", "another thing"],
)
def test_a_map_of_another_kind_is_replaced_and_never_shrunk(tmp_path: Path, old: bytes) -> None:
    path = tmp_path / "ports.map"
    path.write_bytes(old)
    path.chmod(0o600)
    with path.open("rb") as mapped_by_a_guest:
        port_map = open_map(path)
        assert path.stat().st_size == WHOLE
        is_untouched = mapped_by_a_guest.read() == old
        assert is_untouched
    assert path.read_bytes()[:8] == b"STYXYMAP"
    port_map.retire()


def test_a_map_that_others_may_write_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    open_map(path).retire()
    path.chmod(0o666)
    with path.open("rb") as old:
        open_map(path).retire()
        assert os.fstat(old.fileno()).st_ino != path.stat().st_ino
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_empty_file_becomes_the_map(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    path.touch(mode=0o600)
    open_map(path).retire()
    assert path.stat().st_size == WHOLE


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "ports.map").symlink_to(target)
    with pytest.raises(StyxyError, match=r"ports\.map"):
        open_map(tmp_path / "ports.map")
    assert target.read_text() == "mine"


# --- who answers, and which server went where ----------------------------------------------------


def answer(cookie: int, *, shared: bool = False) -> Answer:
    return Answer(project=11, repo=22, cookie=cookie, is_shared=shared, pid=44)


def move(port: int, *, asked: int = 3000, cookie: int = 0) -> MoveEntry:
    return MoveEntry(
        project=1,
        image_id=2,
        asked=Port(asked),
        port=Port(port),
        state="live",
        at=9.5,
        cookie4=cookie,
    )


def chain(raw: bytes, asked: int) -> list[int]:
    """Follow a chain as a guest does; list the ports that the servers went to."""
    ports, slot = [], u32(raw, FIRST + 4 * asked)
    while slot:
        at = MOVES + 64 * (slot - 1)
        assert struct.unpack_from("@H", raw, at + 40) == (asked,)
        ports.append(int(struct.unpack_from("@H", raw, at + 42)[0]))
        slot = u32(raw, at + 48)
    return ports


def test_an_answer_is_one_record_of_its_family(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.set_answers(4, {Port(3000): answer(7)})
    port_map.set_answers(6, {Port(65535): answer(8, shared=True)})
    raw = path.read_bytes()
    assert struct.unpack_from("@QQQII", raw, ANSWERS4 + 32 * 3000) == (11, 22, 7, 0, 44)
    assert struct.unpack_from("@QQQII", raw, ANSWERS6 + 32 * 65535) == (11, 22, 8, 1, 44)
    port_map.set_answers(4, {Port(3000): None})
    port_map.set_answers(6, {Port(65535): None})
    assert path.read_bytes()[4096:] == bytes(WHOLE - 4096)


def test_a_move_is_one_slot(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.set_moves(Port(3000), [move(3007, cookie=5)])
    raw = path.read_bytes()
    at = MOVES + 64 * (u32(raw, FIRST + 4 * 3000) - 1)
    assert struct.unpack_from("@QQQQQHHHHII", raw, at) == (1, 2, 5, 0, 9, 3000, 3007, 2, 0, 0, 0)


def test_a_chain_is_put_in_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    for ports in ([3007, 3008, 3009], [3008], [], [3010, 3011]):
        port_map.set_moves(Port(3000), [move(port) for port in ports])
        port_map.set_moves(Port(8000), [move(8001, asked=8000)])
        assert chain(path.read_bytes(), 3000) == ports
        assert chain(path.read_bytes(), 8000) == [8001]


def test_where_servers_went_can_be_read_when_the_daemon_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    gone, other = replace(move(3010), state="remembered"), replace(move(3011), project=3)
    port_map.set_moves(Port(3000), [move(3007), other, gone, move(3008)])
    port_map.retire()
    assert moves_left(str(path), Port(3000), project=1) == [3007, 3008]
    assert moves_left(str(path), Port(3001), project=1) == []
    assert moves_left(str(tmp_path / "none"), Port(3000), project=1) == []


def test_a_chain_that_bites_its_tail_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.set_moves(Port(3000), [move(3007)])
    port_map.retire()
    raw = bytearray(path.read_bytes())
    slot = u32(bytes(raw), FIRST + 4 * 3000)
    struct.pack_into("@I", raw, MOVES + 64 * (slot - 1) + 48, slot)
    path.write_bytes(raw)
    assert set(moves_left(str(path), Port(3000), project=1)) == {3007}


def test_what_no_slot_is_left_for_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.set_moves(Port(3000), [move(3001)] * 4095)
    port_map.set_moves(Port(3100), [move(3101, asked=3100), move(3102, asked=3100)])
    port_map.set_moves(Port(3200), [move(3201, asked=3200)])
    raw = path.read_bytes()
    assert (chain(raw, 3100), chain(raw, 3200)) == ([3101], [])
    port_map.set_moves(Port(3000), [])
    port_map.set_moves(Port(3200), [move(3201, asked=3200)])
    assert chain(path.read_bytes(), 3200) == [3201]


def test_a_guest_sees_an_odd_generation_while_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    start = u64(path.read_bytes(), 16)
    with port_map.writing():
        port_map.show([lease(3000)])
        assert u64(path.read_bytes(), 16) == start + 1
        port_map.clear([Port(3000)])
    assert (start % 2, u64(path.read_bytes(), 16)) == (0, start + 2)


def test_a_daemon_that_died_while_it_wrote_leaves_no_odd_generation(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    with port_map.writing():
        dead = path.read_bytes()
    port_map.retire()
    path.write_bytes(dead)
    again = open_map(path)
    assert u64(path.read_bytes(), 16) % 2 == 0
    assert u64(path.read_bytes(), 16) > u64(dead, 16)
    again.retire()


# --- what is left of a daemon that died ----------------------------------------------------------


def test_what_a_killed_daemon_left_is_in_force_until_the_next_map_is_complete(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ports.map"
    open_map(path).show([lease(3000), lease(3001)])  # and it is killed
    left = path.read_bytes()
    following = PortMap(str(path), line_socket="/line", note_socket=NOTE, netns=7)
    following.show([lease(3000)])
    assert path.read_bytes() == left
    following.reveal()
    raw = path.read_bytes()
    assert (record(raw, 3000)[0], record(raw, 3001)[0]) == (Owner(project="/p").key, 0)
    assert (u32(raw, 24), u64(raw, 16) % 2) == (0, 0)
    assert u64(raw, 16) > u64(left, 16)
    following.retire()


def test_a_daemon_that_could_not_start_leaves_the_map_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    open_map(path).show([lease(3000)])
    left = path.read_bytes()
    failed = PortMap(str(path), line_socket="/line", note_socket=NOTE, netns=7)
    failed.show([lease(3001)])
    failed.retire()
    assert path.read_bytes() == left


def test_a_map_tells_the_next_daemon_what_it_showed_last(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = PortMap(str(path), line_socket=LINE, note_socket=NOTE, netns=7, home=99)
    port_map.reveal()
    port_map.show([lease(3000), lease(3001)])
    port_map.clear([Port(3000)])
    port_map.mark(41)
    assert remains_of(str(path), home=99) == Remains(last_seq=41, ports=frozenset({Port(3001)}))
    assert remains_of(str(path), home=98) == Remains(), "another home's map says nothing of ours"
    assert u64(path.read_bytes(), 40) == 41


@pytest.mark.parametrize(
    "content", [b"", b"STYXYMAP", b"x" * WHOLE, bytes(WHOLE), b"S" * 2 * WHOLE]
)
def test_a_damaged_map_tells_nothing_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ports.map"
    path.write_bytes(content)
    path.chmod(0o600)
    assert remains_of(str(path), home=99) == Remains()
    assert not retire_left_over(str(path), pid=1)
    assert path.read_bytes() == content
    open_map(path).show([lease(3000)])
    assert record(path.read_bytes(), 3000)[0] == Owner(project="/p").key


def test_the_map_of_a_dead_daemon_is_retired_where_nobody_has_taken_it_over(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.show([lease(3000)])
    assert not retire_left_over(str(path), pid=os.getpid() + 1)
    assert u32(path.read_bytes(), 24) == 0
    assert retire_left_over(str(path), pid=os.getpid())
    assert u32(path.read_bytes(), 24) == 1
    assert not retire_left_over(str(path), pid=os.getpid()), "once is enough"
    assert not retire_left_over(str(tmp_path / "none"), pid=os.getpid())


def test_a_link_in_place_of_a_map_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    open_map(path).mark(7)
    link = tmp_path / "link.map"
    link.symlink_to(path)
    assert remains_of(str(link), home=0) == Remains()
    assert not retire_left_over(str(link), pid=os.getpid())


def test_a_map_without_a_place_works_for_the_daemon_alone() -> None:
    port_map = PortMap(None, line_socket=LINE, note_socket=NOTE, netns=7)
    port_map.show([lease(3000)])
    port_map.mark(3)
    port_map.retire()
