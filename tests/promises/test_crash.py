"""Promise: an acknowledged lease survives kill -9 at any moment and a restart."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.journal.journal import Journal
from styxy.core.books.events import Noted
from styxy.server.upkeep.maintenance import FOLD_AFTER
from tests.daemon import Daemon
from tests.promises.load import Burst, make_home, session, short_or_long

pytestmark = pytest.mark.slow

ROUNDS = short_or_long(10, 100)


def test_no_acknowledged_lease_is_lost_by_kill_9_in_a_burst(tmp_path: Path) -> None:
    promised: dict[str, int] = {}
    with Daemon(make_home(tmp_path / "home")) as daemon:
        for turn in range(ROUNDS):
            with Burst(daemon, pid=os.getpid(), project_path=f"/p{turn}") as burst:
                burst.wait_for(1 + turn * 7 % 23)
                daemon.kill()
            promised |= {each["lock_id"]: each["port"] for each in burst.acknowledged}
            daemon.start()
            leases = {each["lock_id"]: each["port"] for each in daemon.leases()}
            assert promised.items() <= leases.items(), f"round {turn}"
            assert len(set(leases.values())) == len(leases), f"round {turn}: a port twice"
            assert daemon.call("GET", "/status").body["warnings"] == [], f"round {turn}"
        assert len(promised) >= ROUNDS


def test_a_release_that_was_acknowledged_stays_one(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        for _ in range(short_or_long(3, 100)):
            kept, gone = daemon.allocate("load"), daemon.allocate("load")
            assert daemon.call("DELETE", f"/allocate/{gone['lock_id']}").status == 200
            daemon.kill()
            daemon.start()
            ids = {each["lock_id"] for each in daemon.leases()}
            assert kept["lock_id"] in ids
            assert gone["lock_id"] not in ids


def test_a_fold_and_a_backup_in_the_middle_lose_nothing(tmp_path: Path) -> None:
    """So much is written that the journal is folded, and killed while it is or a little later."""
    home = make_home(tmp_path / "home")
    with Daemon(home) as daemon:
        kept = [daemon.allocate("load", project_path=f"/p{number}") for number in range(20)]
        daemon.stop()
        for turn in range(short_or_long(1, 30)):
            note = Noted(subject="test", message="one of many", at=time.time())
            with closing(Journal(str(home / "styxy.db"))) as journal:
                journal.append([note] * (FOLD_AFTER - 10))
            daemon.start()
            with session(daemon) as ask:
                for _ in range(10 + turn):
                    lease = ask("POST", "/allocate", {"service_type": "api"})
                    ask("DELETE", f"/allocate/{lease['lock_id']}", None)
            daemon.kill()
            daemon.start()
            ids = {each["lock_id"] for each in daemon.leases()}
            assert ids == {each["lock_id"] for each in kept}
            daemon.stop()
        with closing(Journal(str(home / "styxy.db"))) as journal:
            assert journal.unfolded < FOLD_AFTER, "it never was folded"
