"""What a shell offers while a command is typed: what the daemon knows, or nothing at all."""

from __future__ import annotations

import os
import signal

import pytest

from styxy.client.cli.live_values import KINDS
from styxy.core.model.service_types import BUILT_IN
from tests.commands import CommandLine


def values(styxy: CommandLine, kind: str) -> list[str]:
    done = styxy.run("_values", kind)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_what_the_daemon_knows_is_offered(running: CommandLine) -> None:
    assert [values(running, kind) for kind in KINDS if kind != "types"] == [[]] * 4
    words = ("allocate", "-s", "grafana", "-n", "web", "--instance", "agent-1")
    lease = running.json(*words)
    assert values(running, "ports") == [str(lease["port"])]
    assert values(running, "leases") == [lease["lock_id"]]
    assert values(running, "names") == ["web"]
    assert set(values(running, "types")) == {"grafana", *(each.name for each in BUILT_IN)}


@pytest.mark.parametrize("kind", [*KINDS, "zork"])
def test_nothing_is_said_and_nothing_started_without_a_daemon(
    styxy: CommandLine, kind: str
) -> None:
    done = styxy.run("_values", kind)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert styxy.daemon_pid() is None


def test_a_daemon_that_hangs_is_not_waited_for(running: CommandLine) -> None:
    pid = running.daemon_pid() or 0
    os.kill(pid, signal.SIGSTOP)
    done = running.run("_values", "ports")
    os.kill(pid, signal.SIGCONT)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
