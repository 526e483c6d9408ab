"""The journal's file: its tables, how a row is encoded and checksummed, and whether the file is
intact.

One process has it open, guarded by an flock(2) on a file beside it: SQLite before 3.51.3 can damage
a WAL that two connections checkpoint. SQLite's own lock is exclusive as well, so that the WAL index
is kept in memory and a full disk does not stop a daemon from opening its journal.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import tempfile
import zlib

import msgspec
from msgspec import Struct

from styxy.adapters.home import open_regular
from styxy.core.books.events import KINDS, Event
from styxy.core.errors import Conflict, JournalFailed

SCHEMA = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL, sum INTEGER
) STRICT;
CREATE TABLE snapshot (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL, sum INTEGER,
    fold INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE folded (
    only INTEGER PRIMARY KEY CHECK (only = 1), up_to INTEGER NOT NULL,
    fold INTEGER NOT NULL DEFAULT 0, size INTEGER, chain INTEGER, sum INTEGER
) STRICT;
INSERT INTO folded (only, up_to) VALUES (1, 0);
CREATE INDEX events_by_kind ON events (kind, seq);
"""

_SEALED_FOLDS = """
ALTER TABLE folded ADD COLUMN size INTEGER;
ALTER TABLE folded ADD COLUMN chain INTEGER;
ALTER TABLE folded ADD COLUMN sum INTEGER;
"""

MIGRATIONS = {
    0: SCHEMA,
    1: """
ALTER TABLE events ADD COLUMN sum INTEGER;
ALTER TABLE snapshot ADD COLUMN sum INTEGER;
ALTER TABLE snapshot ADD COLUMN fold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folded ADD COLUMN fold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_by_kind ON events (kind, seq);
"""
    + _SEALED_FOLDS,
    2: _SEALED_FOLDS,
}
"""From each older version of the file to the newest."""

SCHEMA_VERSION = 3

