"""What scale costs: the same requests at 0, 500 and 10,000 leases and 2,000 listeners.

While each stage is measured, another process asks for the status all the time: its worst answer is
how long the daemon's loop was not to be had.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.daemon import measure_memory
from bench.http_client import HttpClient
from bench.installation import CannotMeasure, Installation, running_installation
from bench.leases import seconds_of
from bench.rows import Row, row, timed
from bench.table import markdown

CROWD = 10_000
LISTENERS = 2_000
RANGE = (20_000, 31_999)
"""Below the ports that the kernel gives to clients, and with room for more than the crowd."""

ROUNDS = 300
LISTS = 20
NAMES = ("allocate", "check", "release")
STALL_TARGET = 0.1
GROWTH_TARGET = 1.5
MEMORY_TARGET = 50 * 2**20

LISTENER = """
import resource, socket, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
kept = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
sys.stdin.read()
"""

PINGER = """
import json, select, socket, sys, time
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
times = []
print("ready", flush=True)
while not select.select([0], [], [], 0.002)[0]:
    began = time.perf_counter()
    link.sendall(b"GET /status HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    while not link.recv(65536).endswith(b"}"): pass
    times.append(time.perf_counter() - began)
print(json.dumps(times))
"""


def measure(place: Path) -> Iterator[Row]:
    """Fill one installation step by step, measure each step, and restart it when it is full."""
    home = place / "growth"
    home.mkdir(mode=0o700)
    config = {"service_types": {"crowd": {"range": list(RANGE)}}}
    (home / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with running_installation(home) as installation:
        empty = stage(installation, "0 leases")
        yield from empty
        fill(installation, 500)
        yield from compared(stage(installation, "500 leases"), empty)
        yield from memory(installation, "at 500 leases")
        fill(installation, CROWD - 500)
        yield from compared(stage(installation, "10,000 leases"), empty)
        yield from memory(installation, "at 10,000 leases")
        with listeners(LISTENERS):
            yield from compared(stage(installation, "10,000 leases, 2,000 listeners"), empty)
        os.kill(installation.pid, signal.SIGKILL)
    with running_installation(home) as installation:
        yield row("start after kill -9, 10,000 leases", [installation.start_seconds])
    with running_installation(home) as installation:
        yield row("start after a stop, 10,000 leases", [installation.start_seconds])


def fill(installation: Installation, count: int) -> None:
    """Lease `count` more ports that stay leased."""
    client = HttpClient(installation, unix=True, keep=True)
    for number in range(count):
        name, project = f"n{number % 100}", f"/projects/p{number % 50}"
        ask = {"service_type": "crowd", "service_name": name, "project_path": project}
        client.ask("POST", "/allocate", {**ask, "ttl": 86400})
    client.close()


def stage(installation: Installation, when: str) -> list[Row]:
    """Allocate, check and release in an empty range and in the full one; list all; ping."""
    rows: list[Row] = []
    client = HttpClient(installation, unix=True, keep=True)
    with pinged(installation) as pings:
        for kind in ("api", "crowd"):
            rounds = [one_round(client, kind) for _ in range(ROUNDS)]
            for name, times in zip(NAMES, zip(*rounds, strict=True), strict=True):
                rows.append(row(f"{name} {kind}, {when}", list(times)))
        request = client.prepare("GET", "/allocations")
        listing = [timed(lambda: client.send(request))[0] for _ in range(LISTS)]
        rows.append(row(f"list all, {when}", listing))
    client.close()
    longest = max(pings)
    what = f"longest wait for the status meanwhile, {when}"
    rows.append(Row(what=what, median=longest, p95=None, rounds=len(pings), target=STALL_TARGET))
    return rows


def one_round(client: HttpClient, kind: str) -> tuple[float, float, float]:
    """Seconds of one allocate, one check, one release."""
    ask: dict[str, object] = {"service_type": kind, "service_name": "bench"}
    allocating, lease = seconds_of(client, "POST", "/allocate", ask)
    checking, _ = seconds_of(client, "GET", f"/check/{lease['port']}")
    releasing, _ = seconds_of(client, "DELETE", f"/allocate/{lease['lock_id']}")
    return allocating, checking, releasing


def compared(rows: list[Row], empty: list[Row]) -> list[Row]:
    """Compare each allocate with that of the empty installation."""
    return [
        replace(one, target=GROWTH_TARGET * first.median)
        if one.what.startswith("allocate")
        else one
        for one, first in zip(rows, empty, strict=True)
    ]


def memory(installation: Installation, when: str) -> Iterator[Row]:
    """Measure it, with the promise that was made for 500 leases."""
    for one in measure_memory(installation, when):
        is_promised = when == "at 500 leases" and "PSS" in one.what
        yield replace(one, target=MEMORY_TARGET if is_promised else None)


@contextlib.contextmanager
def listeners(count: int) -> Iterator[None]:
    """Have another process listen on `count` ports."""
    with started([sys.executable, "-c", LISTENER, str(count)]):
        yield


@contextlib.contextmanager
def pinged(installation: Installation) -> Iterator[list[float]]:
    """Ask for the status from another process; the list has the seconds when the block is left."""
    times: list[float] = []
    with started([sys.executable, "-c", PINGER, installation.socket]) as pinger:
        yield times
        out, _ = pinger.communicate()
        times += json.loads(out)


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a helper, wait until it says so, end it by closing its standard input."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise CannotMeasure(f"{command[0]} did not start")
        yield process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="styxy-growth-") as place:
        print(markdown(list(measure(Path(place)))))
