"""Hand-written stand-ins for what lies outside a room. No framework, no patching: real sockets."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path

from styxy.client.agents.install.agents import AGENTS
from styxy.core.books.lease_index import LeaseIndex
from styxy.core.model.leases import Lease
from styxy.core.model.ports import LAST_PORT, Port, PortRange
from styxy.core.reports.ownership import VARIABLES as OWNERSHIP_VARIABLES

Answers = Callable[[str, str, object], tuple[int, Mapping[str, object]] | bytes | None]
"""From method, path and body to status and JSON, to raw bytes, or to None: never an answer."""


class FakeDaemon:
    """Answer HTTP on a Unix socket as a test wants it, one question a connection."""

    def __init__(self, path: Path, answers: Answers) -> None:
        self.path = path
        self.asked: list[tuple[str, str, object]] = []
        self._answers = answers
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unanswered: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> FakeDaemon:
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(2), which close would not
        self._thread.join()
        self._listener.close()
        for link in self._unanswered:
            link.close()
        self.path.unlink()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return  # EINVAL: shut down, the test is over
            self._answer(link)

    def _answer(self, link: socket.socket) -> None:
        with link.makefile("rb") as lines:
            request_line = lines.readline()
            if not request_line:
                link.close()
                return  # somebody knocked and went away
            method, path, _ = request_line.decode().split(" ")
            length = 0
            while (line := lines.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = json.loads(lines.read(length)) if length else None
        self.asked.append((method, path, body))
        answer = self._answers(method, path, body)
        if answer is None:
            self._unanswered.append(link)
            return
        with link:
            link.sendall(answer if isinstance(answer, bytes) else http_answer(*answer))


def http_answer(status: int, content: Mapping[str, object]) -> bytes:
    """Spell one HTTP/1.1 answer with a JSON body."""
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


QUIET = range(20000, 32000)
"""Ports that no service type has, and that the kernel gives to nobody by itself
(`ip_local_port_range` of ip(7)): who finds one free will find it free once more."""


def own_share(ports: range) -> range:
    """Take the part of `ports` that no other worker of this run takes; a single one is everybody's.

    pytest-xdist tells a worker its number and theirs in the environment.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    size = len(ports) // workers
    return ports[worker * size :][:size] or ports


# Not the numbers of `random`, which hypothesis begins anew: two runs would meet on each port.
_shuffled = cycle(random.SystemRandom().sample(own_share(QUIET), len(own_share(QUIET))))


def free_port(ports: range | None = None) -> int:
    """Find a port that nothing uses, on any address of either family; of `ports`, where they are
    named, else one that was not found before. Two workers never find the same one."""
    ours = own_share(QUIET if ports is None else ports)
    candidates = islice(_shuffled, len(ours)) if ports is None else random.sample(ours, len(ours))
    for port in candidates:
        with socket.socket(socket.AF_INET6) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                probe.bind(("::", port))
            except OSError:  # EADDRINUSE: the next one
                continue
            return port
    raise AssertionError(f"no free port in {ports or QUIET}")


def leave_old_connection(port: int = 0, *, reuse: bool = True) -> int:
    """Serve one client on a port and go, so that the port is in TIME_WAIT; gives the port.

    `reuse` sets SO_REUSEADDR: only then does the kernel let another server in that has it.
    """
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        server.bind(("127.0.0.1", port))
        server.listen()
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # who closes first waits
            assert client.recv(1) == b""
    return port


INHERITED = (
    "CLAUDE_INSTANCE_ID",
    "LD_PRELOAD",
    "XDG_RUNTIME_DIR",
    "NO_COLOR",
    "PORT",
    *OWNERSHIP_VARIABLES,
)


def clean_environment(**more: str) -> dict[str, str]:
    """Make an environment without any word of Styxy but those in `more`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("STYXY_")}
    # Programs colour what they print where CI or FORCE_COLOR is set, and a Python that is told to
    # buffer nothing hides what is not flushed. Agents' variables lead to the settings of whoever
    # runs the tests. pytest hands on the size of its own terminal (readline(3)).
    moved = [variable for agent in AGENTS for variable, _ in agent.variables]
    sizes = ("COLUMNS", "LINES")
    for name in (*INHERITED, *moved, *sizes, "CI", "FORCE_COLOR", "PYTHONUNBUFFERED"):
        own.pop(name, None)
    return {**own, **more}


def has_lapsed(lease: Lease, now: float) -> bool:
    """Tell whether nobody claims a lease any more; a bound port never lapses."""
    return lease.state == "reserved" and lease.expires_at is not None and lease.expires_at <= now


def assert_consistent(lease_index: LeaseIndex) -> None:
    """Hold every index of the books against a search through all leases."""
    leases = list(lease_index)
    assert len(lease_index) == len(leases) == len({lease.lease_id for lease in leases})
    assert len({lease.port for lease in leases}) == len(leases)

    def ids(found: Iterable[Lease]) -> list[str]:
        return [
            each.lease_id for each in sorted(found, key=lambda each: (each.allocated_at, each.port))
        ]

    for lease in leases:
        assert lease_index.get(lease.lease_id) is lease
        assert lease_index.on_port(lease.port) is lease
        assert ids(lease_index.of_type(lease.service_type)) == ids(
            each for each in leases if each.service_type == lease.service_type
        )
        assert ids(lease_index.of_instance(lease.owner.instance_id)) == ids(
            each for each in leases if each.owner.instance_id == lease.owner.instance_id
        )
        if lease.holder is not None:
            pid = lease.holder.pid
            assert ids(lease_index.of_pid(pid)) == ids(
                each for each in leases if each.holder is not None and each.holder.pid == pid
            )
        if lease.asked is not None:
            assert ids(lease_index.moved_from(lease.owner, lease.asked)) == ids(
                each
                for each in leases
                if each.owner.key == lease.owner.key and each.asked == lease.asked
            )
    assert all(lease_index._index.values()), "an index entry without a lease"
    assert lease_index.bound == {each.port for each in leases if each.state == "bound"}
    for lease in leases:
        around = PortRange(Port(lease.port - 1), Port(min(lease.port + 1, LAST_PORT)))
        assert list(lease_index.unleased(around)) == [
            port for port in around if lease_index.on_port(port) is None
        ]
    for now in (0.0, *(each.expires_at for each in leases if each.expires_at is not None)):
        lapsed = [each.lease_id for each in leases if has_lapsed(each, now)]
        assert sorted(each.lease_id for each in lease_index.expired(now)) == sorted(lapsed)
