"""The numbers that macOS's kernel gives its sockets, by which the library knows them, too.

sysctl(3) lists the protocol control blocks of all sockets; netstat(1) shows them from there. The
records (struct xinpcb_n and xtcpcb_n of the kernel's sources, packed to four bytes) begin with
their length and kind; `native/darwin/kernel/sysctl_records.c` reads the same. Written for a Mac,
and never run on one: where anything is not as it is here, there are no numbers.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = tuple[str, str, int]
"""A protocol, an address and a port."""

_INPCB, _TCPCB = 0x10, 0x20  # XSO_INPCB, XSO_TCPCB
_HEAD = struct.Struct("=II")  # a record's length and kind
_LEAST, _ENDS = 80, 24  # of a struct xinpcb_n, and a whole struct xinpgen
_LEAST_TCPCB = 40  # of a struct xtcpcb_n, up to the state
_LISTEN = 1  # TCPS_LISTEN
_SPARE = 64 * 1024  # for the sockets that come while we ask


def numbers(platform: str = sys.platform) -> dict[Place, int]:
    """Return the number of each socket that waits at a place; none but on macOS."""
    if platform != "darwin":
        return {}
    found = dict(waiting(_list("net.inet.udp.pcblist_n"), protocol="udp"))
    return found | dict(waiting(_list("net.inet.tcp.pcblist_n"), protocol="tcp"))


def waiting(raw: bytes, *, protocol: str) -> Iterator[tuple[Place, int]]:
    """Read what is bound to UDP ports, or listens at TCP ports, with its number."""
    block = b""
    for kind, record in _records(raw):
        if kind == _INPCB and len(record) >= _LEAST:
            block = record
            if protocol == "udp":
                yield _place(block, protocol), _number(block, protocol)
        elif kind == _TCPCB and block and _is_listening(record):
            yield _place(block, protocol), _number(block, protocol)


def _records(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = _ENDS
    while at + _HEAD.size <= len(raw):
        length, kind = _HEAD.unpack_from(raw, at)
        if length <= _ENDS or at + length > len(raw):
            return
        yield kind, raw[at : at + length]
        at += -(-length // 8) * 8


def _is_listening(record: bytes) -> bool:
    return len(record) >= _LEAST_TCPCB and struct.unpack_from("=i", record, 36)[0] == _LISTEN


def _place(block: bytes, protocol: str) -> Place:
    (port,) = struct.unpack_from(">H", block, 18)
    address = block[64:80]
    if block[44] & 2:  # INP_IPV6
        return protocol, socket.inet_ntop(socket.AF_INET6, address), port
    return protocol, socket.inet_ntop(socket.AF_INET, address[12:]), port


def _number(block: bytes, protocol: str) -> int:
    """TCP and UDP count for themselves: `socket_cookie` in native/darwin/kernel/socket_facts.c."""
    return int(struct.unpack_from("=Q", block, 28)[0]) << 1 | (protocol == "udp")


def _list(name: str) -> bytes:
    import ctypes

    system = ctypes.CDLL(None)
    size = ctypes.c_size_t(0)
    if system.sysctlbyname(name.encode(), None, ctypes.byref(size), None, 0) != 0:
        return b""
    size.value += _SPARE
    room = ctypes.create_string_buffer(size.value)
    if system.sysctlbyname(name.encode(), room, ctypes.byref(size), None, 0) != 0:
        return b""
    return room.raw[: size.value]
