"""The journal on a real disk: what was acknowledged is there, and a damaged file says so."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import styxy
from styxy.adapters.journal.journal import SLICE, HomeTaken, Journal, JournalDamaged
from styxy.core.books.events import KINDS, Bound, Event, Heard, Leased, Released
from styxy.core.errors import JournalFailed
from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port
from tests.core import strategies
from tests.examples import share_of
from tests.fakes import clean_environment


def bound(number: int, *, at: float | None = None) -> Bound:
    return Bound(lease_id=str(number), port=Port(3000), at=float(number) if at is None else at)


def path_of(tmp_path: Path) -> str:
    return str(tmp_path / "styxy.db")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(path_of(tmp_path))) as journal:
        yield journal


def reopened(tmp_path: Path) -> list[Event]:
    with closing(Journal(path_of(tmp_path))) as journal:
        return list(journal.replay())


def test_events_come_back_in_their_order(tmp_path: Path) -> None:
    journal = Journal(path_of(tmp_path))
    events = [bound(number, at=1000.0 - number) for number in range(20)]
    journal.append(events[:5])
    for event in events[5:]:
        journal.append([event])
    assert list(journal.replay()) == events
    assert journal.unfolded == 20
    journal.close()
    assert reopened(tmp_path) == events


def test_nothing_is_written_for_nothing(journal: Journal) -> None:
    journal.append([])
    assert list(journal.replay()) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=share_of(40))
@given(data=st.data())
def test_every_kind_of_event_comes_back_as_it_was(
    journal: Journal, kind: type[Event], data: st.DataObject
) -> None:
    event = data.draw(strategies.EVENTS[kind])
    journal.append([event])
    assert journal.recent(kind.__name__, limit=1) == [event]


def test_a_path_that_is_not_utf_8_comes_back_byte_for_byte(journal: Journal) -> None:
    project = os.fsdecode(b"/srv/caf\xe9")
    lease = Lease(
        lease_id="a",
        port=Port(3000),
        service_type="dev",
        owner=Owner(project=project),
        allocated_at=0.0,
        last_seen=0.0,
    )
    journal.append([Leased(lease=lease, at=0.0)])
    (event,) = journal.replay()
    assert isinstance(event, Leased)
    assert event.lease == lease
    assert os.fsencode(event.lease.owner.project or "") == b"/srv/caf\xe9"


def test_recent_events_are_of_one_kind_and_the_newest_is_last(journal: Journal) -> None:
    released = Released(lease_id="x", port=Port(3000), reason="released", at=0.5)
    journal.append([bound(1), released, bound(2), bound(3)])
    assert journal.recent("Bound", limit=2) == [bound(2), bound(3)]
    assert journal.recent("Released", limit=9) == [released]
    assert journal.recent("Leased", limit=9) == []


def test_a_failed_write_writes_nothing(tmp_path: Path) -> None:
    with closing(Journal(path_of(tmp_path))) as journal:
        journal.append([bound(1)])
    with pytest.raises(JournalFailed, match="cannot write the journal"):
        journal.append([bound(2)])
    assert reopened(tmp_path) == [bound(1)]


# --- the death of a writer -----------------------------------------------------------------------

WRITER = """
import sys
from styxy.adapters.journal.journal import Journal
from styxy.core.books.events import Bound

journal = Journal(sys.argv[1])
number = int(sys.argv[2])
while True:
    journal.append([Bound(lease_id=str(number), port=3000, at=0.0)])
    print(number, flush=True)
    number += 1
