"""What a daemon does for itself: backups, logs that end, the traces of a dead predecessor."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.log_files import LARGEST
from styxy.server.upkeep.maintenance import FOLD_AFTER
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


def test_no_backup_is_made_where_they_are_off(tmp_path: Path) -> None:
    home = furnished(tmp_path / "home", enabled=False)
    with Daemon(home) as daemon:
        daemon.allocate("build")
        part = daemon.call("GET", "/health").body["parts"]["backups"]
        assert (part["state"], part["message"]) == ("ok", "backups are off; 0 backups from before")
        daemon.stop()
        assert backups(home) == []


@pytest.mark.slow
def test_a_journal_that_has_grown_is_folded_and_keeps_what_the_settings_allow(
    tmp_path: Path,
) -> None:
    with Daemon(furnished(tmp_path / "home", audit_events=5)) as daemon:
        lease = daemon.allocate("build", project_path="/p")
        daemon.call("POST", "/instance/register", {"instance_id": "agent"})
        beat = b"PUT /instance/agent/heartbeat HTTP/1.1\r\nHost: localhost\r\n"
        with daemon.connect_unix(daemon.facts["socket"]) as link, link.makefile("rb") as answers:
            for _ in range(FOLD_AFTER // 100):
                link.sendall((beat + b"\r\n") * 100)
                for _ in range(100):
                    body = 0
                    while (line := answers.readline().lower()) != b"\r\n":
                        if line.startswith(b"content-length:"):
                            body = int(line.split()[1])
                    answers.read(body)

        def kinds() -> list[str]:
            events = daemon.call("GET", "/audit?limit=1000").body["events"]
            return [each["event"] for each in events]

        # Five, and the few that came after the fold had begun.
        wait_until(lambda: len(kinds()) < 100)
        assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]
        daemon.kill()
        daemon.start()
        assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]


@pytest.mark.slow
def test_a_memory_that_has_grown_forgets_the_longest_unused(tmp_path: Path) -> None:
    with Daemon(furnished(tmp_path / "home", memory_entries=2)) as daemon:
        ports: dict[str, int] = {}
        for name in ("a", "b", "c"):
            request = {"project_path": "/p", "service_name": name}
            lease = daemon.allocate("build", **request, preferred_port=8230 + len(ports))
            ports[name] = lease["port"]
            daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
        forgotten = "/audit?event=port_forgotten"
        wait_until(lambda: bool(daemon.call("GET", forgotten).body["events"]))
        for _ in range(2):
            again = {
                name: daemon.allocate("build", project_path="/p", service_name=name, dry_run=True)
                for name in ports
            }
            assert again["a"]["port"] != ports["a"]
            assert [again[name]["port"] for name in ("b", "c")] == [ports["b"], ports["c"]]
            daemon.kill()
            daemon.start()


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
    paths = [said.rindex(f"recovery: {step}:") for step in steps]
    assert paths == sorted(paths), "in this order"
    assert fresh.call("GET", "/status").body["warnings"] == []
    assert fresh.call("GET", "/health").body["parts"]["recovery"]["state"] == "ok"


STOPPED = 0.7
"""Seconds that a daemon is stopped: several times as long as a stall."""


def test_a_daemon_that_was_stopped_and_continued_did_not_stall(fresh: Daemon) -> None:
    fresh.process.send_signal(signal.SIGSTOP)
    link = fresh.connect_unix(fresh.facts["socket"])
    link.settimeout(STOPPED)
    link.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(TimeoutError):
        link.recv(1)
    fresh.process.send_signal(signal.SIGCONT)
    link.settimeout(20)
    assert link.recv(15) == b"HTTP/1.1 200 OK"
    link.close()
    # A crowded machine may have kept it waiting besides, but for nothing like as long.
    loop = fresh.call("GET", "/health").body["parts"]["loop"]
    longest = re.search(r"the longest ([\d.]+) s", loop["message"])
    assert loop["message"] == "no stalls" if longest is None else float(longest[1]) < STOPPED
