"""Promise: the loop never stalls, however many listeners, leases and processes there are."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.promises.load import IS_SOAK, listeners, make_home, short_or_long, sleepers

pytestmark = pytest.mark.alone

SWEEPS = short_or_long(3, 30)
"""Seconds of questions: the daemon looks at the whole machine once in each."""

P99, WORST = (0.020, 0.100) if IS_SOAK else (0.200, 1.0)


def test_a_status_comes_at_once_on_a_crowded_machine(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon, listeners(200) as ports:
        with sleepers(300) as pids:
            for number in range(500):
                pid = {"pid": pids[number]} if number < len(pids) else {}
                daemon.allocate("load", service_name=f"n{number}", **pid)
            connection = http.client.HTTPConnection("localhost", timeout=20)
            connection.sock = daemon.connect_unix(daemon.facts["socket"])
            times: list[float] = []
            end = time.monotonic() + SWEEPS
            while time.monotonic() < end:
                began = time.perf_counter()
                connection.request("GET", "/status")
                connection.getresponse().read()
                times.append(time.perf_counter() - began)
                if len(times) % 500 == 0:
                    daemon.call("GET", f"/check/{ports[len(times) % len(ports)]}")
            connection.close()
        times.sort()
        p99, worst = times[int(len(times) * 0.99)], times[-1]
        print(f"/status: {len(times)} times, p99 {p99 * 1e3:.1f} ms, worst {worst * 1e3:.1f} ms")
        assert p99 < P99
        assert worst < WORST
        health = daemon.call("GET", "/health").body
        assert not IS_SOAK or health["parts"]["loop"]["state"] == "ok"
