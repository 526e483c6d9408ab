"""What databases answer when they are asked for a name that their configuration gave them."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO

from tests.programs.http_probe import connect, wait_until


def redis_name(address: str, port: int) -> str:
    """Ask Redis for its name in the log (the RESP protocol, inline commands)."""
    with connect(address, port) as link, link.makefile("rb") as answer:
        link.sendall(b"CONFIG GET syslog-ident\r\n")
        return [answer.readline().decode() for _ in range(5)][4]


def memcached_name(address: str, port: int) -> str:
    """Read the file `name` where the Memcached that answers was started; it can keep no name."""
    with connect(address, port) as link, link.makefile("rb") as answer:
        link.sendall(b"stats\r\nquit\r\n")
        found = re.search(rb"^STAT pid (\d+)", answer.read(), re.MULTILINE)
        assert found
        return Path(f"/proc/{int(found[1])}/cwd/name").read_text()


def postgres_name(address: str, port: int) -> str:
    """Ask PostgreSQL for the name of its cluster, once it has started up."""
    rows: list[str] = []

    def look() -> bool:
        rows.extend(_shown(address, port))
        return bool(rows)

    wait_until(look, "PostgreSQL is ready")
    return rows[0]


def _shown(address: str, port: int) -> list[str]:
    """Speak the protocol's version 3 (PostgreSQL, chapter 55): startup, query, one row or none."""
    words = b"user\0test\0database\0postgres\0\0"
    with connect(address, port) as link, link.makefile("rb") as answer:
        link.sendall(struct.pack("!ii", len(words) + 8, 3 << 16) + words)
        if _until(answer, b"ZE")[0] == b"E":
            return []
        query = b"SHOW cluster_name\0"
        link.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
        _, row = _until(answer, b"D")
        link.sendall(b"X" + struct.pack("!i", 4))
        answer.read()  # up to the end of the server's own process for us
        return [row[6:].decode()]  # after the count of columns and the length of this one


def _until(answer: BinaryIO, kinds: bytes) -> tuple[bytes, bytes]:
    """Read messages up to one of some kinds; gives its kind and its content."""
    while True:
        kind, length = struct.unpack("!ci", answer.read(5))
        content = answer.read(length - 4)
        if kind in kinds:
            return kind, content
