"""What a daemon does for itself: backups, logs that end, the traces of a dead predecessor."""

from __future__ import annotations

import json
import signal
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.logfiles import LARGEST
from tests.daemon import Daemon, wait_until


def furnished(home: Path, **settings: float) -> Path:
    home.mkdir(mode=0o700)
    config = {"recovery": {"system_recovery": settings}}
    (home / "config.json").write_text(json.dumps(config))
    return home


def backups(home: Path) -> list[Path]:
    return sorted((home / "backups").glob("styxy-*.db"))


def test_a_stop_leaves_a_backup_that_is_private_and_whole(fresh: Daemon) -> None:
    lease = fresh.allocate("build", project_path="/p")
    assert fresh.stop() == 0
    backup = backups(fresh.home)[-1]
    assert backup.stat().st_mode & 0o777 == 0o600
    assert backup.parent.stat().st_mode & 0o777 == 0o700
    with closing(sqlite3.connect(backup)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (data,) = database.execute("SELECT data FROM events WHERE kind = 'Leased'").fetchone()
    assert json.loads(data)["lease"]["lock_id"] == lease["lock_id"]


def test_backups_are_taken_while_the_daemon_runs_and_the_newest_kept(tmp_path: Path) -> None:
    home = furnished(tmp_path / "home", backup_interval=1, backups_kept=2)
    with Daemon(home) as daemon:
        names: set[str] = set()

        def look() -> bool:
            lease = daemon.allocate("build")
            daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
            names.update(path.name for path in backups(home))
            return len(names) >= 4

        wait_until(look)
        assert daemon.call("GET", "/health").body["parts"]["backups"]["state"] == "ok"
        daemon.kill()
        assert len(backups(home)) <= 3, "two, and the one that was just written"


def test_a_log_that_is_too_large_is_put_aside(fresh: Daemon) -> None:
    fresh.stop()
    log = fresh.home / "reassignments.log"
    with log.open("wb") as file:
        file.truncate(LARGEST + 1)
    fresh.start()
    wait_until(lambda: fresh.call("GET", "/status").status == 200 and not log.exists())
    assert (fresh.home / "reassignments.log.1").stat().st_size == LARGEST + 1


def is_retired(path: Path) -> bool:
    return bool(struct.unpack_from("@I", path.read_bytes(), 24)[0])


def test_the_map_of_a_killed_daemon_is_retired_by_the_next_one_elsewhere(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home", STYXY_SOCKET=str(tmp_path / "old")) as old:
        path = Path(old.facts["map"])
        old.kill()
        assert not is_retired(path)
        with Daemon(tmp_path / "home", STYXY_SOCKET=str(tmp_path / "new")) as new:
            assert is_retired(path)
            assert not is_retired(Path(new.facts["map"]))


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
def test_a_start_says_each_step(fresh: Daemon, is_killed: bool) -> None:
    fresh.allocate("build")
    if is_killed:
        fresh.kill()
    else:
        fresh.stop()
    fresh.start()
    said = fresh.log.read_text()
    steps = ("database", "configuration", "orphans", "singletons", "indexes")
    places = [said.rindex(f"recovery: {step}:") for step in steps]
    assert places == sorted(places), "in this order"
    assert fresh.call("GET", "/status").body["warnings"] == []
    assert fresh.call("GET", "/health").body["parts"]["recovery"]["state"] == "ok"


def test_a_daemon_that_was_stopped_and_continued_did_not_stall(fresh: Daemon) -> None:
    fresh.process.send_signal(signal.SIGSTOP)
    link = fresh.connect_unix(fresh.facts["socket"])
    link.settimeout(0.7)
    link.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(TimeoutError):
        link.recv(1)
    fresh.process.send_signal(signal.SIGCONT)
    link.settimeout(20)
    assert link.recv(15) == b"HTTP/1.1 200 OK"
    link.close()
    assert fresh.call("GET", "/health").body["parts"]["loop"]["state"] == "ok"
