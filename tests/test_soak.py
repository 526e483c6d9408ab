"""Hold the soak to its word: it counts what is done, and sees what is lost."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.soak.__main__ import installed
from bench.soak.events import Follower, newest
from bench.soak.installation import Soak
from bench.soak.leases import Ledger, is_buried
from bench.soak.tally import KEPT, NOTES, PROMISES, Size, Tally, size_lines, table
from bench.soak.worktrees import Worktree, judge

ROOT = Path(__file__).parent.parent


def idle(tmp_path: Path) -> Soak:
    """A soak that has no daemon."""
    return Soak(home=tmp_path, tally=Tally(), random=random.Random(0))


def counts(table: str) -> dict[str, int]:
    """Read the numbers of what was done from a printed table, by name."""
    names = {promise.done: name for name, promise in PROMISES.items()}
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| .+? \| [\d,]+ \|$", table, re.MULTILINE)
    return {names[done]: int(number.replace(",", "")) for done, number in rows}


def test_the_table_has_every_count_and_says_what_was_lost() -> None:
    tally = Tally()
    tally.count("leases", 1234)
    tally.lose("leases", "0f3c of port 20000: None")
    tally.note("moved", 3)
    text = table(tally)
    assert not tally.is_lossless
    assert "| leases acknowledged | 1,234 | lost | 1 |" in text
    assert re.search(r"^- 0\.\d s: 0f3c of port 20000: None$", text, re.MULTILINE)
    assert all(f"| {meaning} | " in text for meaning in NOTES.values())
    assert counts(text).keys() == PROMISES.keys()


def test_many_losses_are_counted_and_some_are_told() -> None:
    tally = Tally()
    assert tally.is_lossless
    for number in range(KEPT + 5):
        tally.lose("events", f"event {number}")
    assert f"event {KEPT - 1}" in table(tally)
    assert table(tally).endswith("\n- and 5 more")


def test_sizes_are_shown_at_the_start_in_the_middle_at_the_end_and_at_most() -> None:
    sizes = [
        Size(when=float(when), memory=memory * 2**20, descriptors=20 + when, disk=0)
        for when, memory in enumerate((30, 50, 40, 35, 36))
    ]
    assert [line.split(" | ")[:3] for line in size_lines(sizes)[2:]] == [
        ["| at the start", "30.0 MiB", "20"],
        ["| in the middle", "40.0 MiB", "22"],
        ["| at the end", "36.0 MiB", "24"],
        ["| at most", "50.0 MiB", "24"],
    ]


def test_a_connection_is_held_against_the_times_of_its_server_and_of_the_daemon(
    tmp_path: Path,
) -> None:
    soak = idle(tmp_path)
    tree = Worktree(soak=soak, path=Path("/shop"), port=3000, ups=[(10.0, 20.0)], up_since=30.0)
    soak.outages.append([40.0, 50.0])
    for begin, got in ((15.0, "shop"), (25.0, "-"), (35.0, "shop"), (45.0, "blog"), (46.0, "-")):
        judge(tree, got, begin=begin, finish=begin + 1)
    assert soak.tally.is_lossless
    assert (soak.tally.done["answers"], soak.tally.done["reached"]) == (5, 4)
    assert (soak.tally.notes["answers unserved"], soak.tally.notes["reached unserved"]) == (1, 1)
    judge(tree, "blog", begin=25.0, finish=26.0)
    judge(tree, "-", begin=35.0, finish=36.0)
    assert +soak.tally.lost == {"answers": 1, "reached": 1}


@pytest.fixture
def soak(tmp_path: Path) -> Iterator[Soak]:
    with installed(tmp_path, seed=0) as soak:
        yield soak


def test_a_lease_that_is_released_behind_its_back_is_seen(soak: Soak) -> None:
    ledger = Ledger(soak)
    kept, lost = (granted(soak, ledger) for _ in range(2))
    ledger.audit()
    assert soak.tally.is_lossless
    assert soak.ask("DELETE", f"/allocate/{lost}?force=true").status == 200
    ledger.audit()
    assert +soak.tally.lost == {"leases": 1}
    assert lost in soak.tally.losses["leases"][0]
    ledger.audit()
    assert soak.tally.lost["leases"] == 1, "a loss is counted once"
    assert ledger.held.keys() == {kept}


def test_a_port_that_is_granted_twice_and_a_lease_that_comes_back_are_seen(soak: Soak) -> None:
    ledger = Ledger(soak)
    held = granted(soak, ledger)
    ledger.granted("another", ledger.held[held])
    assert +soak.tally.lost == {"grants": 1}
    ledger.releasing("another")
    ledger.releasing(held)
    ledger.released(held)
    ledger.audit()
    assert +soak.tally.lost == {"grants": 1, "releases": 1}


def test_a_lease_that_outlives_its_holder_is_seen(soak: Soak) -> None:
    lock_id = granted(soak, Ledger(soak))
    assert not is_buried(soak, lock_id, patience=0.1)
    assert soak.ask("DELETE", f"/allocate/{lock_id}?force=true").status == 200
    assert is_buried(soak, lock_id, patience=0.1)


def test_a_follower_counts_what_it_was_not_sent(soak: Soak) -> None:
    ledger = Ledger(soak)
    follower = Follower(soak, "follower 0", newest(soak))
    granted(soak, ledger)
    final = newest(soak)
    follower.catch_up(final)
    assert (soak.tally.is_lossless, follower.last) == (True, final)
    follower.last -= 1  # the last one comes once more
    follower.catch_up(final)
    assert soak.tally.is_lossless
    follower.see(final + 3)
    assert +soak.tally.lost == {"events": 2}


def granted(soak: Soak, ledger: Ledger) -> str:
    """Take a lease, and write it down."""
    body = {"service_type": "soak", "pid": os.getpid()}
    lease = soak.ask("POST", "/allocate", body).body
    ledger.granted(lease["lock_id"], lease["port"])
    return str(lease["lock_id"])


def test_a_kill_of_the_daemon_is_an_outage_until_another_has_looked_around(soak: Soak) -> None:
    begin = time.monotonic()
    assert soak.was_served(begin, time.monotonic())
    soak.kill_daemon()
    assert not soak.was_served(begin, time.monotonic())
    assert soak.start_daemon() is None
    assert not soak.was_served(begin, time.monotonic())
    assert soak.was_served(soak.outages[-1][1], soak.outages[-1][1] + 1)


def started(tmp_path: Path, minutes: float) -> subprocess.Popen[str]:
    """Start a whole soak."""
    command = [sys.executable, "-m", "bench.soak", "--minutes", str(minutes), "--seed", "1"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_short_soak_does_everything_and_loses_nothing(tmp_path: Path) -> None:
    with started(tmp_path, 0.2) as process:
        out, err = process.communicate()
    assert process.returncode == 0, out + err
    done = counts(out)
    assert all(done[name] > 0 for name in PROMISES if name != "kills"), out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_interrupted_soak_prints_its_table_and_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path, 15) as process:
        assert process.stderr is not None
        while "working" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert counts(out).keys() == PROMISES.keys()
    assert list(tmp_path.iterdir()) == []
