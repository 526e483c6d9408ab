"""What the port map says of ports that were asked for, byte by byte as guests read it."""

from __future__ import annotations

import struct
from pathlib import Path

from msgspec.structs import replace

from styxy.adapters.portmap.file import is_place
from styxy.adapters.portmap.map import Answer, PortMap
from styxy.core.model.ports import Port
from tests.adapters.portmap.test_map import LINE, MOVES, NOTE, open_map, u32

FIRST_ASKERS = MOVES + 4096 * 64
ASKERS = FIRST_ASKERS + 65536 * 4


def askers(path: Path, port: int) -> list[int]:
    """Read who has asked for a port, in the order in which a guest meets them."""
    raw, found = path.read_bytes(), []
    slot = u32(raw, FIRST_ASKERS + 4 * port)
    while slot:
        asker, whose, _, slot = struct.unpack_from("@QHHI", raw, ASKERS + 16 * (slot - 1))
        assert whose == port
        found.append(asker)
    return found


def test_who_has_asked_for_a_port_is_a_chain_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.set_askers(Port(3000), [7, 2**64 - 1])
    port_map.set_askers(Port(3001), [7])
    assert (askers(path, 3000), askers(path, 3001), askers(path, 3002)) == (
        [7, 2**64 - 1],
        [7],
        [],
    )
    port_map.set_askers(Port(3000), [2**64 - 1])
    assert (askers(path, 3000), askers(path, 3001)) == ([2**64 - 1], [7])
    port_map.set_askers(Port(3000), [])
    assert askers(path, 3000) == []
    port_map.retire()
    open_map(path).retire()
    assert askers(path, 3001) == [], "what an earlier daemon wrote has gone"


def test_what_has_no_room_is_left_out_and_its_room_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    port_map = open_map(path)
    port_map.set_askers(Port(3000), range(1, 9000))
    port_map.set_askers(Port(3001), [7])
    assert (askers(path, 3000)[-1], askers(path, 3001)) == (8192, [])
    port_map.set_askers(Port(3000), [])
    port_map.set_askers(Port(3001), [7])
    assert askers(path, 3001) == [7]
    port_map.retire()


def test_the_names_of_the_tools_that_connect_first_are_lines_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "ports.map"
    names = ["start-test", "x" * 2000, "playwright"]
    port_map = PortMap(str(path), line_socket=LINE, note_socket=NOTE, netns=7, connect_first=names)
    port_map.reveal()
    port_map.retire()
    assert path.read_bytes()[1024:2048] == b"start-test\nplaywright\n".ljust(1024, b"\0")
    open_map(path).retire()
    assert path.read_bytes()[1024:2048] == bytes(1024)


def test_a_place_is_one_on_every_family_that_answers(tmp_path: Path) -> None:
    path, port = tmp_path / "ports.map", Port(3007)
    port_map = open_map(path)
    given = Answer(project=1, repo=2, cookie=3, is_shared=False, pid=4, is_place=True)
    assert not is_place(str(path), port)
    port_map.set_answers(4, {port: given})
    assert is_place(str(path), port)
    port_map.set_answers(6, {port: replace(given, is_place=False)})
    assert not is_place(str(path), port)
    port_map.set_answers(6, {port: given})
    assert is_place(str(path), port)
    port_map.retire()
    assert not is_place(str(tmp_path / "none"), port)
