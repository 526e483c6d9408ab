"""Promise: no port is ever leased twice, with many random requests and other programs around."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.daemon import Daemon, wait_until
from tests.promises.load import end, make_home, short_or_long, sleepers

TOGETHER = 500


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(make_home(tmp_path / "home")) as running:
        yield running


def test_five_hundred_requests_at_once_get_distinct_ports(daemon: Daemon) -> None:
    answers: list[int] = []
    path = daemon.facts["socket"]
    gate = threading.Barrier(TOGETHER)
    body = json.dumps({"service_type": "load"}).encode()
    head = (
        "POST /allocate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )

    def ask() -> None:
        with daemon.connect_unix(path) as link, link.makefile("rb") as answer:
            gate.wait()
            link.sendall(head.encode() + body)
            raw = answer.read()
        assert raw.startswith(b"HTTP/1.1 200"), raw
        answers.append(json.loads(raw.partition(b"\r\n\r\n")[2])["port"])

    threads = [threading.Thread(target=ask) for _ in range(TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(set(answers)) == TOGETHER


class DaemonMachine(RuleBasedStateMachine):
    """Allocate, release, die, restart and listen in any order, against a real daemon."""

    def __init__(self) -> None:
        super().__init__()
        self._place = Path(tempfile.mkdtemp(prefix="styxy-machine-"))
        self._daemon = Daemon(make_home(self._place / "home"))
        self._daemon.start()
        self._leases: dict[str, int] = {}
        self._held: dict[int, set[str]] = {}
        self._strangers: list[socket.socket] = []
        self._sleepers = sleepers(12)
        self._pids = self._sleepers.__enter__()

    def teardown(self) -> None:
        for stranger in self._strangers:
            stranger.close()
        self._daemon.kill()
        assert "Traceback" not in self._daemon.log.read_text()
        self._sleepers.__exit__(None, None, None)
        shutil.rmtree(self._place)

    @rule(project=st.sampled_from([None, "/p", "/q"]), is_held=st.booleans())
    def allocate(self, project: str | None, is_held: bool) -> None:
        fields: dict[str, object] = {} if project is None else {"project_path": project}
        pid = self._pids[0] if is_held and self._pids else None
        lease = self._daemon.allocate("load", **fields, **({"pid": pid} if pid else {}))
        assert lease["port"] not in self._leases.values()
        assert lease["port"] not in [each.getsockname()[1] for each in self._strangers]
        self._leases[lease["lock_id"]] = lease["port"]
        if pid:
            self._held.setdefault(pid, set()).add(lease["lock_id"])

    @precondition(lambda self: self._leases)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lock_id = data.draw(st.sampled_from(sorted(self._leases)))
        assert self._daemon.call("DELETE", f"/allocate/{lock_id}").status == 200
        del self._leases[lock_id]

    @rule()
    def let_a_stranger_listen_where_the_next_lease_would_be(self) -> None:
        body = {"service_type": "load", "dry_run": True}
        port = self._daemon.call("POST", "/allocate", body).body["port"]
        self._strangers.append(socket.create_server(("127.0.0.1", port)))

    @precondition(lambda self: len(self._pids) > 1)
    @rule()
    def kill_a_holder(self) -> None:
        pid = self._pids.pop(0)
        gone = self._held.pop(pid, set())
        end(pid)
        wait_until(lambda: not gone & {each["lock_id"] for each in self._daemon.leases()})
        for lock_id in gone:
            self._leases.pop(lock_id, None)

    @rule(is_killed=st.booleans())
    def restart(self, is_killed: bool) -> None:
        if is_killed:
            self._daemon.kill()
        else:
            self._daemon.stop()
        self._daemon.start()

    @invariant()
    def every_promise_is_kept_and_no_other(self) -> None:
        known = {each["lock_id"]: each["port"] for each in self._daemon.leases()}
        assert known == self._leases
        assert len(set(known.values())) == len(known)


DaemonMachine.TestCase.settings = settings(
    max_examples=short_or_long(3, 15),
    stateful_step_count=short_or_long(12, 40),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestDaemon = pytest.mark.slow(DaemonMachine.TestCase)
