"""What changes unasked: holders die, ports pass to heirs, listeners come and go."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.daemon import Daemon, question, wait_until

IDLE = "import sys; print('up', flush=True); sys.stdin.read()"


@contextmanager
def child(script: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program with all that it forks, and end them all."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", script, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert read(process) == "up\n"
            yield process
        finally:
            # Not waited for yet, so that the number of the group is still theirs.
            os.killpg(process.pid, signal.SIGKILL)


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def lease_of(daemon: Daemon, port: int) -> dict[str, Any] | None:
    return next((lease for lease in daemon.leases() if lease["port"] == port), None)


def test_a_dead_holder_holds_nothing(fresh: Daemon) -> None:
    with child(IDLE) as first, child(IDLE) as second:
        for _ in range(3):
            fresh.allocate("build", pid=first.pid)
        left = fresh.allocate("build", pid=second.pid)
        first.kill()
        took = wait_until(lambda: len(fresh.leases()) == 1)
        assert took < 1.0
        assert fresh.leases()[0]["lock_id"] == left["lock_id"]
        assert fresh.call("GET", "/status").body["allocations"] == 1


def test_fifty_dead_holders_hold_nothing(fresh: Daemon) -> None:
    script = "import os, sys; print('up', flush=True)\n" + (
        "for _ in range(50):\n"
        "    pid = os.fork()\n"
        "    if not pid: sys.stdin.read(); os._exit(0)\n"
        "    print(pid, flush=True)\n"
        "sys.stdin.read()"
    )
    with child(script) as parent:
        for pid in [int(read(parent)) for _ in range(50)]:
            fresh.allocate("build", pid=pid)
        assert len(fresh.leases()) == 50
        os.killpg(parent.pid, signal.SIGKILL)
        assert wait_until(lambda: not fresh.leases()) < 1.0


def test_a_released_lease_of_a_holder_that_dies_later_is_no_trouble(fresh: Daemon) -> None:
    with child(IDLE) as process:
        lease = fresh.allocate("build", pid=process.pid)
        fresh.call("DELETE", f"/allocate/{lease['lock_id']}")
        again = fresh.allocate("build", pid=process.pid)
        process.kill()
        wait_until(lambda: lease_of(fresh, again["port"]) is None)


def test_a_guest_that_dies_gives_its_place_back(fresh: Daemon) -> None:
    request = (
        "import socket, sys; link = socket.socket(socket.AF_UNIX); link.connect(sys.argv[1]);"
        "link.sendall(sys.argv[2].encode() + b'\\n'); link.recv(1000); print('up', flush=True);"
        "sys.stdin.read()"
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        line = question(server.getsockname()[1]).decode().strip()
        with child(request, fresh.facts["line_socket"], line) as guest:
            (lease,) = fresh.leases()
            assert lease["pid"] == guest.pid
            guest.kill()
            wait_until(lambda: not fresh.leases())


def test_a_port_that_a_child_listens_on_passes_to_it(fresh: Daemon) -> None:
    an_heir_takes_over(fresh, is_looked_at=False)


def test_a_port_passes_to_a_child_even_if_its_parent_was_seen_on_it(fresh: Daemon) -> None:
    an_heir_takes_over(fresh, is_looked_at=True)


WAITING = """
import os, socket, sys
print("up", flush=True)
server = socket.create_server(("127.0.0.1", int(sys.stdin.readline())))
print("listening", flush=True)
sys.stdin.readline()
if os.fork() == 0:
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


def an_heir_takes_over(daemon: Daemon, *, is_looked_at: bool) -> None:
    with child(WAITING) as parent:
        lease = daemon.allocate("build", pid=parent.pid)
        port = lease["port"]
        assert parent.stdin is not None
        parent.stdin.write(f"{port}\n")
        parent.stdin.flush()
        assert read(parent) == "listening\n"
        if is_looked_at:
            usage = daemon.call("GET", f"/check/{port}").body["system_usage"]
            assert usage["pid"] == parent.pid
        tell(parent)
        heir = int(read(parent))
        parent.kill()

        def is_passed() -> bool:
            found = lease_of(daemon, port)
            assert found is not None, "the lease ended though a child listens"
            return bool(found["pid"] == heir)

        wait_until(is_passed)
        found = lease_of(daemon, port)
        assert found is not None
        assert found["lock_id"] == lease["lock_id"]
        os.kill(heir, signal.SIGKILL)
        wait_until(lambda: lease_of(daemon, port) is None)


def test_a_listener_that_comes_and_goes_is_noted(fresh: Daemon) -> None:
    lease = fresh.allocate("build")
    assert lease_of(fresh, lease["port"])["state"] == "reserved"  # type: ignore[index]  # it is there

    def state() -> str:
        found = lease_of(fresh, lease["port"])
        assert found is not None
        return str(found["state"])

    with socket.create_server(("127.0.0.1", lease["port"])):
        assert wait_until(lambda: state() == "bound") < 3.0
    assert wait_until(lambda: state() == "reserved") < 3.0
    assert re.match(r"\d{4}-", str(lease_of(fresh, lease["port"])["expires_at"]))  # type: ignore[index]  # it is there


def test_a_lease_lapses_by_itself(fresh: Daemon) -> None:
    fresh.allocate("build", ttl=0.05)
    assert wait_until(lambda: not fresh.leases()) < 3.0
