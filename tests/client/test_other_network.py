"""A sandbox with a network of its own and the user's home: nothing is said of another network's
ports.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess

import pytest

from styxy.adapters.paths import network_namespace
from tests.commands import COMMAND, LONGEST, CommandLine

UNSHARE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]

needs_network = pytest.mark.skipif(
    "__import__('tests.client.test_other_network', fromlist=['x']).is_forbidden()",
    reason="this machine does not let us make a network namespace",
)


def is_forbidden() -> bool:
    return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0


def elsewhere(styxy: CommandLine, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command in a network of its own."""
    return subprocess.run(
        [*UNSHARE, *COMMAND, *words],
        env=styxy.env,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


def test_a_network_has_a_number() -> None:
    assert network_namespace() == os.stat("/proc/self/ns/net").st_ino


@needs_network
@pytest.mark.parametrize(
    "words",
    [
        ("check", "3000"),
        ("allocate", "-s", "dev"),
        ("who", "3000"),
        ("suggest", "dev"),
        ("scan",),
        ("types",),
        ("list",),
        ("instances",),
        ("use", "ai"),
        ("wait", "3000", "--owner", "here", "--timeout", "5"),
        ("release", "--port", "3000"),
        ("cleanup", "-f"),
    ],
    ids=" ".join,
)
def test_a_command_about_ports_says_that_the_daemon_speaks_of_another_network(
    attached: CommandLine, words: tuple[str, ...]
) -> None:
    done = elsewhere(attached, *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert "speaks of another network" in done.stderr
    assert "restart" not in done.stderr
    assert elsewhere(attached, "daemon", "status").returncode == 0
    assert attached.json("list")["allocations"] == []


@needs_network
def test_a_wait_for_anybody_looks_at_the_ports_that_are_here(attached: CommandLine) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        assert attached.run("wait", port).returncode == 0
        assert elsewhere(attached, "wait", port, "--timeout", "0.2").returncode == 1


@needs_network
def test_doctor_says_so_and_never_restart(attached: CommandLine) -> None:
    done = elsewhere(attached, "doctor", "--json")
    assert done.returncode == 3, done
    checks = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert "speaks of another network" in checks["daemon"]["message"]
    assert not [each for each in checks.values() if "restart" in str(each["fix"])]


@needs_network
@pytest.mark.parametrize("backend", ["none", "preload"])
def test_run_says_so_and_runs_without(attached: CommandLine, backend: str) -> None:
    command = ("run", "--backend", backend, "-s", "dev", "-p", "3050", "--", "sh", "-c")
    done = elsewhere(attached, *command, "echo $PORT")
    assert (done.returncode, done.stdout) == (0, "3050\n")
    assert done.stderr.count("speaks of another network") == 1
    assert "running without Styxy" in done.stderr
    assert attached.json("list")["allocations"] == []


@needs_network
def test_explain_names_the_network(attached: CommandLine) -> None:
    done = elsewhere(attached, "run", "--explain", "--backend", "none", "--", "true")
    assert "not covered: this network" in done.stdout


@needs_network
def test_where_no_daemon_runs_there_is_no_other_network(stopped: CommandLine) -> None:
    done = elsewhere(stopped, "check", "3000", "--no-start")
    assert done.returncode == 3
    assert "another network" not in done.stderr
