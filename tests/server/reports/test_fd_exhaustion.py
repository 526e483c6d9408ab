"""A daemon without a file descriptor to spare goes on, says so, and recovers by itself."""

from __future__ import annotations

import itertools
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.daemon import Daemon, wait_until
from tests.promises.load import end, sleepers

NONE_LEFT = "out of file descriptors"


LOOKS = 500
"""Looks at the descriptors of a daemon: together they last longer than a sweep."""


def limit_for(daemon: Daemon, *, spare: int) -> int:
    """Choose a limit that leaves a daemon so many descriptors: it bounds their numbers.

    One that is open for a moment, as in a sweep, is not in use: it would be one more to spare. So
    would be that of the backup at the start, which lasts as long as the disk likes.
    """
    wait_until(lambda: any((daemon.home / "backups").glob("*.db")))
    place = f"/proc/{daemon.process.pid}/fd"
    used = set.intersection(*({int(name) for name in os.listdir(place)} for _ in range(LOOKS)))
    free = (number for number in itertools.count() if number not in used)
    return next(itertools.islice(free, spare, None))


@contextmanager
def limited(daemon: Daemon, number: int) -> Iterator[None]:
    """Let a daemon have so many descriptors, and in the end as many as before."""
    pid = daemon.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def part(daemon: Daemon) -> dict[str, str]:
    found = daemon.call("GET", "/health").body["parts"]["descriptors"]
    assert isinstance(found, dict)
    return found


def test_more_holders_than_descriptors_are_all_looked_after(fresh: Daemon) -> None:
    assert part(fresh)["state"] == "ok"
    with sleepers(60) as pids, limited(fresh, 64):
        for pid in pids:
            fresh.allocate("build", pid=pid)
        assert part(fresh)["state"] == "warning"
        assert "28 holders polled once a second" in part(fresh)["message"]
        end(*pids[:10], *pids[-10:])
        wait_until(lambda: {each["pid"] for each in fresh.leases()} == set(pids[10:-10]))
        wait_until(lambda: "8 holders polled" in part(fresh)["message"])
        end(*pids[10:-10])
        wait_until(lambda: fresh.leases() == [])
        wait_until(lambda: part(fresh)["state"] == "ok")


def test_idle_connections_that_use_up_all_descriptors_cost_nobody_anything(
    fresh: Daemon,
) -> None:
    lease = fresh.allocate("build", pid=os.getpid())
    paths = [fresh.facts["socket"], fresh.facts["line_socket"]]
    token = (fresh.home / "auth.token").read_text()
    with limited(fresh, limit_for(fresh, spare=3)), ExitStack() as stack:
        for path in paths * 10:
            stack.enter_context(fresh.connect_unix(path))
        wait_until(lambda: said_in_log(fresh))
        stack.close()
        wait_until(lambda: fresh.call("GET", "/health").status == 200)
        assert "ran out a short while ago" in part(fresh)["message"]
        assert fresh.allocate("build")["success"]
    assert lease["lock_id"] in {each["lock_id"] for each in fresh.leases()}
    assert (fresh.home / "auth.token").read_text() == token
    assert fresh.call("GET", "/status").body["warnings"] == []
    assert fresh.log.read_text().count("new connections must wait") == 1, (
        "one sentence, not each time"
    )


def said_in_log(daemon: Daemon) -> bool:
    # The kernel takes connections in where the daemon cannot; this one is never answered.
    with socket.socket(socket.AF_UNIX) as try_connect:
        try_connect.connect(daemon.facts["line_socket"])
        try_connect.settimeout(0.05)
        with pytest.raises(TimeoutError):
            try_connect.recv(1)
    return NONE_LEFT in daemon.log.read_text()


def test_a_question_for_which_no_descriptor_is_left_is_refused_in_one_sentence(
    fresh: Daemon,
) -> None:
    lease = fresh.allocate("build", pid=os.getpid())
    with closing(fresh.connect()) as connection:
        connection.request("GET", "/status")
        connection.getresponse().read()
        with limited(fresh, limit_for(fresh, spare=0)):
            connection.request("POST", "/allocate", b'{"service_type": "build"}')
            answer = connection.getresponse()
            body = answer.read().decode()
        assert answer.status == 503
        assert '"code":"unavailable"' in body
        assert NONE_LEFT in body
    assert fresh.allocate("build")["success"]
    assert lease["lock_id"] in {each["lock_id"] for each in fresh.leases()}


def test_guests_that_are_connected_at_a_stop_leave_nothing_open(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home", PYTHONWARNINGS="always") as daemon, ExitStack() as stack:
        for path in [daemon.facts["line_socket"], daemon.facts["socket"]] * 3:
            stack.enter_context(daemon.connect_unix(path))
        assert daemon.ask(b"nonsense\n").startswith(b"styxy/1 error")
        events = daemon.connect()
        events.request("GET", "/events")
        assert events.getresponse().status == 200
        assert daemon.stop() == 0
        events.close()
    # Whatever was left open would have been told in the log as a ResourceWarning, which fails here.
