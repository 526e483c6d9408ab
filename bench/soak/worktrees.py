"""Worktrees of one repo: each runs a server on the same hard-coded port, and clients of that port.

A server answers with the name of its worktree. The clients write down when each connection began
and ended, so that it can be held against the times at which the server ran, and a daemon did.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.soak.installation import PATIENCE, Soak, end

COUNT = 3

ENDLESS = float("inf")

SERVER = """
import os, select, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
print("up", listener.getsockname()[1])
name = os.path.basename(os.getcwd()).encode()
while True:
    if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
        break
    link, _ = listener.accept()
    with link:
        link.sendall(name)
"""

CLIENT = """
import select, socket, sys, time
while not select.select([sys.stdin], [], [], 0.1)[0]:
    begin = time.monotonic()
    try:
        with socket.create_connection(("localhost", int(sys.argv[1])), timeout=10) as link:
            got = link.recv(100).decode() or "-"
    except OSError as error:
        got = "-"
    print(begin, time.monotonic(), got)
"""


@dataclass(slots=True, kw_only=True)
class Worktree:
    """One worktree, and since when its server has run; `ups` are the earlier times."""

    soak: Soak
    path: Path
    port: int
    ups: list[tuple[float, float]] = field(default_factory=list)
    up_since: float = ENDLESS

    @property
    def name(self) -> str:
        """What its server answers."""
        return self.path.name

    def ran(self, begin: float, end: float) -> bool:
        """Whether its server listened from one moment to another."""
        spans = [*list(self.ups), (self.up_since, ENDLESS)]
        return any(start <= begin and end <= stop for start, stop in spans)

    def mark_down(self) -> None:
        """Its server is about to be ended."""
        self.ups.append((self.up_since, time.monotonic()))
        self.up_since = ENDLESS
        del self.ups[:-50]


def make_worktrees(soak: Soak, place: Path, port: int) -> list[Worktree]:
    """Make a repo and its linked worktrees."""
    main = place / "main"
    author = ("-c", "user.name=soak", "-c", "user.email=soak@localhost")
    git(place, "init", "-q", str(main))
    git(main, *author, "commit", "-q", "--allow-empty", "-m", "Start")
    paths = [main, *(place / f"worktree-{number}" for number in range(1, COUNT))]
    for path in paths[1:]:
        git(main, "worktree", "add", "-q", str(path))
    return [Worktree(soak=soak, path=path, port=port) for path in paths]


def git(cwd: Path, *words: str) -> None:
    """Run git, out of reach of the user's own configuration."""
    subprocess.run(
        ["git", *words],
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        capture_output=True,
    )


def serve(worktree: Worktree) -> None:
    """Start the server, let it run for some seconds, end it in one way or another, and again."""
    soak = worktree.soak
    while not soak.stopping.is_set():
        begin = time.monotonic()
        server = soak.run("-c", SERVER, str(worktree.port), cwd=worktree.path)
        line = first_line(server)
        if not line.startswith("up "):
            _, complaint = server.communicate()
            did_not_start(worktree, begin, f"{line}{complaint}")
            soak.pause(0.5)
            continue
        worktree.up_since = time.monotonic()
        soak.tally.count("starts")
        if line != f"up {worktree.port}\n":
            soak.tally.note("moved")
        soak.pause(10.0)
        worktree.mark_down()
        end(server, soak.random.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
        soak.pause(1.0)


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the first line of a program; "" where it ends without one, or hangs."""
    assert process.stdout is not None
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()


def did_not_start(worktree: Worktree, begin: float, complaint: str) -> None:
    """Count a server that ended at once; without a daemon it meets a taken port, as ever."""
    soak = worktree.soak
    if soak.was_served(begin, time.monotonic()):
        last = complaint.strip().splitlines()[-1:] or ["it said nothing"]
        soak.tally.lose("starts", f"{worktree.name}: {last[0]}")
    else:
        soak.tally.note("starts unserved")


def visit(worktree: Worktree) -> None:
    """Run one client after another, and judge each connection."""
    soak = worktree.soak
    while not soak.stopping.is_set():
        client = soak.run("-c", CLIENT, str(worktree.port), cwd=worktree.path)
        life = time.monotonic() + 20.0 * soak.random.random()
        with lines_of(client) as lines:
            while time.monotonic() < life and not soak.stopping.is_set():
                try:
                    begin, finish, got = lines.get(timeout=PATIENCE).split()
                except queue.Empty:
                    soak.tally.lose("reached", f"{worktree.name}: a client hung")
                    break
                except ValueError:
                    soak.tally.lose("reached", f"{worktree.name}: a client ended")
                    break
                judge(worktree, got, begin=float(begin), finish=float(finish))


@contextmanager
def lines_of(client: subprocess.Popen[str]) -> Iterator[queue.Queue[str]]:
    """Read what a client prints, in a thread, so that one that hangs is noticed; end it after."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert client.stdout is not None
        for line in client.stdout:
            lines.put(line)
        lines.put("")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield lines
    finally:
        client.kill()
        reader.join()
        client.communicate()


def judge(worktree: Worktree, got: str, *, begin: float, finish: float) -> None:
    """Count one connection: whom it reached, and whether it had to reach its own server."""
    tally = worktree.soak.tally
    is_served = worktree.soak.was_served(begin, finish)
    dead = finish - worktree.soak.last_death()
    is_up = worktree.up_since < ENDLESS
    since = f"{finish - worktree.up_since:.3f} s after its server" if is_up else "without a server"
    when = f", {since}, {dead:.1f} s after a kill"
    tally.count("answers")
    if got not in (worktree.name, "-"):
        if is_served:
            tally.lose("answers", f"a client of {worktree.name} reached {got}{when}")
        else:
            tally.note("answers unserved")
            if not worktree.ran(begin, finish):
                tally.note("homeless unserved")
    if not worktree.ran(begin, finish):
        return
    tally.count("reached")
    if got == "-":
        if is_served:
            tally.lose("reached", f"a client of {worktree.name} was refused{when}")
        else:
            tally.note("reached unserved")