"""


def test_what_was_acknowledged_survives_kill_9_in_a_burst(tmp_path: Path) -> None:
    env = clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent))
    acknowledged = 0
    for burst in (1, 7, 40, 113, 500):
        command = [sys.executable, "-c", WRITER, path_of(tmp_path), str(acknowledged)]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(burst):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines()
        acknowledged += burst + len(rest)
        written = [event.lease_id for event in reopened(tmp_path) if isinstance(event, Bound)]
        assert written[:acknowledged] == [str(number) for number in range(acknowledged)]
        assert len(written) <= acknowledged + 1, "one may be written and not yet told"
        acknowledged = len(written)


# --- one daemon at a time ------------------------------------------------------------------------


def test_a_second_opener_is_refused_and_leaves_the_first_alone(
    journal: Journal, tmp_path: Path
) -> None:
    journal.append([bound(1)])
    with pytest.raises(HomeTaken, match="styxy daemon status"):
        Journal(path_of(tmp_path))
    journal.append([bound(2)])
    assert list(journal.replay()) == [bound(1), bound(2)]


def test_a_refused_opener_leaks_no_descriptor(journal: Journal, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(10):
        with pytest.raises(HomeTaken):
            Journal(path_of(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_closed_journal_can_be_opened_by_another(tmp_path: Path) -> None:
    journal = Journal(path_of(tmp_path))
    journal.append([bound(1)])
    journal.close()
    assert reopened(tmp_path) == [bound(1)]


# --- damage --------------------------------------------------------------------------------------


def truncated(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def cut_in_a_page(raw: bytes) -> bytes:
    return raw[:-1000]


def garbled(raw: bytes) -> bytes:
    return raw[:4096] + bytes(4096) + raw[8192:]


def with_a_flipped_header(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


def with_a_flipped_tree(raw: bytes) -> bytes:
    page = 2 * 4096
    return raw[: page + 3] + bytes([raw[page + 3] ^ 0x40]) + raw[page + 4 :]


def another_thing(_raw: bytes) -> bytes:
    return b"This is a letter, and no database at all.\n" * 200


@pytest.mark.parametrize(
    "damage",
    [truncated, cut_in_a_page, garbled, with_a_flipped_header, with_a_flipped_tree, another_thing],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_file_is_named_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = Path(path_of(tmp_path))
    journal = Journal(str(path))
    for number in range(2000):
        journal.append([bound(number)])
    journal.close()
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(JournalDamaged, match=str(path)):
        Journal(str(path))
    is_same = path.read_bytes() == damaged
    assert is_same


def rewritten(path: Path, statement: str) -> bytes:
    database = sqlite3.connect(path)
    with database:
        database.execute(statement)
    database.close()
    return path.read_bytes()


def test_a_journal_of_a_newer_styxy_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = Path(path_of(tmp_path))
    Journal(str(path)).close()
    before = rewritten(path, "PRAGMA user_version = 99")
    with pytest.raises(JournalDamaged, match=r"newer styxy \(99\)"):
        Journal(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = x'7b'",
        "UPDATE events SET data = x'ff00'",
        "UPDATE events SET kind = 'Unheard'",
        "UPDATE events SET data = x'7b7d'",
    ],
)
def test_an_event_that_cannot_be_read_is_damage(tmp_path: Path, statement: str) -> None:
    path = Path(path_of(tmp_path))
    journal = Journal(str(path))
    journal.append([bound(1)])
    journal.close()
    rewritten(path, statement)
    with pytest.raises(JournalDamaged, match="unreadable"):
        reopened(tmp_path)


# --- folding -------------------------------------------------------------------------------------


def test_a_fold_keeps_the_state_and_the_window_of_the_audit(tmp_path: Path) -> None:
    journal = Journal(path_of(tmp_path))
    journal.append([bound(number) for number in range(100)])
    state = [bound(7), bound(8)]
    list(journal.fold_slices(state, keep_since=60.0))
    assert list(journal.replay()) == state
    assert journal.unfolded == 0
    assert journal.recent("Bound", limit=1000) == [bound(number) for number in range(60, 100)]
    journal.append([bound(100)])
    assert list(journal.replay()) == [*state, bound(100)]
    journal.close()
    assert reopened(tmp_path) == [*state, bound(100)]


def test_a_fold_keeps_a_bounded_number_the_newest(tmp_path: Path) -> None:
    journal = Journal(path_of(tmp_path))
    journal.append([bound(number) for number in range(3 * SLICE)])
    slices = journal.fold_slices([], keep_since=0.0, keep_most=SLICE + 10)
    next(slices)
    journal.append([bound(-1)])
    list(slices)
    kept = journal.recent("Bound", limit=10_000)
    assert kept == [*(bound(number) for number in range(2 * SLICE - 10, 3 * SLICE)), bound(-1)]
    journal.close()
    assert reopened(tmp_path) == [bound(-1)]


@pytest.mark.parametrize("keep_most", [0, 10])
def test_a_fold_that_may_keep_little_keeps_what_it_has_not_folded(
    journal: Journal, keep_most: int
) -> None:
    journal.append([bound(1)])
    slices = journal.fold_slices([bound(2)], keep_since=0.0, keep_most=keep_most)
    next(slices)
    journal.append([bound(3)])
    list(slices)
    assert list(journal.replay()) == [bound(2), bound(3)]


def test_a_fold_takes_the_signs_of_life_away_and_leaves_what_was_said_since(
    journal: Journal,
) -> None:
    """A hundred agents that give one each half minute would make 290,000 a day."""
    events: list[Event] = [
        each
        for number in range(SLICE + 10)
        for each in (bound(number), Heard(instance_id="a", at=float(number)))
    ]
    journal.append(events)
    state = [bound(7)]
    slices = journal.fold_slices(state, keep_since=0.0)
    next(slices)
    since = Heard(instance_id="a", at=1e6)
    journal.append([since])
    list(slices)
    assert list(journal.replay()) == [*state, since]
    assert journal.recent("Heard", limit=10_000) == [since]
    assert len(journal.recent("Bound", limit=10_000)) == SLICE + 10


def test_a_fold_of_everything_numbers_on(journal: Journal) -> None:
    for number in range(3):
        journal.append([bound(number)])
        list(journal.fold_slices([bound(number)], keep_since=1e9))
    journal.append([bound(9)])
    assert list(journal.replay()) == [bound(2), bound(9)]


def test_a_fold_of_nothing_is_a_fold(journal: Journal) -> None:
    list(journal.fold_slices([], keep_since=0.0))
    journal.append([bound(1)])
    list(journal.fold_slices([], keep_since=0.0))
    assert list(journal.replay()) == []


# --- whose file it is ----------------------------------------------------------------------------


def test_the_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        journal = Journal(path_of(tmp_path))
    finally:
        os.umask(old)
    journal.append([bound(1)])
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    journal.close()
    assert modes.keys() == {"styxy.db", "styxy.db.lock", "styxy.db-wal"}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("name", ["styxy.db", "styxy.db.lock"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_planted_link_is_not_followed(tmp_path: Path, name: str, exists: bool) -> None:
    target = tmp_path / "target"
    if exists:
        target.write_text("mine")
    home = tmp_path / "home"
    home.mkdir()
    (home / name).symlink_to(target)
    with pytest.raises(JournalFailed, match=name):
        Journal(str(home / "styxy.db"))
    assert target.exists() == exists
    assert not exists or target.read_text() == "mine"


def test_an_event_keeps_its_lease_apart_from_its_copy(journal: Journal) -> None:
    lease = Lease(
        lease_id="a", port=Port(3000), service_type="dev", allocated_at=0.0, last_seen=0.0
    )
    journal.append([Leased(lease=lease, at=0.0), Leased(lease=replace(lease, port=Port(1)), at=0)])
    first, second = journal.replay()
    assert first == Leased(lease=lease, at=0.0)
    assert first != second


def test_the_audit_reads_back_from_the_newest(journal: Journal) -> None:
    events = [bound(1000 + number) for number in range(9)]
    journal.append(events)
    last = Released(lease_id="x", port=Port(3000), reason="lapsed", at=1009.0)
    journal.append([last])
    assert journal.read_back(kind=None, since=None, limit=2) == [(9, events[-1]), (10, last)]
    assert journal.read_back(kind="Bound", since=1007.0, limit=100) == [
        (8, events[7]),
        (9, events[8]),
    ]
    assert journal.read_back(kind="Leased", since=None, limit=100) == []
    assert journal.read_on(7, limit=2) == [(8, events[7]), (9, events[8])]
    assert journal.read_on(10, limit=100) == []


def test_a_probe_writes_and_leaves_nothing(journal: Journal) -> None:
    journal.append([bound(1)])
    journal.probe()
    journal.probe()
    assert journal.last_seq == 1
    assert journal.read_on(0, limit=10) == [(1, bound(1))]
