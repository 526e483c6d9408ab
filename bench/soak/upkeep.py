"""What happens to the daemon meanwhile: it is killed, configured, swept, examined and measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from bench.soak.installation import RANGE, Soak
from bench.soak.leases import command_failed, retried
from bench.soak.tally import size_of

BETWEEN_KILLS = 20.0
"""Seconds, on average."""

CHANGES: tuple[dict[str, object], ...] = (
    {"service_types": {"soak": {"range": [RANGE[0], RANGE[1] - 500]}}},
    {"service_types": {"extra": {"range": [RANGE[1] + 1, RANGE[1] + 100]}}},
    {"auto_allocation": {"gap_size": 20}},
    {"service_types": {"soak": {"range": list(RANGE)}, "extra": None}},
    {"auto_allocation": None},
)
"""Merge patches of the configuration, in turn."""


def configuration() -> dict[str, object]:
    """Return what is in config.json at the start."""
    return {"service_types": {"soak": {"range": list(RANGE)}}}


def kill(soak: Soak) -> None:
    """Kill the daemon at moments that nobody foresees, and start it a little later."""
    while not soak.stopping.wait(min(soak.random.expovariate(1 / BETWEEN_KILLS), 60.0)):
        soak.kill_daemon()
        soak.tally.count("kills")
        soak.stopping.wait(soak.random.random())
        if complaint := soak.start_daemon():
            soak.tally.lose("kills", complaint)


def configure(soak: Soak) -> None:
    """Change the configuration over HTTP."""
    while soak.pause(4.0):
        for change in CHANGES:
            answer = retried(soak, partial(soak.ask, "PATCH", "/config", {"changes": change}))
            if answer is None:
                return
            soak.tally.count("commands")
            if answer.status != 200:
                soak.tally.lose("commands", f"PATCH /config {json.dumps(change)}: {answer}")
            if not soak.pause(4.0):
                return


def sweep(soak: Soak) -> None:
    """Have the daemon look for the dead and the lapsed, as it does by itself every minute."""
    while soak.pause(5.0):
        answer = retried(soak, lambda: soak.ask("POST", "/cleanup", {}))
        if answer is None:
            return
        soak.tally.count("commands")
        if answer.status != 200:
            soak.tally.lose("commands", f"POST /cleanup: {answer}")


def look(soak: Soak, words: tuple[str, ...], seconds: float) -> None:
    """Run a command now and then, which has to succeed while a daemon runs."""
    while soak.pause(seconds):
        begin = time.monotonic()
        done = soak.command(*words)
        soak.tally.count("commands")
        if done.returncode != 0:
            command_failed(soak, done, begin)


def measure(soak: Soak) -> None:
    """Measure the daemon every second; a dead one takes nothing."""
    while not soak.stopping.wait(1.0):
        measure_once(soak)


def measure_once(soak: Soak) -> None:
    """Measure it now."""
    try:
        soak.tally.measure(size_of(soak.pid(), soak.home, when=time.monotonic()))
    except (OSError, ValueError, StopIteration):
        return  # it is dead or dying, or its daemon.json is being replaced


LOOKS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("doctor", "--json"), 30.0),
    (("list", "--json"), 5.0),
    (("scan", "--json"), 8.0),
    (("cleanup", "--json"), 20.0),
    (("daemon", "status", "--json"), 10.0),
)
"""Commands that people and agents type, and how often."""

WORK: tuple[Callable[[Soak], None], ...] = (kill, configure, sweep, measure)
