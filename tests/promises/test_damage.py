"""Promise: damaged files lose nothing silently.

One home is brought to the same point again and again: a backup was taken, leases came after it, the
daemon was killed. Then one file is damaged in one way. The daemon must start, say what happened,
and honour what it can: every lease of the backup, and every port on which something listens.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon import Daemon, StartRefused
from tests.promises.damage import DAMAGES, FILES, LOST_ALONE, Scene, scribble
from tests.promises.load import IS_SOAK

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_a_damaged_file_loses_nothing_silently(
    scene: Scene, name: str, damage: Callable[[Path], None]
) -> None:
    home = scene.again()
    damage(home / name)
    with Daemon(home) as daemon:
        leases = {each["lock_id"]: each["port"] for each in daemon.leases()}
        warnings = daemon.call("GET", "/status").body["warnings"]
        assert scene.early.items() <= leases.items()
        missing = scene.late.keys() - leases.keys()
        assert not missing or name in LOST_ALONE
        for lock_id in missing:
            port = str(scene.late[lock_id])
            assert any(port in warning for warning in warnings), (port, warnings)
        assert scene.served not in _granted(daemon, preferred_port=scene.served)
        if name == "auth.token":
            assert warnings, "the user must hear of it"
        for warning in warnings:
            assert warning in daemon.log.read_text()
    if not IS_SOAK and name not in LOST_ALONE:
        return
    with Daemon(home) as daemon:
        again = {each["lock_id"]: each["port"] for each in daemon.leases()}
        assert leases.items() <= again.items(), "and the next start finds all of it again"


def _granted(daemon: Daemon, **fields: object) -> list[int]:
    return [daemon.allocate("load", **fields)["port"] for _ in range(3)]


def test_nothing_is_said_where_nothing_is_wrong(scene: Scene) -> None:
    with Daemon(scene.again()) as daemon:
        leases = {each["lock_id"]: each["port"] for each in daemon.leases()}
        assert leases == scene.early | scene.late
        assert daemon.call("GET", "/status").body["warnings"] == []


def test_each_step_of_the_start_is_in_the_audit(scene: Scene) -> None:
    home = scene.again()
    scribble(home / "styxy.db")
    with Daemon(home) as daemon:
        (warning,) = daemon.call("GET", "/status").body["warnings"]
        assert "was damaged" in warning
        assert "backup of" in warning
        events = json.dumps(daemon.call("GET", "/audit?event=noted&limit=50").body)
        for step in ("database", "orphans", "singletons", "indexes"):
            assert step in events
        assert len(list(home.glob("styxy.db.damaged-*Z"))) == 1


def test_a_newer_styxy_s_journal_is_not_overwritten(scene: Scene) -> None:
    home = scene.again()
    with sqlite3.connect(home / "styxy.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with Daemon(home) as daemon:
        (warning,) = daemon.call("GET", "/status").body["warnings"]
        assert "newer styxy" in warning
        assert len(list(home.glob("styxy.db.damaged-*Z"))) == 1


def test_a_socket_in_the_place_of_the_journal_is_a_sentence(scene: Scene) -> None:
    home = scene.again()
    (home / "styxy.db").unlink()
    (home / "styxy.db").mkdir()
    daemon = Daemon(home)
    with pytest.raises(StartRefused, match=r"^error 1 .*styxy\.db"):
        daemon.start()
    daemon.kill()
    assert "Traceback" not in daemon.log.read_text()
