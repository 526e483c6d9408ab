"""Promise: damaged files lose nothing silently.

One home is brought to the same point again and again: a backup was taken, leases came after it, the
daemon was killed. Then one file is damaged in one way. The daemon must start, say what happened,
and honour what it can: every lease of the backup, and every port on which something listens.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, StartRefused, wait_until
from tests.promises.crowd import IS_SOAK, furnish

LOST_ALONE = {"styxy.db", "styxy.db-wal"}
"""Files without which leases can be lost that came after the backup; no other may cost any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where it plays: the home, a copy of it at the point of the crash, and what was promised."""

    home: Path
    template: Path
    early: dict[str, int]
    late: dict[str, int]
    served: int

    def again(self) -> Path:
        """Bring the home back to the point of the crash."""
        shutil.rmtree(self.home)
        shutil.copytree(self.template, self.home)
        return self.home


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("damage")
    daemon = Daemon(furnish(place / "home"))
    daemon.start()
    early = {}
    for number in range(5):
        lease = daemon.allocate("crowd", project_path=f"/p{number}", ttl=3600)
        early[lease["lock_id"]] = lease["port"]
    daemon.stop()
    daemon.start()
    late = {}
    for number in range(3):
        lease = daemon.allocate("crowd", project_path=f"/q{number}", pid=os.getpid())
        late[lease["lock_id"]] = lease["port"]
    served = daemon.allocate("crowd", pid=os.getpid())
    late[served["lock_id"]] = served["port"]
    (daemon.home / "reassignments.log").write_text("a line\n" * 100)
    (daemon.home / "logs").mkdir()
    (daemon.home / "logs" / "daemon.log").write_text("a line\n" * 100)
    daemon.kill()
    for path in Path(daemon.home, "run").glob("*.sock"):
        path.unlink()
    shutil.copytree(daemon.home, place / "template")
    with socket.create_server(("127.0.0.1", served["port"])):
        yield Scene(
            home=daemon.home,
            template=place / "template",
            early=early,
            late=late,
            served=served["port"],
        )


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """Flip a bit in every 50th byte."""
    raw = bytearray(path.read_bytes())
    for at in range(len(raw) // 3 % 50, len(raw), 50):
        raw[at] ^= 0x80
    path.write_bytes(raw)


def delete(path: Path) -> None:
    path.unlink()


def scribble(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


FILES = [
    "styxy.db",
    "styxy.db-wal",
    "styxy.db.lock",
    "config.json",
    "auth.token",
    "daemon.json",
    "run/ports.map",
    "reassignments.log",
    "logs/daemon.log",
]
DAMAGES = [truncate, empty, flip, delete, scribble]


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
    return [daemon.allocate("crowd", **fields)["port"] for _ in range(3)]


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


# --- files that cannot be written ----------------------------------------------------------------

UNPRIVILEGED: tuple[str, ...] = (
    # Root may write everywhere; without this capability it is bound by modes like anybody.
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    if os.geteuid() == 0
    else ()
)

needs_setpriv = pytest.mark.skipif(
    bool(UNPRIVILEGED) and shutil.which("setpriv") is None, reason="root without setpriv(1)"
)


@needs_setpriv
@pytest.mark.parametrize("name", FILES)
def test_a_read_only_file_keeps_no_daemon_away(scene: Scene, name: str) -> None:
    home = scene.again()
    (home / name).chmod(0o400)
    with Daemon(home, wrapper=UNPRIVILEGED) as daemon:
        leases = {each["lock_id"]: each["port"] for each in daemon.leases()}
        assert leases == scene.early | scene.late
        warnings = daemon.call("GET", "/status").body["warnings"]
        answer = daemon.call("POST", "/allocate", {"service_type": "crowd"})
        if name in LOST_ALONE:
            assert (answer.status, answer.body["code"]) == (503, "journal_failed")
            assert "nothing was promised" in answer.body["error"]
            assert any("styxy.db" in warning for warning in warnings)
            (home / name).chmod(0o600)
            wait_until(lambda: daemon.call("GET", "/status").body["warnings"] == [])
            answer = daemon.call("POST", "/allocate", {"service_type": "crowd"})
        assert answer.status == 200, answer


@needs_setpriv
def test_a_read_only_home_can_still_be_asked(scene: Scene) -> None:
    home = scene.again()
    with Daemon(home) as daemon:
        daemon.stop()  # which takes away the WAL, and no other can be made
    home.chmod(0o500)
    try:
        with Daemon(home, wrapper=UNPRIVILEGED, STYXY_SOCKET=str(home.parent / "s")) as daemon:
            body = _over_socket(daemon, home.parent / "s", "GET", "/allocations")
            assert len(body["allocations"]) == len(scene.early) + len(scene.late)
            refused = _over_socket(daemon, home.parent / "s", "POST", "/allocate")
            assert refused["code"] == "journal_failed"
            home.chmod(0o700)
            wait_until(
                lambda: "port" in _over_socket(daemon, home.parent / "s", "POST", "/allocate")
            )
    finally:
        home.chmod(0o700)


def _over_socket(daemon: Daemon, path: Path, method: str, target: str) -> dict[str, Any]:
    body = b'{"service_type": "crowd"}' if method == "POST" else b""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with daemon.connect_unix(str(path)) as link, link.makefile("rb") as answer:
        link.sendall(head.encode() + body)
        decoded = json.loads(answer.read().partition(b"\r\n\r\n")[2])
    assert isinstance(decoded, dict)
    return decoded


# --- a full disk ---------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mount a file system of 8 MiB, or skip where that is not allowed."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave no room at all."""
    path = place / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue  # ENOSPC, which is what is wanted
    return path


def _refused(daemon: Daemon) -> bool:
    answer = daemon.call("POST", "/allocate", {"service_type": "crowd"})
    assert answer.status in (200, 503), answer
    return answer.status == 503 and answer.body["code"] == "journal_failed"


def test_a_full_disk_refuses_grants_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, Daemon(furnish(disk / "home")) as daemon:
        before = {daemon.allocate("crowd")["lock_id"] for _ in range(3)}
        filler = fill(disk)
        wait_until(lambda: _refused(daemon))  # what is left of the last page may take a few
        leases = {each["lock_id"] for each in daemon.leases()}
        assert before <= leases
        assert daemon.call("GET", "/status").body["warnings"]
        daemon.kill()
        daemon.start()
        assert {each["lock_id"] for each in daemon.leases()} == leases
        filler.unlink()
        wait_until(lambda: not _refused(daemon))
        wait_until(lambda: daemon.call("GET", "/status").body["warnings"] == [])
        assert daemon.stop() == 0


def test_a_limit_on_file_sizes_is_no_worse_than_a_full_disk(tmp_path: Path) -> None:
    """As where quotas are in force; needs no privilege (prlimit(2))."""
    with Daemon(furnish(tmp_path / "home")) as daemon:
        kept = daemon.allocate("crowd", pid=os.getpid())
        pid = daemon.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        assert _refused(daemon)
        assert [each["lock_id"] for each in daemon.leases()] == [kept["lock_id"]]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        assert not _refused(daemon)


def test_a_holder_that_dies_on_a_full_disk_is_buried_when_there_is_room(tmp_path: Path) -> None:
    with Daemon(furnish(tmp_path / "home")) as daemon:
        with subprocess.Popen(["sleep", "1000"]) as holder:
            daemon.allocate("crowd", pid=holder.pid)
            pid = daemon.process.pid
            soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
            holder.kill()
        assert _refused(daemon)
        assert len(daemon.leases()) == 1
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        wait_until(lambda: daemon.leases() == [])


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
