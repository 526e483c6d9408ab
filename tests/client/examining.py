"""Running `styxy doctor`, doing what it says, and a daemon that says what no healthy one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from styxy.client.doctor.checks import CHECKS
from tests.commands import CommandLine
from tests.daemon import wait_until
from tests.fakes import FakeDaemon

Findings = dict[str, dict[str, str]]


def examine(styxy: CommandLine, *, code: int = 0, **env: str) -> Findings:
    """Run it and give the findings by name."""
    styxy.env.update(env)
    done = styxy.run("doctor", "--json")
    assert done.returncode == code, done.stdout
    told = json.loads(done.stdout)
    assert [each["name"] for each in told["checks"]] == [check.name for check in CHECKS]
    assert all(each["looked_at"] for each in told["checks"])
    for each in told["checks"]:
        assert (each["fix"] is None) == (each["verdict"] == "ok"), each
    return {each["name"]: each for each in told["checks"]}


def apply_fix(found: dict[str, str], styxy: CommandLine) -> None:
    """Do what the doctor says."""
    command = found["fix"].replace("styxy ", f"{sys.executable} -P -m styxy ")
    subprocess.run(command, shell=True, check=True, env=styxy.env, stdout=subprocess.DEVNULL)


def wait_for_health(
    styxy: CommandLine, condition: Callable[[dict[str, dict[str, str]]], bool]
) -> None:
    """Ask how the parts of the daemon are until they are so."""
    connection = Connection(Paths(styxy.env))

    def is_so() -> bool:
        parts = connection.ask("GET", "/health").data["parts"]
        assert isinstance(parts, dict)
        return condition(parts)

    wait_until(is_so)


@contextmanager
def told_by_a_daemon(
    styxy: CommandLine,
    path: Path,
    *,
    parts: dict[str, object] | None = None,
    leases: list[dict[str, object]] | None = None,
) -> Iterator[None]:
    """Let a stand-in answer what no healthy daemon does."""
    answers: dict[str, Mapping[str, object]] = {
        "/status": {"status": "running", "version": "0.1.0", "pid": os.getpid()},
        "/health": {"status": "warning", "parts": parts or {}},
        "/allocations": {"allocations": leases or []},
        "/observe/all": {"observations": []},
        "/config": {"service_types": {}},
    }
    styxy.env["STYXY_SOCKET"] = str(path)
    with FakeDaemon(path, lambda _method, asked, _body: (200, answers[asked])):
        yield
