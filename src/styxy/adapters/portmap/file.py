"""The file of the port map: opening, creating, and reading what an earlier daemon left in it.

The map outlives a daemon that was killed, so it also records which home it belongs to and the last
journal event it has shown: a journal with fewer events has lost its end.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.home import open_regular
from styxy.adapters.portmap.layout import (
    ANSWER,
    ANSWERS_AT,
    FIRST,
    FIRST_AT,
    HEADER,
    HEADER_SIZE,
    HOME_WORD,
    MAGIC,
    MOVE,
    MOVES_AT,
    PID_HALF,
    PLACE,
    PROMISE,
    PROMISES_AT,
    RETIRED_HALF,
    SEQ_WORD,
    SIZE,
    SLOTS,
    STATES,
    VERSION,
)
from styxy.core.errors import Unavailable
from styxy.core.model.ports import Port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What an earlier daemon's map reveals: the last journal event that it showed, and the leased
    ports.
    """

    last_seq: int = 0
    ports: frozenset[Port] = frozenset()


def remains_of(path: str, *, home: int) -> Remains:
    """Read what a daemon of `home` left behind; nothing if the map is invalid or another home's."""
    raw = _read_map(path)
    if raw is None:
        return Remains()
    words = memoryview(raw).cast("Q")
    if words[HOME_WORD] != home:
        return Remains()
    owners = words[PROMISES_AT // 8 : ANSWERS_AT[4] // 8 : PROMISE.size // 8].tolist()
    ports = frozenset(Port(port) for port, owner in enumerate(owners) if owner)
    return Remains(last_seq=words[SEQ_WORD], ports=ports)


def moves_left(path: str, asked: Port, *, project: int) -> list[Port]:
    """Read where servers of a project (its key) went that asked for a port, oldest first.

    The map has this even when its daemon is gone; whether they are still there, the kernel knows.
    """
    file = _opened(path, os.O_RDONLY)
    if file is None:
        return []
    with file:
        return [Port(got) for whose, got in _live_moves(file, asked) if whose == project]


def is_place(path: str, port: Port) -> bool:
    """Return whether the map says of who answers on a port that its repo never asked for it."""
    file = _opened(path, os.O_RDONLY)
    if file is None:
        return False
    with file:
        flags = [
            ANSWER.unpack(os.pread(file.fileno(), ANSWER.size, at + port * ANSWER.size))[2:4]
            for at in ANSWERS_AT.values()
        ]
    return any(cookie for cookie, _ in flags) and all(
        bits & PLACE for cookie, bits in flags if cookie
    )


def _live_moves(file: FileIO, asked: Port) -> Iterator[tuple[int, int]]:
    """Follow the chain of a port: whose server was moved, and where it is."""

    def fields(layout: struct.Struct, offset: int) -> tuple[int, ...]:
        return layout.unpack(os.pread(file.fileno(), layout.size, offset))

    (following,) = fields(FIRST, FIRST_AT + asked * FIRST.size)
    for _ in range(SLOTS):  # nothing that is read is trusted: a chain may be a ring
        if not 0 < following <= SLOTS:
            return
        move = fields(MOVE, MOVES_AT + (following - 1) * MOVE.size)
        whose, (wanted, got, state, _, following, _) = move[0], move[5:]
        if (wanted, state) == (asked, STATES["live"]):
            yield whose, got


def retire_left_over(path: str, *, pid: int) -> bool:
    """Mark the map of a dead daemon as retired; return whether there was one.

    `pid` is the dead daemon's: a map that another daemon has taken over since is left alone.
    """
    file = _opened(path, os.O_RDWR)
    if file is None:
        return False
    with file:
        halves = memoryview(os.pread(file.fileno(), HEADER_SIZE, 0)).cast("I")
        if halves[PID_HALF] != pid or halves[RETIRED_HALF]:
            return False
        os.pwrite(file.fileno(), struct.pack("@I", 1), RETIRED_HALF * 4)
    return True


def _read_map(path: str) -> bytes | None:
    file = _opened(path, os.O_RDONLY)
    if file is None:
        return None
    with file:
        raw = file.read(SIZE + 1)
    return raw if len(raw) == SIZE else None


def _opened(path: str, access: int) -> FileIO | None:
    """Open an existing map of this version; None if there is none."""
    try:
        descriptor = open_regular(path, access | os.O_NOFOLLOW)
    except OSError:
        return None  # mostly ENOENT: no daemon since boot, or it was deleted at logout
    if os.fstat(descriptor).st_size == SIZE and _is_map(os.pread(descriptor, 16, 0)):
        return os.fdopen(descriptor, "rb", buffering=0)
    os.close(descriptor)
    return None


def _is_map(head: bytes) -> bool:
    return head.startswith(MAGIC + struct.pack("@I", VERSION))


def open_map(path: str) -> int:
    """Open the existing map, or a new one if it has another version or owner."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        descriptor = open_regular(path, flags)
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}") from error
    status = os.fstat(descriptor)
    head = os.pread(descriptor, HEADER.size, 0)
    is_ours = status.st_uid == os.geteuid() and status.st_mode & 0o077 == 0
    if status.st_size == SIZE and _is_map(head) and is_ours:
        _allocate(descriptor, path)
        return descriptor
    if status.st_size:
        # Guests may have the old file mapped: never shrink it, but replace it with another.
        os.close(descriptor)
        os.unlink(path)
        descriptor = open_regular(path, flags | os.O_EXCL)
    _allocate(descriptor, path)
    return descriptor


def _allocate(descriptor: int, path: str) -> None:
    # Not ftruncate(2): what does not fit on a full disk is known now, and not at some promise.
    try:
        os.posix_fallocate(descriptor, 0, SIZE)
    except OSError as error:
        os.close(descriptor)
        raise Unavailable(f"cannot allocate {path}: {error.strerror}") from error


def open_private() -> int:
    """Open a map without a name, for a daemon whose map no guest reads."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ports.map")
    import tempfile

    with tempfile.TemporaryFile() as file:  # not Linux
        return os.dup(file.fileno())
