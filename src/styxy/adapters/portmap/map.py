"""The shared map that guests read: which ports are promised, who answers, which server went where.

Theory of operation. One file, created once and updated in place, so that every guest sees what the
current daemon writes. All records change between two increments of the generation, which is odd in
between: a guest that sees an odd generation, or a different one after reading, reads again. A clean
stop marks the file as retired. `adapters.portmap.layout` describes the layout.

A daemon that was killed leaves a map that still leads each project to its own servers. The next one
touches it only when its own is complete: in between, guests would reach whoever has the port.

The daemon keeps its own copy and writes the file by pwrite(2): a mapping would end it with SIGBUS
where somebody shortens the file. What the file should contain is compared now and then, and what is
not so is written again.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from styxy.adapters.portmap.file import open_map, open_private
from styxy.adapters.portmap.layout import (
    ANSWER,
    ANSWERS_AT,
    ASKER,
    ASKERS,
    ASKERS_AT,
    COMMITTED,
    CONNECT_FIRST_AT,
    CONNECT_FIRST_SIZE,
    CONTAINER,
    FIRST,
    FIRST_ASKERS_AT,
    FIRST_AT,
    GENERATION_WORD,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    MOVE,
    MOVES_AT,
    PLACE,
    PROMISE,
    PROMISES_AT,
    RETIRED_HALF,
    SEQ_WORD,
    SHARED,
    SIZE,
    SLOTS,
    STATES,
    VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from styxy.core.model.leases import Lease
    from styxy.core.model.ports import Port

WORD, HALF = struct.Struct("@Q"), struct.Struct("@I")

PART = 1 << 19
"""Bytes of the file that are compared at a time."""

MoveState = Literal["held", "live", "remembered", "udp"]


class Answer(Struct, frozen=True, kw_only=True):
    """Who answers on a port of one family; `cookie` identifies the socket.

    `is_place`: its repo has not asked for the port. `is_container`: the port is a container's.
    """

    project: int
    repo: int
    cookie: int
    is_shared: bool
    pid: int
    is_place: bool = False
    is_container: bool = False

    @property
    def asker(self) -> int:
        """The key by which it is remembered what it asked for."""
        return self.repo or self.project


class MoveEntry(Struct, frozen=True, kw_only=True):
    """Where a server of a project went that asked for another port.

    `at` is when it was committed, or when it ended; seconds since the epoch. A cookie of 0: nobody
    answers there on that family. The state "udp" is an entry of its own: its cookies are those of
    the server's UDP sockets.
    """

    project: int
    image_id: int
    asked: Port
    port: Port
    state: MoveState
    at: float
    cookie4: int = 0
    cookie6: int = 0


class PortMap:
    """Writes the map; only the daemon does. `home` identifies the owner of the map, as one word.
    `connect_first` are the names of tools that start the server that they wait for.

    Without a path it is invisible: guests then behave as if Styxy were absent. Raises
    `Unavailable`.
    """

    def __init__(
        self,
        path: str | None,
        *,
        line_socket: str,
        note_socket: str,
        netns: int,
        home: int = 0,
        connect_first: Iterable[str] = (),
    ) -> None:
        self._path = path
        self._map = bytearray(SIZE)
        self._descriptor = open_private() if path is None else open_map(path)
        self._is_revealed = False
        self._is_torn = False
        self._next_part = 0
        self._depth = 0
        self._chains: dict[Port, list[int]] = {}
        self._free = list(range(SLOTS - 1, -1, -1))
        self._askers: dict[Port, list[int]] = {}
        self._free_askers = list(range(ASKERS - 1, -1, -1))
        # A daemon that died while writing has left an odd generation: continue with the next one.
        self._generation = _generation_of(self._descriptor) | 1
        header = HEADER.pack(
            MAGIC, VERSION, HEADER_SIZE, self._generation, 0, os.getpid(), netns, 0, home,
            os.fsencode(line_socket), os.fsencode(note_socket), SLOTS, 0,
        )  # fmt: skip
        self._put(0, header)
        self._put(CONNECT_FIRST_AT, _words(connect_first))
        self._set_generation(self._generation + 1)

    def reveal(self) -> None:
        """Let guests use the map, in place of what an earlier daemon has left.

        A map that did not yet show the leases would let guests take ports promised to others.
        """
        self._is_revealed = True
        self._write_differences()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Make guests wait to read until everything in the block is written."""
        if self._depth == 0:
            self._set_generation(self._generation + 1)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._set_generation(self._generation + 1)

    def show(self, leases: Iterable[Lease]) -> None:
        """Add promises."""
        with self.writing():
            for lease in leases:
                is_committed = lease.asked is not None and lease.state == "bound"
                flags = COMMITTED if is_committed else 0
                record = PROMISE.pack(lease.owner.key, lease.asked or 0, flags, 0)
                self._put(PROMISES_AT + lease.port * PROMISE.size, record)

    def mark(self, last_seq: int) -> None:
        """Record up to which journal event the map is current."""
        self._put(SEQ_WORD * 8, WORD.pack(last_seq))

    def clear(self, ports: Iterable[Port]) -> None:
        """Remove promises."""
        with self.writing():
            for port in ports:
                self._put(PROMISES_AT + port * PROMISE.size, bytes(PROMISE.size))

    def set_answers(self, family: Literal[4, 6], answers: Mapping[Port, Answer | None]) -> None:
        """Record who answers on some ports; None: nobody does."""
        with self.writing():
            for port, answer in answers.items():
                fields = (0, 0, 0, 0, 0) if answer is None else _fields(answer)
                self._put(ANSWERS_AT[family] + port * ANSWER.size, ANSWER.pack(*fields))

    def set_moves(self, asked: Port, moves: Sequence[MoveEntry]) -> None:
        """Replace the chain of one requested port.

        If there are not enough slots, the last moves are left out: they are not visible, which does
        no harm.
        """
        with self.writing():
            self._free += reversed(self._chains.pop(asked, []))
            slots = [self._free.pop() for _ in moves[: len(self._free)]]
            for slot, entry, after in zip(slots, moves, [*slots[1:], -1], strict=False):
                self._write_move(slot, entry, after)
            if slots:
                self._chains[asked] = slots
            first = slots[0] + 1 if slots else 0
            self._put(FIRST_AT + asked * FIRST.size, FIRST.pack(first))

    def set_askers(self, port: Port, askers: Collection[int]) -> None:
        """Replace the chain of those who have asked for a port by its number.

        If there are not enough slots, the last ones are left out: nothing is done on their account.
        """
        with self.writing():
            self._free_askers += reversed(self._askers.pop(port, []))
            slots = [self._free_askers.pop() for _ in list(askers)[: len(self._free_askers)]]
            for slot, key, after in zip(slots, askers, [*slots[1:], -1], strict=False):
                self._put(ASKERS_AT + slot * ASKER.size, ASKER.pack(key, port, 0, after + 1))
            if slots:
                self._askers[port] = slots
            first = slots[0] + 1 if slots else 0
            self._put(FIRST_ASKERS_AT + port * FIRST.size, FIRST.pack(first))

    def disagreements(self, leases: Iterable[Lease]) -> list[Port]:
        """List the ports of leases that the map does not show as promised to their owners."""
        return [lease.port for lease in leases if self._owner(lease.port) != lease.owner.key]

    @property
    def is_shared(self) -> bool:
        """Return whether guests have a place to look for it."""
        return self._path is not None

    def is_intact(self) -> bool:
        """Return whether the file has its size and shows all promises, and a part of the rest.

        It is another part at each call, so that all of it is compared now and then; 0.3 ms.
        """
        if self._is_torn or os.fstat(self._descriptor).st_size != SIZE:
            return False
        begin = self._next_part
        self._next_part = 0 if begin + PART >= SIZE else begin + PART
        return all(
            os.pread(self._descriptor, stop - start, start) == self._map[start:stop]
            for start, stop in ((0, ANSWERS_AT[4]), (begin, min(begin + PART, SIZE)))
        )

    def is_in_place(self) -> bool:
        """Return whether the file that a guest would open is this one."""
        if self._path is None:
            return False
        try:
            found = os.stat(self._path, follow_symlinks=False)
        except OSError:
            return False  # mostly ENOENT, or a directory on the way is no longer accessible
        return os.path.samestat(found, os.fstat(self._descriptor))

    def put_back(self) -> None:
        """Write what the file lacks, and recreate it if somebody has deleted it.

        Raises `Unavailable` or `OSError`.
        """
        assert self._path is not None
        if not self.is_in_place():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            descriptor = open_map(self._path)
            os.close(self._descriptor)
            self._descriptor = descriptor
        os.posix_fallocate(self._descriptor, 0, SIZE)
        self._is_torn = False
        self._write_differences()

    def retire(self) -> None:
        """Mark the map as retired, so that guests no longer rely on it, and close the file.

        One that was never revealed leaves the file as it was.
        """
        self._put(RETIRED_HALF * 4, HALF.pack(1))
        os.close(self._descriptor)

    def _put(self, offset: int, record: bytes) -> None:
        """Write a record; one that the file does not take is written again later."""
        self._map[offset : offset + len(record)] = record
        if not self._is_revealed:
            return
        try:
            os.pwrite(self._descriptor, record, offset)
        except OSError:
            self._is_torn = True  # ENOSPC: somebody has shortened it, and the disk is full

    def _set_generation(self, generation: int) -> None:
        self._generation = generation
        self._put(GENERATION_WORD * 8, WORD.pack(generation))

    def _write_differences(self) -> None:
        """Write each page that differs, the header last: until it is there, a guest does not accept
        the file as a map.

        Guests wait only while pages are written, not while they are compared: they would be led
        astray if they waited in vain.
        """
        differing = list(self._differences())
        with self.writing():
            for begin, page in differing:
                self._put(begin, page)
            self._put(0, bytes(self._map[:HEADER_SIZE]))

    def _differences(self) -> Iterator[tuple[int, bytes]]:
        """Find the pages that the file has otherwise, from the last to the second."""
        for part in reversed(range(0, SIZE, PART)):
            end = min(part + PART, SIZE)
            if os.pread(self._descriptor, end - part, part) == self._map[part:end]:
                continue
            for begin in reversed(range(part or HEADER_SIZE, end, HEADER_SIZE)):
                page = bytes(self._map[begin : min(begin + HEADER_SIZE, end)])
                if os.pread(self._descriptor, len(page), begin) != page:
                    yield begin, page

    def _owner(self, port: Port) -> int:
        record = os.pread(self._descriptor, PROMISE.size, PROMISES_AT + port * PROMISE.size)
        return int(PROMISE.unpack(record.ljust(PROMISE.size, b"\0"))[0])

    def _write_move(self, slot: int, entry: MoveEntry, after: int) -> None:
        record = MOVE.pack(
            entry.project,
            entry.image_id,
            entry.cookie4,
            entry.cookie6,
            int(entry.at),
            entry.asked,
            entry.port,
            STATES[entry.state],
            0,
            after + 1,
            0,
        )
        self._put(MOVES_AT + slot * MOVE.size, record)


def _generation_of(descriptor: int) -> int:
    raw = os.pread(descriptor, WORD.size, GENERATION_WORD * WORD.size)
    return int(WORD.unpack(raw.ljust(WORD.size, b"\0"))[0])


def _words(words: Iterable[str]) -> bytes:
    """Lay out the names of tools; those that have no room are left out."""
    text = b""
    for word in words:
        line = os.fsencode(f"{word}\n")
        text += line if len(text) + len(line) < CONNECT_FIRST_SIZE else b""
    return text.ljust(CONNECT_FIRST_SIZE, b"\0")


def _fields(answer: Answer) -> tuple[int, int, int, int, int]:
    flags = SHARED * answer.is_shared + PLACE * answer.is_place + CONTAINER * answer.is_container
    return answer.project, answer.repo, answer.cookie, flags, answer.pid
