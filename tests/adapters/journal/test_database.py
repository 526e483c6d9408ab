"""The rows of the journal: what is written today is what yesterday's and tomorrow's Styxy read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.journal.database import event_of, row_of
from styxy.adapters.journal.journal import Journal, JournalDamaged
from styxy.core.books.events import Bound, InstanceSeen, Leased, RangeAdded
from styxy.core.model.instances import Instance
from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import ServiceType

LEASED = Leased(
    lease=Lease(
        lease_id="a",
        port=Port(3001),
        service_type="dev",
        service_name='"image_id":',
        owner=Owner(project='/srv/"server":/\udcff'),
        allocated_at=1,
        last_seen=1,
        asked=Port(3000),
        image_id="0123456789abcdef",
    ),
    at=1,
)


def test_the_program_image_of_a_lease_has_the_key_that_every_journal_has() -> None:
    _at, _kind, data, _seal = row_of(LEASED)
    lease = json.loads(data)["lease"]
    assert lease["server"] == "0123456789abcdef"
    assert "image_id" not in lease


def test_the_preferred_ports_of_a_made_type_have_the_key_that_every_journal_has() -> None:
    ports = PortRange(Port(9000), Port(9009))
    service = ServiceType(name="x", ports=ports, preferred_ports=(Port(9001),))
    added = RangeAdded(service=service, placement="after", chunk_size=10, at=1)
    _at, kind, data, seal = row_of(added)
    assert json.loads(data)["service"]["preferred"] == [9001]
    assert event_of(kind, data, seal, path="styxy.db") == added


def test_what_looks_like_that_key_in_a_text_is_left_alone() -> None:
    _at, kind, data, seal = row_of(LEASED)
    assert event_of(kind, data, seal, path="styxy.db") == LEASED


@pytest.mark.parametrize(
    "text", ["\ud800", "/a\udbff/", "\N{GRINNING FACE} \udfff", r"/\ud800 \ud83d", "/b\udcff"]
)
def test_whatever_is_written_can_be_read_again(text: str) -> None:
    seen = InstanceSeen(
        instance=Instance(
            instance_id="x", registered_at=1, last_heartbeat=1, working_directory=text
        ),
        at=1,
    )
    _at, kind, data, seal = row_of(seen)
    assert event_of(kind, data, seal, path="styxy.db") == seen


def test_the_id_of_a_lease_has_the_key_that_every_journal_has() -> None:
    _at, _kind, data, _seal = row_of(LEASED)
    lease = json.loads(data)["lease"]
    assert lease["lock_id"] == "a"
    assert "lease_id" not in lease


def bound(number: int) -> Bound:
    return Bound(lease_id=str(number), port=Port(3000), at=float(number))


def folded(path: Path) -> None:
    """Write a journal with a snapshot of three events and two events after it."""
    with closing(Journal(str(path))) as journal:
        journal.append(bound(number) for number in range(3))
        for _ in journal.fold_slices([bound(number) for number in range(3)], keep_since=0):
            pass
        journal.append([bound(3), bound(4)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE folded SET up_to = up_to + 4",
        "UPDATE folded SET up_to = up_to - 1",
        "UPDATE folded SET fold = fold + 2",
        "UPDATE folded SET size = size - 1",
        "UPDATE folded SET chain = chain + 1",
        "UPDATE folded SET sum = sum + 1",
        "UPDATE folded SET sum = NULL",
        "UPDATE snapshot SET fold = fold + 8 WHERE seq = (SELECT max(seq) FROM snapshot)",
        "UPDATE snapshot SET seq = seq + 64 WHERE seq = (SELECT min(seq) FROM snapshot)",
        "DELETE FROM snapshot WHERE seq = (SELECT min(seq) FROM snapshot)",
        "UPDATE events SET seq = seq + 64 WHERE seq = (SELECT max(seq) FROM events)",
        "DELETE FROM events WHERE seq = 4",
    ],
)
def test_nothing_that_the_state_depends_on_changes_unseen(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "styxy.db"
    folded(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
    with pytest.raises(JournalDamaged), closing(Journal(str(path))) as journal:
        list(journal.replay())


def test_a_file_of_an_older_version_is_sealed_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "styxy.db"
    folded(path)
    with closing(sqlite3.connect(path)) as database, database:
        for column in ("size", "chain", "sum"):
            database.execute(f"ALTER TABLE folded DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 2")
    for _ in range(2):
        with closing(Journal(str(path))) as journal:
            assert list(journal.replay()) == [bound(number) for number in range(5)]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE folded SET up_to = up_to + 1")
    with pytest.raises(JournalDamaged):
        Journal(str(path))
