"""A journal is checked on a copy: what is wrong is found, and no byte of it changes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.journal.journal import Journal, JournalDamaged
from styxy.adapters.journal.recovery import inspect
from styxy.core.books.events import Bound
from styxy.core.errors import JournalFailed
from styxy.core.model.ports import Port


def files(place: Path) -> dict[str, bytes]:
    """Every file of a directory."""
    return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of three events that was closed."""
    path = tmp_path / "styxy.db"
    with closing(Journal(str(path))) as journal:
        for number in range(3):
            journal.append([Bound(at=1.0, lease_id=str(number), port=Port(3000))])
    return path


def test_a_sound_journal_is_told_with_its_newest_event_and_stays(path: Path) -> None:
    before = files(path.parent)
    assert inspect(str(path)) == 3
    assert files(path.parent) == before


def test_what_a_killed_daemon_left_in_the_wal_counts(path: Path) -> None:
    with closing(Journal(str(path))) as journal:
        journal.append([Bound(at=1.0, lease_id="3", port=Port(3000))])
        left = path.parent / "left"
        left.mkdir()
        for each in ("styxy.db", "styxy.db-wal"):
            (left / each).write_bytes((path.parent / each).read_bytes())
    assert inspect(str(left / "styxy.db")) == 4


def test_a_damaged_journal_is_found_and_stays_for_whoever_mends_it(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    before = files(path.parent)
    with pytest.raises(JournalDamaged):
        inspect(str(path))
    assert files(path.parent) == before


def test_a_directory_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="cannot read"):
        inspect(str(tmp_path))
