"""One home at one point, and the ways to damage a file of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

LOST_ALONE = {"styxy.db", "styxy.db-wal"}
"""Files without which leases can be lost that came after the backup; no other may cost any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where it plays: the home, a copy of it at the point of the crash, and what was promised."""

    home: Path
    template: Path
    early: dict[str, int]
    late: dict[str, int]
    served: int

    def again(self) -> Path:
        """Bring the home back to the point of the crash."""
        shutil.rmtree(self.home)
        shutil.copytree(self.template, self.home)
        return self.home


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Flip a bit in every 50th byte."""
    raw = bytearray(path.read_bytes())
    for at in range(len(raw) // 3 % 50, len(raw), 50):
        raw[at] ^= 0x80
    path.write_bytes(raw)


def delete(path: Path) -> None:
    path.unlink()


def scribble(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


FILES = [
    "styxy.db",
    "styxy.db-wal",
    "styxy.db.lock",
    "config.json",
    "auth.token",
    "daemon.json",
    "run/ports.map",
    "reassignments.log",
    "logs/daemon.log",
]
DAMAGES = [truncate, empty, flip, delete, scribble]
