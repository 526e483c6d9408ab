"""Floods of the daemon, each from processes of its own, and what honest clients see meanwhile.

As root the floods of strangers come from the user `nobody`; an ordinary user has nobody else to
be, so they then come from himself, which is the harder case.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.daemon import Daemon, question

FLOODS = r"""
import os, resource, select, socket, struct, sys, time

kind, port, seconds, links = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
END = time.monotonic() + seconds
RESET = struct.pack("ii", 1, 0)
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
STATUS = GET % (b"/status", b"")
NAMES = b"&".join(b"n%d" % number for number in range(4000))


def link():
    made = socket.socket()
    made.settimeout(1)
    made.connect(("127.0.0.1", port))
    return made


def reset(made):
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    made.close()


def opens(said, *, is_polite):
    while time.monotonic() < END:
        try:
            made = link()
            if said:
                made.sendall(said)
            if is_polite:
                made.recv(4096)
                made.close()
            else:
                reset(made)
        except OSError:
            pass


def keeps(said, *, reads=True, pause=0.0):
    # Keeps `links` connections open and writes on each what it takes, again and again.
    made = {}
    while time.monotonic() < END:
        while len(made) < links:
            try:
                one = link()
            except OSError:
                break
            one.setblocking(False)
            made[one] = memoryview(said)
        reading = list(made) if reads else []
        for one in select.select(reading, [], [], 0)[0]:
            try:
                if not one.recv(1 << 16):
                    raise OSError
            except BlockingIOError:
                pass
            except OSError:
                one.close()
                del made[one]
        for one in select.select([], list(made), [], 0.05)[1]:
            try:
                made[one] = made[one][one.send(made[one]):] or memoryview(said)
            except BlockingIOError:
                pass
            except OSError:
                one.close()
                del made[one]
        if pause:
            time.sleep(pause)


print("ready", flush=True)
if kind == "queries":
    keeps(GET % (b"/status?" + NAMES, b""))
elif kind == "pipelined":
    keeps(STATUS * 7000)
elif kind == "unread":
    keeps(STATUS * 7000, reads=False)
elif kind == "resets":
    opens(b"", is_polite=False)
elif kind == "asks and resets":
    opens(STATUS, is_polite=False)
elif kind == "visits":
    opens(STATUS, is_polite=True)
elif kind == "silent":
    keeps(b"G", pause=0.5)
elif kind == "long heads":
    keeps(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (1 << 20))
elif kind == "bodies":
    head = b"POST /allocate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65536\r\n\r\n"
    keeps(head + b"{" * 65536)
elif kind == "chunks":
    head = b"POST /allocate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    keeps(head + b"1\r\n{\r\n" * 60000)
elif kind == "wrong tokens":
    keeps(GET % (b"/allocations", b"Authorization: Bearer wrong\r\n") * 100)
else:
    raise SystemExit("no such flood: " + kind)
"""

KINDS = (
    "queries",
    "pipelined",
    "unread",
    "resets",
    "asks and resets",
    "visits",
    "silent",
    "long heads",
    "bodies",
    "chunks",
    "wrong tokens",
)

LINKS = 60
"""Connections of a flood that keeps them; `silent` has more than the daemon ever accepts."""

NOBODY = 65534


def as_another_user() -> tuple[str, ...]:
    """Name the words that run a command as somebody else; none where that is not possible."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return ()
    return ("setpriv", "--reuid", str(NOBODY), "--clear-groups")


@contextmanager
def flood(kind: str, port: int, *, seconds: float, processes: int = 2) -> Iterator[None]:
    """Flood a port for some seconds, or until the block ends."""
    links = 700 if kind == "silent" else LINKS // processes
    words = [sys.executable, "-IS", "-c", FLOODS, kind, str(port), str(seconds), str(links)]
    running = [
        subprocess.Popen([*as_another_user(), *words], stdout=subprocess.PIPE, cwd="/")
        for _ in range(processes)
    ]
    try:
        for each in running:
            assert each.stdout is not None
            assert each.stdout.readline() == b"ready\n"
        yield
    finally:
        for each in running:
            each.kill()
            each.communicate()


@dataclass(slots=True)
class Seen:
    """What honest clients saw: for each answer, the seconds that it took, and those in which the
    daemon worked meanwhile, which do not depend on what else the machine does. Memory in bytes.
    """

    statuses: list[tuple[float, float]] = field(default_factory=list)
    questions: list[tuple[float, float]] = field(default_factory=list)
    before: int = 0
    highest: int = 0
    after: int = 0

    def __str__(self) -> str:
        memory = " -> ".join(
            f"{each / 1e6:.0f}" for each in (self.before, self.highest, self.after)
        )
        return f"/status {worst(self.statuses)}, guests {worst(self.questions)}, {memory} MB"


def worst(times: list[tuple[float, float]]) -> str:
    """Describe the longest of many answers, and the most work before one."""
    took, worked = (max(each) * 1e3 for each in zip(*times, strict=True))
    return f"worst of {len(times)}: {took:.0f} ms, {worked:.0f} of work"


def memory_of(pid: int) -> int:
    """Return how many bytes of a process are in memory (proc(5), statm)."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def worked(pid: int) -> float:
    """Return for how many seconds the main thread of a process has had a processor (proc(5))."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def timed(pid: int, times: list[tuple[float, float]]) -> Iterator[None]:
    """Note how long a block takes, and how long the daemon works meanwhile."""
    began, before = time.perf_counter(), worked(pid)
    yield
    times.append((time.perf_counter() - began, worked(pid) - before))


def ask_status(daemon: Daemon) -> None:
    """Ask for the status over a new connection, as a monitor does."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as link:
        link.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 200")


def ask_question(daemon: Daemon) -> None:
    """Ask as the guest library does."""
    with daemon.connect_unix(daemon.facts["line_socket"]) as link:
        link.sendall(question(1, reason="shadowed"))
        assert link.recv(4096).startswith(b"styxy/1 ")


def look(daemon: Daemon, seen: Seen, *, seconds: float) -> None:
    """Ask as honest clients do for some seconds."""
    pid = daemon.process.pid
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with timed(pid, seen.statuses):
            ask_status(daemon)
        with timed(pid, seen.questions):
            ask_question(daemon)
        seen.highest = max(seen.highest, memory_of(pid))
        time.sleep(0.005)


FOLLOWERS = r"""
import select, socket, sys, time

path, count = sys.argv[1], int(sys.argv[2])
links = []
for _ in range(count):
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    link.sendall(b"GET /events?since_seq=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    link.setblocking(False)
    links.append(link)
print("ready", flush=True)
while True:
    for link in select.select(links, [], [])[0]:
        link.recv(1 << 16)
"""

NOTES = r"""
import socket, sys

link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
link.connect(sys.argv[1])
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(20)]
notes = []
for each in servers:
    cookie = int.from_bytes(each.getsockopt(socket.SOL_SOCKET, 57, 8), "little")  # SO_COOKIE
    where = b"4 %d 127.0.0.1 %016x" % (each.getsockname()[1], cookie)
    notes += [b"styxy/1 listen tcp %s python3 default - /p%d 0 0" % (where, n) for n in range(5)]
print("ready", flush=True)
while True:
    for note in notes:
        link.send(note)
"""


@contextmanager
def running(script: str, *words: str) -> Iterator[None]:
    """Run one of the scripts of our own user until the block ends."""
    command = [sys.executable, "-IS", "-c", script, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()
