"""The only memory: events in one SQLite file, written before anything is promised.

WAL with `synchronous=NORMAL` survives the death of any process; a power cut may cost the last
moments. Events are folded into a snapshot now and then, and the folded ones stay for the audit,
except heartbeats, which would add a megabyte a day and are of no interest by then.

Theory of operation. Long work is done in slices of a few milliseconds each, so that the loop can
answer in between. A fold writes its snapshot under a new number beside the current one, switches
the number in one small transaction, and then deletes the old rows; if the daemon is killed in the
middle, one of the two snapshots is complete. `last_seq` numbers the newest event; the port map also
has it, so that a journal that lost its end is detected.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from itertools import islice
from typing import TYPE_CHECKING

from styxy.adapters.journal.database import (
    SET_FOLD,
    Fold,
    HomeTaken,
    JournalDamaged,
    chained,
    copied,
    event_of,
    failure,
    files_at,
    open_sound,
    read_fold,
    row_of,
    take_lock,
)
from styxy.core.books.events import Heard
from styxy.core.errors import JournalFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from styxy.core.books.events import Event

__all__ = ["HomeTaken", "Journal", "JournalDamaged"]

ROOM = 1 << 20
"""Bytes that a journal needs in addition to its content: for the WAL and the next events."""

SLICE = 500
"""Rows that are read or written at a time: 2-5 ms."""


class Journal:
    """Appends events and reads them back. Use it from one thread.

    Raises `HomeTaken` if another daemon has the file open, `JournalDamaged` if it is not intact,
    `JournalFailed` if it cannot be opened.
    """

    _db: sqlite3.Connection
    _lock: int
    _files: list[tuple[int, int] | None]
    _log: list[tuple[int, int] | None]
    _copy: tempfile.TemporaryDirectory[str] | None = None
    _is_stand_in = False
    last_seq: int
    unfolded: int
    failing: str | None = None
    """Why the last write failed, in a sentence; None once a write has succeeded."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = take_lock(path + ".lock")
        try:
            self._use(open_sound(path))
        except BaseException:
            os.close(self._lock)
            raise

    @classmethod
    def reading(cls, path: str, *, source: str | None = None) -> Journal:
        """Open a copy of a journal that cannot be written now, so that it can be read.

        `append` fails until the file itself can be opened; each call tries. If it is damaged, the
        copy is made from `source`, and the file counts as out of place as soon as another can
        replace it. Raises the same errors as the constructor.
        """
        journal = cls.__new__(cls)
        journal.path = path
        journal._lock = take_lock(path + ".lock")
        try:
            journal._copy = copied(source or path)
            journal._is_stand_in = source is not None
            journal.failing = f"cannot write {path}"
            journal._use(open_sound(os.path.join(journal._copy.name, "styxy.db")))
        except BaseException:
            os.close(journal._lock)
            raise
        return journal

    def append(self, events: Iterable[Event]) -> None:
        """Write events, all or none. Raises `JournalFailed`; then nothing was written."""
        rows = [row_of(each) for each in events]
        if self._copy is not None:
            self._open_again()
        numbered = [(self.last_seq + 1 + offset, *row) for offset, row in enumerate(rows)]
        statement = "INSERT INTO events (seq, at, kind, data, sum) VALUES (?, ?, ?, ?, ?)"
        try:
            with self._db:
                self._db.executemany(statement, numbered)
        except sqlite3.Error as error:
            self.failing = f"cannot write the journal {self.path}: {error}"
            raise JournalFailed(
                f"{self.failing}; nothing was promised",
                suggestions=["free some disk space, or make the file writable", "styxy doctor"],
            ) from error
        if rows:
            self.failing = None
        self.last_seq += len(rows)
        self.unfolded += len(rows)

    def replay(self) -> Iterator[Event]:
        """Read what makes up the current state: the snapshot, and every event after it.

        Raises `JournalDamaged` if an event cannot be read.
        """
        try:
            fold = read_fold(self._db, self.path)
            yield from self._snapshot(fold)
            query = "SELECT seq, kind, data, sum FROM events WHERE seq > ? ORDER BY seq"
            for seq, (number, kind, data, mark) in enumerate(
                self._db.execute(query, (fold.up_to,)), fold.up_to + 1
            ):
                if number != seq:
                    raise JournalDamaged(f"the journal {self.path} is damaged: no event {seq}")
                yield event_of(kind, data, mark, path=self.path)
        except sqlite3.DatabaseError as error:
            raise failure(error, self.path) from error

    def _snapshot(self, fold: Fold) -> Iterator[Event]:
        """Read the snapshot in force, and see that it is the one that was written."""
        size = chain = 0
        query = "SELECT kind, data, sum FROM snapshot WHERE fold = ? ORDER BY seq"
        for kind, data, mark in self._db.execute(query, (fold.number,)):
            size, chain = size + 1, chained(chain, kind, data)
            yield event_of(kind, data, mark, path=self.path)
        if (size, chain) != (fold.size, fold.chain):
            raise JournalDamaged(
                f"the journal {self.path} is damaged: its snapshot has {size} rows, and "
                f"{fold.size} were written"
            )

    def fold_slices(
        self, snapshot: Iterable[Event], *, keep_since: float, keep_most: int = sys.maxsize
    ) -> Iterator[None]:
        """Replace all events so far with `snapshot`, a little at each step.

        The snapshot is the state at the time of the first step. Events before `keep_since` are
        deleted, and the oldest ones if more than `keep_most` are left. Events may be appended
        between steps. Raises `JournalFailed`; the old snapshot is then in force.
        """
        up_to = self.last_seq
        try:
            current = read_fold(self._db, self.path).number
            yield from self._drop_folds(current)
            statement = "INSERT INTO snapshot (at, kind, data, sum, fold) VALUES (?, ?, ?, ?, ?)"
            events, size, chain = iter(snapshot), 0, 0
            while rows := [row_of(each) for each in islice(events, SLICE)]:
                with self._db:
                    self._db.executemany(statement, [(*row, current + 1) for row in rows])
                for _, kind, data, _ in rows:
                    size, chain = size + 1, chained(chain, kind, data)
                yield
            fold = Fold(number=current + 1, up_to=up_to, size=size, chain=chain)
            with self._db:
                self._db.execute(SET_FOLD, fold.row())
            self.unfolded = self.last_seq - up_to
            yield from self._drop_folds(current + 1)
            yield from self._drop_signs_of_life(up_to)
            yield from self._drop_events(up_to, keep_since, keep_most)
        except sqlite3.Error as error:
            raise failure(error, self.path) from error

    def read_slices(self) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
        """Read everything as it is now, table by table in slices, to make a backup.

        Raises `JournalFailed`. A fold in between would make the copy inconsistent, so the caller
        must not do both at once.
        """
        try:
            fold = read_fold(self._db, self.path)
            last_seq = self.last_seq
            yield "folded", [fold.row()]
            for table, extra, end in (("snapshot", ", fold", 1 << 62), ("events", "", last_seq)):
                query = f"""
                    SELECT seq, at, kind, data, sum{extra} FROM {table}
                    WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {SLICE}
                """
                seq = 0
                while rows := self._db.execute(query, (seq, end)).fetchall():
                    seq = rows[-1][0]
                    yield table, rows
        except sqlite3.Error as error:
            raise failure(error, self.path) from error

    def recent(self, kind: str, *, limit: int) -> list[Event]:
        """List the last `limit` events of one kind, newest last."""
        query = "SELECT data, sum FROM events WHERE kind = ? ORDER BY seq DESC LIMIT ?"
        rows = self._db.execute(query, (kind, limit)).fetchall()
        return [event_of(kind, data, mark, path=self.path) for data, mark in reversed(rows)]

    def read_back(
        self, *, kind: str | None, since: float | None, limit: int
    ) -> list[tuple[int, Event]]:
        """List the last `limit` events, of one kind or all, with their numbers, newest last.

        Stops at the first one before `since`: times rise with the numbers unless the clock was set,
        and a search through all of them would block the loop.
        """
        query = f"""
            SELECT seq, at, kind, data, sum FROM events {"WHERE kind = :kind" if kind else ""}
            ORDER BY seq DESC LIMIT :limit
        """
        found: list[tuple[int, Event]] = []
        for seq, at, name, data, mark in self._read(query, kind=kind, limit=limit):
            if since is not None and at < since:
                break
            found.append((seq, event_of(name, data, mark, path=self.path)))
        return found[::-1]

    def read_on(self, after: int, *, limit: int) -> list[tuple[int, Event]]:
        """List the `limit` events after number `after`, with their numbers."""
        query = """
            SELECT seq, at, kind, data, sum FROM events
            WHERE seq > :after ORDER BY seq LIMIT :limit
        """
        return [
            (seq, event_of(name, data, mark, path=self.path))
            for seq, _, name, data, mark in self._read(query, after=after, limit=limit)
        ]

    def probe(self) -> None:
        """Write to disk without changing anything. Raises `JournalFailed`."""
        self.append(())
        seq = self.last_seq + 1
        try:
            with self._db:
                # An update to the same value would touch no page and not notice a full disk.
                self._db.execute("INSERT INTO events VALUES (?, 0, '', x'', NULL)", (seq,))
                self._db.execute("DELETE FROM events WHERE seq = ?", (seq,))
        except sqlite3.Error as error:
            refusal = failure(error, self.path)
            self.failing = refusal.message
            raise refusal from error
        self.failing = None

    def _read(self, query: str, **values: object) -> sqlite3.Cursor:
        try:
            return self._db.execute(query, values)
        except sqlite3.Error as error:
            raise failure(error, self.path) from error

    def is_in_place(self) -> bool:
        """Return whether the files that another daemon would open are the ones this journal has
        open.

        A copy has no place of its own except the home, and one that stands in for a damaged file
        gives way to another.
        """
        if self._copy is None:
            return self._files == files_at(self.path)
        home = os.path.dirname(self.path)
        return os.path.isdir(home) and not (self._is_stand_in and self._has_room(home))

    def has_log(self) -> bool:
        """Return whether SQLite's log, which has the newest events, is where the next daemon would
        look for it. Of a file that is gone itself, the log is of no use.
        """
        return self._copy is not None or not self.is_in_place() or self._log == _log_at(self.path)

    def restore_log(self) -> None:
        """Move what is in a deleted log into the file, and start another log.

        Raises `JournalFailed`.
        """
        self._db.close()  # this copies the log, which is still open, into the file
        self._use(open_sound(self.path))

    def close(self) -> None:
        """Close the file so that another daemon can open it."""
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()
        os.close(self._lock)

    def _use(self, database: sqlite3.Connection) -> None:
        query = """
            SELECT max(up_to, coalesce((SELECT max(seq) FROM events), 0)),
                (SELECT count(*) FROM events WHERE seq > up_to) FROM folded
        """
        try:
            self.last_seq, self.unfolded = database.execute(query).fetchone()
        except sqlite3.DatabaseError as error:
            database.close()
            raise failure(error, self.path) from error
        self._db = database
        self._files = files_at(self.path)
        self._log = _log_at(self.path)

    def _has_room(self, home: str) -> bool:
        """Return whether a journal could be put in the place of the damaged one."""
        assert self._copy is not None
        try:
            needed = os.stat(os.path.join(self._copy.name, "styxy.db")).st_size + ROOM
            free = os.statvfs(home)
        except OSError:
            return False  # ENOENT: the copy, or the home by now, was removed
        return os.access(home, os.W_OK) and free.f_bavail * free.f_frsize > needed

    def _open_again(self) -> None:
        """Switch from the copy to the file itself, if that is possible now."""
        assert self._copy is not None
        if self._is_stand_in:
            raise _refused(f"{self.path} is damaged and cannot be set aside")
        known = self.last_seq
        try:
            database = open_sound(self.path)
        except JournalFailed as error:
            self.failing = error.message
            raise _refused(error.message) from error
        old = self._db
        self._use(database)
        if self.last_seq != known:
            self._db = old
            database.close()
            raise JournalFailed(f"{self.path} was changed by another process; restart the daemon")
        old.close()
        self._copy.cleanup()
        self._copy = None

    def _drop_folds(self, kept: int) -> Iterator[None]:
        statement = f"""
            DELETE FROM snapshot WHERE seq IN
            (SELECT seq FROM snapshot WHERE fold <> ? ORDER BY seq LIMIT {SLICE})
        """
        while True:
            with self._db:
                dropped = self._db.execute(statement, (kept,)).rowcount
            if dropped < SLICE:
                return
            yield

    def _drop_signs_of_life(self, up_to: int) -> Iterator[None]:
        statement = f"""
            DELETE FROM events WHERE seq IN
            (SELECT seq FROM events WHERE kind = ? AND seq <= ? ORDER BY seq LIMIT {SLICE})
        """
        while True:
            with self._db:
                dropped = self._db.execute(statement, (Heard.__name__, up_to)).rowcount
            if dropped < SLICE:
                return
            yield

    def _drop_events(self, up_to: int, keep_since: float, keep_most: int) -> Iterator[None]:
        # Their times rise with their numbers unless the clock was set back, so the search ends at
        # the first one that is young enough.
        query = "SELECT seq, at FROM events WHERE seq <= ? ORDER BY seq LIMIT ?"
        # Uses the index by kind: 1 ms for the 100,000 that are kept by default.
        (count,) = self._db.execute("SELECT count(*) FROM events").fetchone()
        excess = count - keep_most
        while True:
            rows = self._db.execute(query, (up_to, SLICE)).fetchall()
            young = (
                index for index, (_, at) in enumerate(rows) if at >= keep_since and index >= excess
            )
            count = next(young, len(rows))
            if count:
                with self._db:
                    last = rows[count - 1][0]
                    self._db.execute("DELETE FROM events WHERE seq <= ?", (last,))
            if count < SLICE:
                return
            excess -= count
            yield


def _log_at(path: str) -> list[tuple[int, int] | None]:
    return files_at(path + "-wal")[:1]


def _refused(reason: str) -> JournalFailed:
    return JournalFailed(
        f"{reason}; nothing was promised",
        suggestions=["make the home and its files writable", "styxy doctor"],
    )
