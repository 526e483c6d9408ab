"""The numbers of macOS's sockets, in a list made here as a Mac's kernel makes it."""

from __future__ import annotations

import struct

from styxy.adapters.portable.control_blocks import numbers, waiting

ENDS = struct.pack("=IIQQ", 24, 2, 9, 9)


def record(kind: int, length: int, **fields: tuple[int, bytes]) -> bytes:
    content = bytearray(struct.pack("=II", length, kind) + bytes(length - 8))
    for at, value in fields.values():
        content[at : at + len(value)] = value
    return bytes(content) + bytes(-length % 8)


def block(port: int, families: int, address: bytes, number: int, *, state: int | None) -> bytes:
    """One socket: its control block, records of others, and for TCP its state."""
    mine = record(
        0x10, 104, port=(18, struct.pack(">H", port)), number=(28, struct.pack("=Q", number)),
        families=(44, bytes([families])), address=(64, address),
    )  # fmt: skip
    tail = b"" if state is None else record(0x20, 204, state=(36, struct.pack("=i", state)))
    return mine + record(0x1, 104) + record(0x8, 136) + tail


LOOPBACK = bytes(12) + bytes([127, 0, 0, 1])


def test_what_listens_has_a_number_and_a_connection_has_none() -> None:
    raw = (
        ENDS
        + block(3000, 1, LOOPBACK, 20, state=1)
        + block(3000, 1, LOOPBACK, 21, state=4)
        + block(8080, 3, bytes(16), 22, state=1)
        + ENDS
    )
    assert dict(waiting(raw, protocol="tcp")) == {
        ("tcp", "127.0.0.1", 3000): 40,
        ("tcp", "::", 8080): 44,
    }


def test_a_number_of_udp_is_none_of_tcp() -> None:
    raw = ENDS + block(5353, 1, bytes(16), 20, state=None) + ENDS
    assert dict(waiting(raw, protocol="udp")) == {("udp", "0.0.0.0", 5353): 41}


def test_a_list_that_is_cut_off_is_read_as_far_as_it_is_whole() -> None:
    raw = ENDS + block(3000, 1, LOOPBACK, 20, state=1) + block(3001, 1, LOOPBACK, 21, state=1)
    assert [place[2] for place, _ in waiting(raw[:-200], protocol="tcp")] == [3000]
    assert dict(waiting(b"", protocol="tcp")) == {}


def test_a_record_that_is_too_short_for_its_state_is_passed_over() -> None:
    short = record(0x20, 32)
    whole = block(3001, 1, LOOPBACK, 21, state=1)
    raw = ENDS + block(3000, 1, LOOPBACK, 20, state=None) + short + whole + ENDS
    assert [place[2] for place, _ in waiting(raw, protocol="tcp")] == [3001]


def test_other_systems_have_none() -> None:
    assert numbers("linux") == {}
