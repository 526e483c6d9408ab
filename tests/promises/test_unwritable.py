"""Promise: files that cannot be written, damaged or not, and full disks lose nothing silently.

Ports are shown and none is granted, until it can be written again; then all goes on by itself.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, wait_until
from tests.promises.damage import DAMAGES, FILES, LOST_ALONE, Scene, scribble
from tests.promises.load import make_home

pytestmark = pytest.mark.slow

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
        answer = daemon.call("POST", "/allocate", {"service_type": "load"})
        if name in LOST_ALONE:
            assert (answer.status, answer.body["code"]) == (503, "journal_failed")
            assert "nothing was promised" in answer.body["error"]
            assert any("styxy.db" in warning for warning in warnings)
            (home / name).chmod(0o600)
            wait_until(lambda: daemon.call("GET", "/status").body["warnings"] == [])
            answer = daemon.call("POST", "/allocate", {"service_type": "load"})
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


@needs_setpriv
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_a_damaged_journal_in_a_read_only_home_is_told_and_mended_when_it_can_be(
    scene: Scene, damage: Callable[[Path], None]
) -> None:
    home, path = scene.again(), scene.home.parent / "s"
    damage(home / "styxy.db")
    before = (home / "styxy.db").read_bytes() if (home / "styxy.db").exists() else None
    (home / "styxy.db-wal").unlink()
    home.chmod(0o500)
    try:
        with Daemon(home, wrapper=UNPRIVILEGED, STYXY_SOCKET=str(path)) as daemon:
            for _ in range(2):
                found = _over_socket(daemon, path, "GET", "/allocations")["allocations"]
                leases = {each["lock_id"] for each in found}
                assert scene.early.keys() <= leases, "what the newest backup has"
                warnings = " ".join(_over_socket(daemon, path, "GET", "/status")["warnings"])
                assert "ports can be viewed, but none can be leased" in warnings
                for lock_id in scene.late.keys() - leases:
                    assert str(scene.late[lock_id]) in warnings
                refused = _over_socket(daemon, path, "POST", "/allocate")
                assert refused["code"] == "journal_failed"
            after = (home / "styxy.db").read_bytes() if before is not None else None
            assert after == before, "nothing is written"
            home.chmod(0o700)
            wait_until(lambda: "port" in _over_socket_soon(daemon, path))
            found = _over_socket(daemon, path, "GET", "/allocations")["allocations"]
            leases = {each["lock_id"] for each in found}
            assert scene.early.keys() <= leases
            told = " ".join(_over_socket(daemon, path, "GET", "/status")["warnings"])
            for lock_id in scene.late.keys() - leases:
                assert str(scene.late[lock_id]) in told, "not forgotten while it is mended"
    finally:
        home.chmod(0o700)


@needs_setpriv
def test_a_damaged_journal_that_cannot_be_written_is_set_aside_like_any_other(
    scene: Scene,
) -> None:
    home = scene.again()
    scribble(home / "styxy.db")
    (home / "styxy.db").chmod(0o400)
    with Daemon(home, wrapper=UNPRIVILEGED) as daemon:
        assert scene.early.keys() <= {each["lock_id"] for each in daemon.leases()}
        assert "was damaged" in daemon.call("GET", "/status").body["warnings"][0]
        assert daemon.call("POST", "/allocate", {"service_type": "load"}).status == 200


def _over_socket_soon(daemon: Daemon, path: Path) -> dict[str, Any]:
    """Ask a daemon that may be opening everything anew."""
    try:
        return _over_socket(daemon, path, "POST", "/allocate")
    except (OSError, ValueError):
        return {}  # ECONNREFUSED, or hung up in the middle: not yet


def _over_socket(daemon: Daemon, path: Path, method: str, target: str) -> dict[str, Any]:
    body = b'{"service_type": "load"}' if method == "POST" else b""
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
    answer = daemon.call("POST", "/allocate", {"service_type": "load"})
    assert answer.status in (200, 503), answer
    return answer.status == 503 and answer.body["code"] == "journal_failed"


def test_a_full_disk_refuses_grants_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, Daemon(make_home(disk / "home")) as daemon:
        before = {daemon.allocate("load")["lock_id"] for _ in range(3)}
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


def test_a_damaged_journal_on_a_full_disk_costs_no_backup(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        home, path = make_home(disk / "home"), tmp_path / "s"
        with Daemon(home, STYXY_SOCKET=str(path)) as daemon:
            lease = daemon.allocate("load")
            daemon.stop()
            backups = sorted((home / "backups").glob("styxy-*.db"))
            with (home / "styxy.db").open("r+b") as file:
                file.write(os.urandom(4096))
            filler = fill(disk)
            daemon.start()
            (found,) = _over_socket(daemon, path, "GET", "/allocations")["allocations"]
            assert found["lock_id"] == lease["lock_id"]
            assert _over_socket(daemon, path, "POST", "/allocate")["code"] == "journal_failed"
            assert sorted((home / "backups").glob("styxy-*.db*")) == backups
            filler.unlink()
            wait_until(lambda: "port" in _over_socket_soon(daemon, path))
            found = _over_socket(daemon, path, "GET", "/allocations")["allocations"]
            assert lease["lock_id"] in {each["lock_id"] for each in found}


def test_a_limit_on_file_sizes_is_no_worse_than_a_full_disk(tmp_path: Path) -> None:
    """As where quotas are in force; needs no privilege (prlimit(2))."""
    with Daemon(make_home(tmp_path / "home")) as daemon:
        kept = daemon.allocate("load", pid=os.getpid())
        pid = daemon.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        assert _refused(daemon)
        assert [each["lock_id"] for each in daemon.leases()] == [kept["lock_id"]]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        assert not _refused(daemon)


def test_a_holder_that_dies_on_a_full_disk_is_buried_when_there_is_room(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        with subprocess.Popen(["sleep", "1000"]) as holder:
            daemon.allocate("load", pid=holder.pid)
            pid = daemon.process.pid
            soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
            holder.kill()
        assert _refused(daemon)
        assert len(daemon.leases()) == 1
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        wait_until(lambda: daemon.leases() == [])
