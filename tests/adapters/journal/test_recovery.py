"""The journal whatever has become of it: sound, damaged, deleted, cut short, not to be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from styxy.adapters.journal.backups import Backup, Backups
from styxy.adapters.journal.journal import HomeTaken, Journal
from styxy.adapters.journal.recovery import Opened, open_journal
from styxy.core.books.events import Bound, Event
from styxy.core.errors import JournalFailed, UnknownLease
from styxy.core.model.ports import Port

NOW = 1_800_000_000.0


def bound(number: int) -> Bound:
    return Bound(lease_id=str(number), port=Port(3000), at=float(number))


def database(tmp_path: Path) -> Path:
    return tmp_path / "styxy.db"


def filled(tmp_path: Path, count: int) -> int:
    """Write events up to number `count`; tell the number of the last one."""
    with closing(Journal(str(database(tmp_path)))) as journal:
        journal.append([bound(number) for number in range(journal.last_seq, count)])
        return journal.last_seq


def backed_up(tmp_path: Path, *, now: float = NOW) -> Backup:
    backups = Backups(str(tmp_path / "backups"))
    with closing(Journal(str(database(tmp_path)))) as journal:
        writer = backups.begin(now=now, last_seq=journal.last_seq)
        for table, rows in journal.read_slices():
            writer.add(table, rows)
        writer.finish()
    return backups.all()[0]


def opened(
    tmp_path: Path,
    *,
    seen_seq: int = 0,
    read: Callable[[Iterator[Event]], list[Event]] = list,
) -> Opened[list[Event]]:
    backups = Backups(str(tmp_path / "backups"))
    found = open_journal(
        str(database(tmp_path)), backups, read=read, seen_seq=seen_seq, now=NOW + 60
    )
    found.journal.close()
    return found


def test_a_sound_journal_is_opened_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    backed_up(tmp_path)
    filled(tmp_path, 20)
    found = opened(tmp_path, seen_seq=20)
    assert found.read == [bound(number) for number in range(20)]
    assert (found.damage, found.aside, found.backup, found.refusal) == (None, None, None, None)


def test_the_first_start_of_a_home_is_no_damage(tmp_path: Path) -> None:
    assert opened(tmp_path).damage is None


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribbled(path: Path) -> None:
    path.write_bytes(b"This is a letter and no database.\n" * 500)


def flipped(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    at = raw.index(b'"lock_id"') + 12
    raw[at] ^= 1
    path.write_bytes(raw)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE folded")


def with_an_unreadable_event(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET data = x'7b7d' WHERE seq = 5")


DAMAGES = [emptied, halved, scribbled, flipped, newer, without_a_table, with_an_unreadable_event]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_a_damaged_journal_is_set_aside_and_the_newest_backup_loaded(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    filled(tmp_path, 5)
    backed_up(tmp_path, now=NOW - 100)
    filled(tmp_path, 600)
    backup = backed_up(tmp_path)
    filled(tmp_path, 700)
    damage(database(tmp_path))
    damaged = database(tmp_path).read_bytes()
    found = opened(tmp_path, seen_seq=700)
    assert found.read == [bound(number) for number in range(600)]
    assert found.backup == backup
    assert found.damage
    assert found.aside
    is_kept = Path(found.aside).read_bytes() == damaged
    assert is_kept or not damaged, "what was damaged is not thrown away"
    assert opened(tmp_path).read == found.read, "and the next start finds nothing wrong"


def test_a_bad_backup_is_skipped_for_an_older_good_one(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    good = backed_up(tmp_path, now=NOW - 100)
    filled(tmp_path, 9)
    bad = backed_up(tmp_path)
    with_an_unreadable_event(Path(bad.path))
    scribbled(database(tmp_path))
    found = opened(tmp_path)
    assert found.backup == good
    assert found.skipped == (bad.path,)
    assert found.read == [bound(number) for number in range(5)]
    assert Path(bad.path + ".damaged").exists()


def test_without_any_good_backup_the_journal_begins_anew(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    scribbled(database(tmp_path))
    found = opened(tmp_path)
    assert found.read == []
    assert found.damage
    assert found.backup is None


def test_a_deleted_journal_comes_back_from_its_backup(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    backed_up(tmp_path)
    database(tmp_path).unlink()
    found = opened(tmp_path)
    assert found.damage == "it was deleted"
    assert found.read == [bound(number) for number in range(5)]


def test_a_lost_end_is_noticed_though_what_is_left_is_sound(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    found = opened(tmp_path, seen_seq=8)
    assert found.damage == "its last 3 events are missing"
    assert found.read == [bound(number) for number in range(5)]
    assert found.aside is None


def test_a_backup_that_knows_more_than_the_journal_takes_its_place(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    short = database(tmp_path).read_bytes()
    filled(tmp_path, 9)
    backup = backed_up(tmp_path)
    filled(tmp_path, 12)
    database(tmp_path).write_bytes(short)
    found = opened(tmp_path, seen_seq=12)
    assert found.backup == backup
    assert len(found.read) == 9


def test_events_that_contradict_each_other_are_damage(tmp_path: Path) -> None:
    filled(tmp_path, 5)

    def read(events: Iterator[Event]) -> list[Event]:
        if len(found := list(events)) == 5:
            raise UnknownLease("no lease has the id '4'")
        return found

    found = opened(tmp_path, read=read)
    assert found.damage is not None
    assert "contradict" in found.damage


def test_a_home_that_another_daemon_has_is_not_rescued(tmp_path: Path) -> None:
    with closing(Journal(str(database(tmp_path)))), pytest.raises(HomeTaken):
        opened(tmp_path)
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_file_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    with closing(sqlite3.connect(database(tmp_path))) as old:
        old.executescript(
            """
            CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL,
                data BLOB NOT NULL) STRICT;
            CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL,
                data BLOB NOT NULL) STRICT;
            CREATE TABLE folded (only INTEGER PRIMARY KEY CHECK (only = 1),
                up_to INTEGER NOT NULL) STRICT;
            INSERT INTO folded VALUES (1, 0);
            INSERT INTO events VALUES (1, 0.0, 'Bound', '{"lock_id":"0","port":3000,"at":0.0}');
            PRAGMA user_version = 1;
        """.replace("'{", "CAST('{").replace("}')", "}' AS BLOB))")
        )
    assert opened(tmp_path).read == [bound(0)]
    filled(tmp_path, 3)
    assert opened(tmp_path).read == [bound(number) for number in range(3)]


# --- a journal that can be read alone ------------------------------------------------------------


def test_a_journal_behind_a_wall_can_be_read_and_then_written_again(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    with closing(Journal.reading(str(database(tmp_path)))) as journal:
        assert list(journal.replay()) == [bound(number) for number in range(5)]
        database(tmp_path).rename(tmp_path / "hidden")
        database(tmp_path).mkdir()
        with pytest.raises(JournalFailed, match="nothing was promised"):
            journal.append([bound(5)])
        assert len(list(journal.replay())) == 5
        database(tmp_path).rmdir()
        (tmp_path / "hidden").rename(database(tmp_path))
        journal.append([bound(5)])
    assert opened(tmp_path).read == [bound(number) for number in range(6)]


def test_a_journal_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    short = database(tmp_path).read_bytes()
    filled(tmp_path, 6)
    with closing(Journal.reading(str(database(tmp_path)))) as journal:
        database(tmp_path).write_bytes(short)
        with pytest.raises(JournalFailed, match="changed by another"):
            journal.append([bound(6)])


@pytest.mark.parametrize("source", [None, os.devnull], ids=["readable", "damaged"])
def test_a_copy_is_in_place_as_long_as_its_home_is_there(
    tmp_path: Path, source: str | None
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    filled(home, 5)
    with closing(Journal.reading(str(database(home)), source=source)) as journal:
        assert journal.is_in_place() == (source is None), (
            "a damaged one is replaced where it can be"
        )
        shutil.rmtree(home)
        assert not journal.is_in_place()


# --- backups -------------------------------------------------------------------------------------


def test_only_the_newest_backups_are_kept_and_nothing_unfinished(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    for number in range(5):
        backed_up(tmp_path, now=NOW + number)
    backups = Backups(str(tmp_path / "backups"))
    abandoned = backups.begin(now=NOW + 9, last_seq=3)
    abandoned.add("events", [(1, 0.0, "Bound", b"{}", 0)])
    backups.prune(kept=2)
    assert [backup.taken_at for backup in backups.all()] == [NOW + 4, NOW + 3]
    assert len(os.listdir(backups.directory)) == 2
    abandoned.abandon()


def test_a_backup_that_is_dated_in_the_future_does_not_pass_for_the_newest(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    backups = Backups(str(tmp_path / "backups"))
    for last_seq, now in ((3, NOW + 10 * 365 * 86400), (9, NOW), (11, NOW + 1)):
        writer = backups.begin(now=now, last_seq=last_seq)
        writer.finish()
    assert [backup.last_seq for backup in backups.all()] == [11, 9, 3]
    backups.prune(kept=1)
    assert [backup.last_seq for backup in backups.all()] == [11]


def test_backups_are_private_whatever_the_umask(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    old = os.umask(0)
    try:
        backup = backed_up(tmp_path)
    finally:
        os.umask(old)
    assert Path(backup.path).stat().st_mode & 0o777 == 0o600
    assert Path(backup.path).parent.stat().st_mode & 0o777 == 0o700


def test_a_backup_that_cannot_be_made_is_said_to_have_failed(tmp_path: Path) -> None:
    deleted = Backups(str(tmp_path / "deleted" / "backups"))
    with pytest.raises(JournalFailed, match="cannot make the backup"):
        deleted.begin(now=0.0, last_seq=1)
    assert not (tmp_path / "deleted").exists()
    # The system opens this one, and SQLite does not: its paths have at most 512 bytes.
    deep = tmp_path.joinpath(*["d" * 200] * 3)
    deep.mkdir(parents=True)
    with pytest.raises(JournalFailed, match="cannot make the backup"):
        Backups(str(deep)).begin(now=0.0, last_seq=1)


def test_a_backup_holds_the_snapshot_and_what_came_after(tmp_path: Path) -> None:
    with closing(Journal(str(database(tmp_path)))) as journal:
        journal.append([bound(number) for number in range(2000)])
        list(journal.fold_slices([bound(7), bound(8)], keep_since=0.0))
        journal.append([bound(2000)])
    backed_up(tmp_path)
    scribbled(database(tmp_path))
    assert opened(tmp_path).read == [bound(7), bound(8), bound(2000)]


def test_events_may_be_written_while_a_backup_is_taken(tmp_path: Path) -> None:
    backups = Backups(str(tmp_path / "backups"))
    with closing(Journal(str(database(tmp_path)))) as journal:
        journal.append([bound(number) for number in range(1200)])
        writer = backups.begin(now=NOW, last_seq=journal.last_seq)
        for table, rows in journal.read_slices():
            writer.add(table, rows)
            journal.append([bound(journal.last_seq)])
        writer.finish()
    scribbled(database(tmp_path))
    assert opened(tmp_path).read == [bound(number) for number in range(1200)]


@pytest.mark.parametrize("steps", range(8))
def test_a_fold_that_was_killed_leaves_one_of_two_snapshots_whole(
    tmp_path: Path, steps: int
) -> None:
    old = [bound(number) for number in range(1100)]
    new = [bound(number) for number in range(5000, 6200)]
    with closing(Journal(str(database(tmp_path)))) as journal:
        journal.append([bound(0)])
        list(journal.fold_slices(old, keep_since=1e9))
        slices = journal.fold_slices(new, keep_since=1e9)
        done = sum(1 for _ in islice(slices, steps))
        journal.append([bound(9)])
    with closing(Journal(str(database(tmp_path)))) as journal:
        found = list(journal.replay())
        assert found in ([*old, bound(9)], [*new, bound(9)])
        assert done == min(steps, 5)
        list(journal.fold_slices(old, keep_since=1e9))
        assert list(journal.replay()) == old