SIDE_FILES = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps under the name of a database, the database included."""

_DAMAGE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
)

_ENCODER = msgspec.json.Encoder()
_ON_DISK = (
    (b'"lease_id":', b'"lock_id":'),
    (b'"image_id":', b'"server":'),
    (b'"preferred_ports":', b'"preferred":'),
)
"""Keys of leases and service types, and their names in every journal. Only a key can look like
this: inside a string, a quotation mark has a backslash."""

_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}

Row = tuple[float, str, bytes, int]
"""Seconds since the epoch, kind, JSON, and the checksum of both texts."""


class Fold(Struct, frozen=True, kw_only=True):
    """The snapshot that is in force: its number, the newest event in it, how many rows it has, and
    a checksum of them all in their order, so that none can be lost, added or exchanged."""

    number: int
    up_to: int
    size: int
    chain: int

    def row(self) -> tuple[int, int, int, int, int]:
        """Encode it as `up_to`, `fold`, `size`, `chain` and the checksum of these."""
        values = (self.up_to, self.number, self.size, self.chain)
        return (*values, zlib.crc32(repr(values).encode()))


_FOLD_COLUMNS = "up_to, fold, size, chain, sum"
SET_FOLD = f"UPDATE folded SET ({_FOLD_COLUMNS}) = (?, ?, ?, ?, ?)"
"""Puts `Fold.row()` in force."""


def read_fold(database: sqlite3.Connection, path: str) -> Fold:
    """Read which snapshot is in force. Raises `JournalDamaged` if its row is not what was written.

    Raises `sqlite3.Error` too.
    """
    row = database.execute(f"SELECT {_FOLD_COLUMNS} FROM folded").fetchone()
    fold = Fold(up_to=row[0], number=row[1], size=row[2], chain=row[3])
    if fold.row() != row:
        raise JournalDamaged(f"the journal {path} is damaged: the fold marker has changed")
    return fold


def chained(chain: int, kind: str, data: bytes) -> int:
    """Add a row to the checksum of a snapshot."""
    return zlib.crc32(data, zlib.crc32(kind.encode(), chain))


class HomeTaken(Conflict):
    """Another daemon has the journal open."""


class JournalDamaged(JournalFailed):
    """The file on disk is not an intact journal; it is left unchanged."""


def row_of(event: Event) -> Row:
    """Encode an event as a row with a checksum: SQLite has none, and a flipped bit in a number
    would silently make it another number.
    """
    kind = type(event).__name__
    data = _encoded(event)
    return (event.at, kind, data, seal(kind, data))


def event_of(kind: str, data: bytes, mark: int | None, *, path: str) -> Event:
    """Decode a row. Raises `JournalDamaged`; a row in an older file has no checksum."""
    if mark is not None and mark != seal(kind, data):
        raise JournalDamaged(f"{path} holds an unreadable {kind}: checksum mismatch")
    try:
        return _decoded(kind, data)
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        raise JournalDamaged(f"{path} holds an unreadable {kind}: {error}") from error


def seal(kind: str, data: bytes) -> int:
    """Compute the checksum of a row (CRC-32)."""
    return zlib.crc32(data, zlib.crc32(kind.encode()))


def take_lock(path: str) -> int:
    """Lock a home for this process; the descriptor holds the lock. Raises `HomeTaken`.

    If no lock file can be created, the directory itself is locked: a read-only home can still be
    read.
    """
    try:
        descriptor = open_private(path)
    except JournalFailed:
        descriptor = _open_readable(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise HomeTaken(
            f"another styxy daemon is using {os.path.dirname(path)}; see: styxy daemon status"
        ) from None
    return descriptor


def open_private(path: str) -> int:
    """Open a file for writing, created with mode 0600, never through a link.

    Raises `JournalFailed`.
    """
    try:
        return open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    except OSError as error:
        raise JournalFailed(f"cannot open {path}: {error.strerror}") from error


def files_at(path: str) -> list[tuple[int, int] | None]:
    """Identify the files of a journal, including the lock, as the kernel does (inode(7))."""
    return [_identity(path), _identity(path + ".lock")]


def open_sound(path: str) -> sqlite3.Connection:
    """Open a journal's file, or create one.

    Raises `JournalDamaged` if it is not intact, `JournalFailed` if it cannot be opened.
    """
    # SQLite creates its files with the umask's mode; created by us first, they are always private.
    os.close(open_private(path))
    database = sqlite3.connect(path, timeout=0)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        _check(database, path)
        # A file that SQLite could open only for reading fails here, and not at the first lease.
        database.execute("BEGIN IMMEDIATE")
        database.rollback()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a name with a flipped bit
        database.close()
        raise failure(error, path) from error
    except BaseException:
        database.close()
        raise
    return database


def failure(error: sqlite3.Error | UnicodeDecodeError, path: str) -> JournalFailed:
    """Distinguish damage from a failing environment, in one sentence."""
    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) in _DAMAGE:
        return JournalDamaged(f"the journal {path} is damaged: {error}")
    return JournalFailed(f"cannot use the journal {path}: {error}")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None  # ENOENT above all
    return (status.st_dev, status.st_ino)


def _check(database: sqlite3.Connection, path: str) -> None:
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise JournalDamaged(f"the journal {path} is damaged: {verdict}")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise JournalDamaged(f"the journal {path} was written by a newer styxy ({version})")
    if version < SCHEMA_VERSION:
        script = f"BEGIN; {MIGRATIONS[version]} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        database.executescript(script)
    tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('events', 'snapshot', 'folded')"
    if database.execute(tables).fetchone() != (3,):
        raise JournalDamaged(f"the journal {path} is damaged: a table is missing")
    if database.execute("SELECT count(*) FROM folded").fetchone() != (1,):
        raise JournalDamaged(f"the journal {path} is damaged: the fold marker is missing")
    if version < SCHEMA_VERSION:
        _seal_fold(database)
    read_fold(database, path)


def _seal_fold(database: sqlite3.Connection) -> None:
    """Compute the checksums of a fold in a file of an older version, or a new one."""
    up_to, number = database.execute("SELECT up_to, fold FROM folded").fetchone()
    size = chain = 0
    query = "SELECT kind, data FROM snapshot WHERE fold = ? ORDER BY seq"
    for kind, data in database.execute(query, (number,)):
        size, chain = size + 1, chained(chain, kind, data)
    fold = Fold(number=number, up_to=up_to, size=size, chain=chain)
    with database:
        database.execute(SET_FOLD, fold.row())


def _open_readable(path: str) -> int:
    try:
        if os.path.lexists(path):
            return open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
        return os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError as error:
        raise JournalFailed(f"cannot open {path}: {error.strerror}") from error


def copied(path: str) -> tempfile.TemporaryDirectory[str]:
    """Copy a journal's files to a writable place. Raises `JournalFailed`."""
    copy = None
    try:
        copy = tempfile.TemporaryDirectory(prefix="styxy-journal-")
        for end in SIDE_FILES:
            if os.path.lexists(path + end) and end != "-shm":
                shutil.copyfile(path + end, os.path.join(copy.name, "styxy.db" + end))
    except OSError as error:
        if copy is not None:
            copy.cleanup()
        why = error.strerror or "it is not a regular file; move it away"  # shutil says no more
        raise JournalFailed(f"cannot read {path}: {why}") from error
    return copy


def _encoded(event: Event) -> bytes:
    try:
        data = _ENCODER.encode(event)
    except UnicodeEncodeError:
        # A path may hold any bytes; those that are not UTF-8 are lone surrogates in our strings
        # (os.fsdecode), which msgspec refuses and the standard library writes as \udcXX.
        data = json.dumps(msgspec.to_builtins(event)).encode("ascii")
    for key, on_disk in _ON_DISK:
        data = data.replace(key, on_disk)
    return data


def _decoded(kind: str, data: bytes) -> Event:
    for key, on_disk in _ON_DISK:
        data = data.replace(on_disk, key)
    if b"\\ud" in data:  # half a surrogate pair, and not only one that stands for a byte
        return msgspec.convert(json.loads(data), type=KINDS[kind])
    return _DECODERS[kind].decode(data)
