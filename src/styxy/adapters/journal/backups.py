"""Copies of the journal for emergencies: written while it is in use, verified before being trusted.

A backup is a journal of its own, in one file. It gets its name only once it is complete and on
disk, and the name contains its time and the number of its newest event. Links are not followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.adapters.journal.database import SCHEMA, SCHEMA_VERSION, SET_FOLD, failure
from styxy.core.errors import JournalFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = re.compile(r"styxy-(\d{8}T\d{6}\.\d{3})Z-(\d+)\.db")
_UNFINISHED = ".part"
_INSERTS = {
    "folded": SET_FOLD,
    "snapshot": "INSERT INTO snapshot (seq, at, kind, data, sum, fold) VALUES (?, ?, ?, ?, ?, ?)",
    "events": "INSERT INTO events (seq, at, kind, data, sum) VALUES (?, ?, ?, ?, ?)",
}


class Backup(Struct, frozen=True, kw_only=True):
    """One backup file; `taken_at` is in seconds since the epoch."""

    path: str
    taken_at: float
    last_seq: int


class Backups:
    """The backups of one home."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def all(self) -> list[Backup]:
        """List the backups, newest first: by what they hold, because a clock may be wrong."""
        try:
            names = os.listdir(self.directory)
        except OSError:
            return []  # ENOENT: none was taken yet; ENOTDIR, EACCES: none can be read
        found = (_named(self.directory, name) for name in names)
        backups = [backup for backup in found if backup is not None]
        return sorted(backups, key=lambda each: (each.last_seq, each.taken_at), reverse=True)

    def begin(self, *, now: float, last_seq: int) -> Writer:
        """Start a backup of a journal whose newest event is `last_seq`. Raises `JournalFailed`."""
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        path = os.path.join(self.directory, f"styxy-{stamp}Z-{last_seq}.db")
        return Writer(path, _made(self.directory, path + _UNFINISHED))

    def prune(self, *, kept: int) -> None:
        """Delete all but the newest `kept`, and the unfinished ones of a killed daemon."""
        old = [backup.path for backup in self.all()[kept:]]
        with contextlib.suppress(OSError):  # the directory is gone or cannot be written
            names = os.listdir(self.directory)
            old += [os.path.join(self.directory, n) for n in names if n.endswith(_UNFINISHED)]
            for path in old:
                os.unlink(path)


class Writer:
    """Writes one backup, table by table. Usable from any thread, one at a time."""

    def __init__(self, path: str, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database

    def add(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Write some rows. Raises `JournalFailed`."""
        with self._told():
            self._database.executemany(_INSERTS[table], rows)

    def finish(self) -> None:
        """Sync the file to disk, then give it its name. Raises `JournalFailed`."""
        with self._told():
            self._database.commit()
            self._database.close()
            _synced(self.path + _UNFINISHED)
            os.replace(self.path + _UNFINISHED, self.path)
            _synced(os.path.dirname(self.path))

    def abandon(self) -> None:
        """Remove the unfinished file."""
        self._database.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path + _UNFINISHED)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self.abandon()
            raise JournalFailed(f"cannot write the backup {self.path}: {error}") from error


def _named(directory: str, name: str) -> Backup | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    taken_at = datetime.strptime(match[1] + "+0000", "%Y%m%dT%H%M%S.%f%z").timestamp()
    return Backup(path=os.path.join(directory, name), taken_at=taken_at, last_seq=int(match[2]))


def _made(directory: str, path: str) -> sqlite3.Connection:
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)  # not its parents: a home that was deleted stays deleted
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        os.close(os.open(path, flags, 0o600))
    except OSError as error:
        raise JournalFailed(f"cannot make the backup {path}: {error.strerror}") from error
    try:
        database = sqlite3.connect(path, check_same_thread=False)
    except sqlite3.Error as error:  # the directory has gone meanwhile, say
        raise JournalFailed(f"cannot make the backup {path}: {error}") from error
    try:
        # No rollback journal: an unfinished backup is discarded, not rolled back.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(f"{SCHEMA} PRAGMA user_version = {SCHEMA_VERSION};")
    except sqlite3.Error as error:
        database.close()
        raise failure(error, path) from error
    return database


def _synced(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
