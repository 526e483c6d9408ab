"""The daemon does its work under what its unit forbids: the options of `unit_text`, applied to it
by the kernel as systemd would."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.service.description import described
from styxy.client.service.unit_text import service_unit
from tests.client.service import confinement
from tests.daemon import Daemon, question, wait_until

pytestmark = [
    pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian's systemd)"
    ),
    pytest.mark.skipif(
        platform.machine() != "x86_64" or not confinement.NUMBERS.exists(),
        reason="needs x86-64, and the kernel's headers (linux-libc-dev)",
    ),
]


def unit_in(folder: Path) -> Path:
    """Write the unit of a home."""
    env = {"STYXY_HOME": str(folder / "home")}
    daemon = described(Paths(env), env, command=(sys.executable,))
    unit = folder / "styxy.service"
    unit.write_text(service_unit(daemon))
    return unit


@pytest.fixture
def confined(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon under its unit's options."""
    wrapper = (sys.executable, "-P", confinement.__file__, str(unit_in(tmp_path)))
    with Daemon(tmp_path / "home", wrapper=wrapper) as daemon:
        yield daemon


def test_what_is_forbidden_is_refused(tmp_path: Path) -> None:
    script = (
        "import ctypes, socket\n"
        "for kind in (socket.AF_NETLINK, socket.AF_PACKET):\n"
        "    try: print(socket.socket(kind, socket.SOCK_RAW).close())\n"
        "    except OSError as error: print(error.errno)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.ptrace(0, 0, 0, 0), ctypes.get_errno())\n"
    )
    command = [sys.executable, "-P", confinement.__file__, str(unit_in(tmp_path))]
    done = subprocess.run(
        [*command, sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["None", "97", "-1 1"]


def test_the_daemon_knows_who_listens_and_who_has_died(confined: Daemon) -> None:
    script = "import socket; s = socket.create_server(('', 0)); print(s.getsockname()[1]); input()"
    with subprocess.Popen(
        [sys.executable, "-IS", "-u", "-c", script], stdin=-1, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        seen = confined.call("GET", f"/observe/{port}").body
        assert f"'pid': {server.pid}" in str(seen)
        assert confined.ask(question(port)).split()[1] == b"move"
        lease = confined.allocate("build", pid=server.pid)
        server.kill()
    wait_until(lambda: lease["lock_id"] not in [each["lock_id"] for each in confined.leases()])


def test_every_part_of_the_daemon_is_well(confined: Daemon) -> None:
    assert confined.allocate("build", project_path=os.getcwd())["success"] is True
    parts = confined.call("GET", "/health").body["parts"]
    assert {name for name, part in parts.items() if part["state"] == "error"} == set()
    assert confined.call("GET", "/allocations", over="tcp").status == 200
    assert confined.stop() == 0


@pytest.mark.slow
def test_the_doctor_that_the_daemon_runs_sees_as_much_as_any_other(
    confined: Daemon, tmp_path: Path
) -> None:
    doctor = [sys.executable, "-P", "-m", "styxy", "doctor", "--json", "--without-shell"]
    wrapper = [sys.executable, "-P", confinement.__file__, str(tmp_path / "styxy.service")]
    env = {**os.environ, "STYXY_HOME": str(confined.home), "STYXY_DAEMON_PORT": str(confined.port)}
    verdicts = []
    for command in (doctor, [*wrapper, *doctor]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        checks = json.loads(done.stdout)["checks"]
        verdicts.append({each["name"]: each["verdict"] for each in checks})
    assert verdicts[0] == verdicts[1]
