"""The layout of the port map, byte by byte, in the byte order of the machine.

`native/guest/daemon/portmap.h` says the same, and a test holds the two against each other:

    header     4096 bytes                   who wrote it, where its sockets are
    promises   65536 x 16, by port          the owner of a lease, and the port that was asked for
    answers4   65536 x 32, by port          who would answer a connect to 127.0.0.1
    answers6   65536 x 32, by port          who would answer a connect to ::1
    first      65536 x 4, by asked port     1 + the first slot of the moves away from it
    moves      4096 slots x 64              chains: the oldest live one first
    first      65536 x 4, by port           1 + the first slot of those who asked for it
    askers     8192 slots x 16              chains: repos, and projects without one
"""

from __future__ import annotations

import struct
from typing import Final

from styxy.core.model.ports import LAST_PORT

MAGIC = b"STYXYMAP"
VERSION = 3
SLOTS = 4096
"""Moves that the map can hold: servers that were moved, and those that are remembered."""

ASKERS = 8192
"""Ports that repos have asked for that the map can hold."""

PORTS = LAST_PORT + 1
HEADER_SIZE = 4096
HEADER = struct.Struct("@8sIIQIIQQQ8x128s128sII")
PROMISE = struct.Struct("@QHHI")
ANSWER = struct.Struct("@QQQII")
FIRST = struct.Struct("@I")
MOVE = struct.Struct("@QQQQQHHHHII8x")
ASKER = struct.Struct("@QHHI")

PROMISES_AT = HEADER_SIZE
ANSWERS_AT: Final = {
    4: PROMISES_AT + PORTS * PROMISE.size,
    6: PROMISES_AT + PORTS * (PROMISE.size + ANSWER.size),
}
FIRST_AT = ANSWERS_AT[6] + PORTS * ANSWER.size
MOVES_AT = FIRST_AT + PORTS * FIRST.size
FIRST_ASKERS_AT = MOVES_AT + SLOTS * MOVE.size
ASKERS_AT = FIRST_ASKERS_AT + PORTS * FIRST.size
SIZE = ASKERS_AT + ASKERS * ASKER.size

CONNECT_FIRST_AT = 1024
CONNECT_FIRST_SIZE = 1024
"""Bytes of the header that name the tools that connect first: words with a newline after each."""

GENERATION_WORD = 16 // 8
RETIRED_HALF = 24 // 4
PID_HALF = 28 // 4
SEQ_WORD = 40 // 8
HOME_WORD = 48 // 8

COMMITTED = 1
"""Flag of a promise: the server that was moved there listens."""

SHARED = 1
"""Flag of an answer: worktrees share this server (a database, a broker, a singleton)."""

PLACE = 2
"""Flag of an answer: its repo has never asked for the port; Styxy or the kernel gave it."""

CONTAINER = 4
"""Flag of an answer: the port is a container's."""

STATES: Final = {"held": 1, "live": 2, "remembered": 3, "udp": 4}
"""Of a move: promised, its server listens, its server has ended; or where its UDP socket is."""
