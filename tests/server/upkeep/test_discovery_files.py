"""Files that somebody takes away from under a running daemon: it puts them back by itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styxy.server.net.sockets import read_daemon_file
from tests.daemon import Daemon, question, wait_until
from tests.fakes import free_port

pytestmark = pytest.mark.slow

PAPERS = {"daemon.json": "daemon.json", "auth.token": "token", "run/ports.map": "port map"}
"""What can be written again, and what the daemon calls it."""


class Client:
    """Knows the token and the port, and so needs no file."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._token = daemon.token

    def request(self, path: str) -> Any:
        """Ask over TCP; whatever happens to the files, it is answered."""
        answer = self._daemon.call("GET", path, over="bare", X_API_Key=self._token)
        assert answer.status == 200, answer
        return answer.body

    def files(self) -> dict[str, str]:
        """What the daemon says of its files."""
        part = self.request("/health")["parts"]["files"]
        assert isinstance(part, dict)
        return part

    def sees(self, condition: Callable[[], bool]) -> bool:
        """Wait for an answer, then look."""
        self.request("/status")
        return condition()


def is_private_file(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600


@pytest.mark.parametrize("name", PAPERS)
def test_what_was_deleted_is_written_again_and_told(fresh: Daemon, name: str) -> None:
    lease = fresh.allocate("build", project_path="/p")
    token, facts, answer = fresh.token, fresh.facts, fresh.ask(question(lease["port"]))
    client = Client(fresh)
    assert client.files() == {"state": "ok", "message": "all in place"}
    path = fresh.home / name
    path.unlink()
    wait_until(lambda: PAPERS[name] in client.files()["message"])
    assert client.files() == {
        "state": "ok",
        "message": f"all in place; restored since startup: {PAPERS[name]} (1)",
    }
    assert is_private_file(path)
    assert (fresh.token, fresh.facts) == (token, facts), "nobody who has them is locked out"
    assert fresh.ask(question(lease["port"])).split()[:3] == answer.split()[:3]
    assert lease["lock_id"] in {each["lock_id"] for each in fresh.leases()}
    assert f"{name} was missing or changed; restored it" in fresh.log.read_text()
    assert fresh.call("GET", "/status").body["warnings"] == []


def test_a_map_that_was_put_back_says_what_the_old_one_said_and_goes_on(fresh: Daemon) -> None:
    client, path = Client(fresh), Path(fresh.facts["map"])
    before = fresh.allocate("build", project_path="/p")
    path.unlink()
    wait_until(lambda: client.sees(path.exists))
    after = fresh.allocate("build", project_path="/p")
    fresh.call("DELETE", f"/allocate/{before['lock_id']}")
    shown = path.read_bytes()

    def owner(port: int) -> int:
        return int.from_bytes(shown[4096 + 16 * port :][:8], "little")

    assert owner(after["port"])
    assert not owner(before["port"])
    health = fresh.call("GET", "/health").body
    assert health["parts"]["port map"]["state"] == "ok"


def test_a_token_that_was_changed_is_written_again(fresh: Daemon) -> None:
    client, path, token = Client(fresh), fresh.home / "auth.token", fresh.token
    path.write_text(("1" if token[0] == "0" else "0") + token[1:] + "\n")
    wait_until(lambda: client.sees(lambda: fresh.token == token))


@pytest.mark.parametrize("damage", ["emptied", "promises wiped", "cut short"])
def test_a_map_that_was_changed_is_written_again_in_its_place(fresh: Daemon, damage: str) -> None:
    client, path = Client(fresh), Path(fresh.facts["map"])
    lease = fresh.allocate("build", project_path="/p")
    before, place = path.read_bytes(), 4096 + 16 * lease["port"]
    with path.open("r+b") as file:
        if damage == "promises wiped":
            file.seek(4096)
            file.write(bytes(16 * 65536))
        else:
            file.truncate(0 if damage == "emptied" else len(before) - 1)
    wait_until(
        lambda: client.sees(
            lambda: (
                len(raw := path.read_bytes()) == len(before)
                and raw[place : place + 8] == before[place : place + 8]
            )
        )
    )
    assert fresh.process.poll() is None
    assert client.request("/health")["parts"]["port map"]["state"] == "ok"


def test_a_log_of_the_journal_that_was_deleted_loses_nothing(fresh: Daemon) -> None:
    lease = fresh.allocate("build", pid=os.getpid())
    log = fresh.home / "styxy.db-wal"
    log.unlink()
    client = Client(fresh)
    wait_until(lambda: "journal's log" in client.files()["message"])
    later = fresh.allocate("build", pid=os.getpid())
    fresh.kill()
    fresh.start()
    assert {each["lock_id"] for each in fresh.leases()} == {lease["lock_id"], later["lock_id"]}


@pytest.mark.parametrize("stranger", ["link", "pipe", "words"])
def test_what_took_their_place_is_replaced_and_nothing_is_followed(
    fresh: Daemon, tmp_path: Path, stranger: str
) -> None:
    client, target = Client(fresh), tmp_path / "mine"
    target.write_text("mine")
    for path in [fresh.home / name for name in PAPERS]:
        path.unlink()
        if stranger == "link":
            path.symlink_to(target)
        elif stranger == "pipe":
            os.mkfifo(path)
        else:
            path.write_text("words")
    wait_until(lambda: all(f"{name} (1)" in client.files()["message"] for name in PAPERS.values()))
    for path in [fresh.home / name for name in PAPERS]:
        assert is_private_file(path)
        assert path.read_bytes() != b"words"
    assert target.read_text() == "mine"


@pytest.mark.parametrize("name", PAPERS)
def test_what_cannot_be_written_is_told_until_it_can_be(fresh: Daemon, name: str) -> None:
    client, path, facts = Client(fresh), fresh.home / name, fresh.facts
    path.unlink()
    path.mkdir()
    wait_until(lambda: client.files()["state"] == "warning")
    assert f"cannot write {path} " in client.files()["message"]
    assert any(str(path) in warning for warning in client.request("/status")["warnings"])
    path.rmdir()
    wait_until(lambda: client.files()["state"] == "ok")
    assert is_private_file(path)
    assert fresh.facts == facts
    assert client.request("/status")["warnings"] == []
    assert fresh.log.read_text().count(f"cannot write {path} ") == 1, "once, not each second"


@pytest.mark.parametrize("names", [["styxy.db", "styxy.db-wal"], ["styxy.db.lock"]], ids=" ".join)
def test_a_journal_that_was_deleted_under_its_daemon_loses_nothing(
    fresh: Daemon, names: list[str]
) -> None:
    early = fresh.allocate("build", project_path="/p")
    fresh.stop()
    fresh.start()
    late = fresh.allocate("build", pid=os.getpid())
    path, before = str(fresh.home / "daemon.json"), fresh.facts
    for name in names:
        (fresh.home / name).unlink()
    wait_until(lambda: read_daemon_file(path) not in (None, before))
    assert fresh.facts["pid"] == before["pid"]
    kept = {early["lock_id"], late["lock_id"]}
    assert {each["lock_id"] for each in fresh.leases()} == kept
    warnings = fresh.call("GET", "/status").body["warnings"]
    if "styxy.db" in names:
        assert "it was deleted" in warnings[0]
        assert "no lease is missing" in warnings[0]
    else:
        assert warnings == []
    second = Daemon(fresh.home, port=free_port())
    assert "a styxy daemon is already running" in second.refusal().line
    fresh.kill()
    fresh.start()
    assert {each["lock_id"] for each in fresh.leases()} == kept
