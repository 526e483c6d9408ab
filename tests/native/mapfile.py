"""A port map of version 3, written as its contract says and not as the daemon's code does it."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEADER = struct.Struct("@8sIIQIIQ24x128s128sII")
PROMISE = struct.Struct("@QHHI")
ANSWERING = struct.Struct("@QQQII")
MOVE = struct.Struct("@QQQQQHHHHIIII")
PORTS, SLOTS = 65536, 4096
PROMISES_AT = 4096
ANSWERING_AT = {4: PROMISES_AT + PORTS * 16, 6: PROMISES_AT + PORTS * 48}
FIRST_MOVES_AT = PROMISES_AT + PORTS * 80
MOVES_AT = FIRST_MOVES_AT + PORTS * 4
FIRST_ASKERS_AT = MOVES_AT + SLOTS * 64
ASKERS_AT = FIRST_ASKERS_AT + PORTS * 4
MAP_SIZE = ASKERS_AT + 8192 * 16
CONNECT_FIRST_AT = 1024

HELD, LIVE, REMEMBERED, UDP = 1, 2, 3, 4


def key(text: str) -> int:
    """FNV-1a 64, as the map's contract has it."""
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8", "surrogateescape"):
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value or 1


class MapFile:
    """A map that a test fills; every change is between two generations."""

    def __init__(self, path: Path, *, line_socket: Path, note_socket: Path) -> None:
        self.path = path
        self.sockets = (line_socket, note_socket)
        self._slots = 0
        self._askers = 0
        self._chains: dict[int, list[int]] = {}

    def write(
        self, *, retired: int = 0, netns: int = 0, version: int = 3, slots: int = SLOTS
    ) -> None:
        """Write an empty map with this header."""
        line, note = (str(path).encode() for path in self.sockets)
        header = HEADER.pack(b"STYXYMAP", version, 4096, 2, retired, 1, netns, line, note, slots, 0)
        self._slots, self._chains = 0, {}
        with self.path.open("wb") as file:
            file.write(header)
            file.truncate(MAP_SIZE)
        self.path.chmod(0o600)

    def put(self, offset: int, raw: bytes) -> None:
        """Change some bytes."""
        with self.changing() as descriptor:
            os.pwrite(descriptor, raw, offset)

    @contextmanager
    def changing(self) -> Iterator[int]:
        """Open the map for a change that no guest sees half of."""
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            (generation,) = struct.unpack("@Q", os.pread(descriptor, 8, 16))
            os.pwrite(descriptor, struct.pack("@Q", generation + 1), 16)
            yield descriptor
            os.pwrite(descriptor, struct.pack("@Q", generation + 2), 16)
        finally:
            os.close(descriptor)

    def promise(self, port: int, owner: str, *, asked: int = 0, committed: bool = False) -> None:
        """Enter a promise; `owner` is the text that the key is made of."""
        self.put(PROMISES_AT + port * 16, PROMISE.pack(key(owner), asked, int(committed), 0))

    def answering(
        self, port: int, cookie: int, *, project: str, family: int = 4, repo: int = 0,
        shared: bool = False, place: bool = False, container: bool = False,
    ) -> None:  # fmt: skip
        """Say who answers on a port of a family's loopback address."""
        flags = int(shared) | int(place) << 1 | int(container) << 2
        record = ANSWERING.pack(key(project) if project else 0, repo, cookie, flags, 1)
        self.put(ANSWERING_AT[family] + port * 32, record)

    def asker(self, port: int, asker: int) -> None:
        """Enter a repo (its key) as one that has asked for a port."""
        self._askers += 1
        self.put(ASKERS_AT + (self._askers - 1) * 16, struct.pack("@QHHI", asker, port, 0, 0))
        self.put(FIRST_ASKERS_AT + port * 4, struct.pack("@I", self._askers))

    def connect_first(self, *names: str) -> None:
        """Name the tools that connect first."""
        text = "".join(f"{name}\n" for name in names).encode()
        self.put(CONNECT_FIRST_AT, text.ljust(1024, b"\0"))

    def move(
        self, asked: int, port: int, *, project: str, server: int = 1, cookie4: int = 0,
        cookie6: int = 0, state: int = LIVE, ago: int = 0,
    ) -> int:  # fmt: skip
        """Append a move to the chain of the asked port; its slot."""
        slot = self._slots
        self._slots += 1
        at = int(time.time()) - ago
        record = MOVE.pack(
            key(project), server, cookie4, cookie6, at, asked, port, state, 0, 0, 0, 0, 0
        )
        chain = self._chains.setdefault(asked, [])
        with self.changing() as descriptor:
            os.pwrite(descriptor, record, MOVES_AT + slot * 64)
            before = MOVES_AT + chain[-1] * 64 + 48 if chain else FIRST_MOVES_AT + asked * 4
            os.pwrite(descriptor, struct.pack("@I", slot + 1), before)
        chain.append(slot)
        return slot
