"""What users of an earlier system of this kind suffered, in state, crashes and freezes.

Each test is named for what somebody saw. Its daemon kept the state in a file that it wrote after
the answer, took its own pid for the holder's, and started processes for every listener.
"""

from __future__ import annotations

import http.client
import os
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.journal.journal import Journal
from styxy.core.books.events import Leased, Released
from tests.daemon import Daemon, wait_until
from tests.promises.load import listeners, make_home

pytestmark = pytest.mark.slow


def sweeps(daemon: Daemon, count: int) -> None:
    """Let the daemon look at the machine so many times: each makes one listener bound."""
    for _ in range(count):
        lease = daemon.allocate("load", service_name="probe", pid=os.getpid())
        with socket.create_server(("127.0.0.1", lease["port"])):
            wait_until(
                lambda port=lease["port"]: any(  # type: ignore[misc]  # a default binds it now
                    each["port"] == port and each["state"] == "bound" for each in daemon.leases()
                )
            )
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")


def test_my_new_home_never_got_any_state(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        assert (tmp_path / "home" / "styxy.db").stat().st_size > 0
        lease = daemon.allocate()
        daemon.kill()
        daemon.start()
        assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]


def test_all_my_leases_vanished_some_seconds_after_a_restart(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        kept = {
            daemon.allocate("load", project_path="/p")["lock_id"],
            daemon.allocate("load", pid=os.getpid())["lock_id"],
            daemon.allocate("load", ttl=3600)["lock_id"],
        }
        daemon.kill()
        daemon.start()
        sweeps(daemon, 2)
        assert kept == {each["lock_id"] for each in daemon.leases()}


def test_the_port_of_my_running_server_was_given_away_after_half_an_hour(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        lease = daemon.allocate("load", ttl=1)
        with socket.create_server(("127.0.0.1", lease["port"])):
            wait_until(lambda: daemon.leases()[0]["state"] == "bound")
            sweeps(daemon, 2)
            assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]
            other = daemon.allocate("load", preferred_port=lease["port"])
            assert other["port"] != lease["port"]


def test_an_answer_came_before_my_lease_was_written(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        lease = daemon.allocate("load")
        daemon.process.kill()  # at once, without another word
        daemon.process.wait()
        with closing(Journal(str(tmp_path / "home" / "styxy.db"))) as journal:
            leased = [each for each in journal.replay() if isinstance(each, Leased)]
        assert [each.lease.lease_id for each in leased] == [lease["lock_id"]]


def test_an_old_state_came_back_over_the_newer_one(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        expected: set[str] = set()
        for turn in range(3):
            expected.add(daemon.allocate("load", project_path=f"/p{turn}")["lock_id"])
            gone = daemon.allocate("load")
            daemon.call("DELETE", f"/allocate/{gone['lock_id']}")
            if turn % 2:
                daemon.kill()
            else:
                daemon.stop()
            daemon.start()
            assert {each["lock_id"] for each in daemon.leases()} == expected
        daemon.stop()
        with closing(Journal(str(tmp_path / "home" / "styxy.db"))) as journal:
            ended = [each for each in journal.replay() if isinstance(each, Released)]
        assert len(ended) == 3


@pytest.mark.alone
def test_nobody_got_an_answer_while_many_servers_ran(tmp_path: Path) -> None:
    """13 s with 100 listeners, every 10 s."""
    with Daemon(make_home(tmp_path / "home")) as daemon, listeners(100) as ports:
        for number in range(200):
            daemon.allocate("load", service_name=f"n{number}")
        connection = http.client.HTTPConnection("localhost", timeout=20)
        connection.sock = daemon.connect_unix(daemon.facts["socket"])
        worst = 0.0
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for path in ("/status", f"/check/{ports[0]}", "/observe/all", "/scan"):
                began = time.monotonic()
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                worst = max(worst, time.monotonic() - began)
        connection.close()
        assert worst < 2.0
