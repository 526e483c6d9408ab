"""The service that a package brings, and the daemon's life under it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from styxy.client.service.unit_text import packaged_unit
from tests.client.service.managed import programs_of, systemctl, units_of
from tests.commands import CommandLine
from tests.service_manager import history_of

pytestmark = pytest.mark.slow


@pytest.fixture
def packaged(managed: CommandLine, tmp_path: Path) -> Path:
    """The unit of a package, of whose service the command line's daemon is; nobody enabled it."""
    unit = tmp_path / "packaged" / "styxy.service"
    unit.parent.mkdir()
    text = packaged_unit((sys.executable, "-P", "-m", "styxy.server"))
    variables = {"STYXY_HOME": managed.home, "STYXY_DAEMON_PORT": managed.port}
    settings = "".join(f"Environment={name}={value}\n" for name, value in variables.items())
    unit.write_text(text.replace("[Service]\n", f"[Service]\n{settings}"))
    systemctl(managed, "start", "styxy")
    return unit


def test_the_daemon_commands_know_the_service_of_a_package(
    managed: CommandLine, packaged: Path
) -> None:
    before = managed.daemon_pid()
    assert managed.run("daemon", "restart").returncode == 0
    assert (managed.daemon_pid() or before) != before
    done = managed.run("daemon", "stop")
    assert "and its service; to start it: styxy daemon start -d" in done.stdout
    assert "systemctl --user disable --now styxy" in managed.run("service", "uninstall").stdout
    assert managed.run("daemon", "status").returncode == 3
    units_of(managed).mkdir(parents=True)
    systemctl(managed, "enable", "styxy")
    assert managed.run("daemon", "start", "-d").returncode == 0
    assert managed.daemon_pid() == managed.json("service", "status", code=1)["pid"]
    found = {each["name"]: each for each in managed.json("doctor")["checks"]}  # type: ignore[attr-defined] # JSON
    assert found["service"]["message"].endswith(f"as a package says in {packaged}")
    stopped = managed.run("daemon", "stop").stdout
    assert "and its service until you log in again" in stopped
    assert history_of(programs_of(managed))[-2:] == ["STOPPING=1", "ended 0"]


def test_a_package_s_service_is_back_if_ones_own_does_not_start(
    managed: CommandLine, packaged: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()  # the daemon refuses a port of its user's
        usual = managed.env["STYXY_DAEMON_PORT"]
        managed.env["STYXY_DAEMON_PORT"] = str(other.getsockname()[1])
        done = managed.run("service", "install")
    managed.env["STYXY_DAEMON_PORT"] = usual
    assert (done.returncode, done.stdout) == (1, "")
    assert "the service was not installed, and the package's is as before" in done.stderr
    assert managed.daemon_pid() == managed.json("service", "status", code=1)["pid"]
    assert not (units_of(managed) / "styxy.service").exists()
    assert packaged.exists()


def test_a_service_of_ones_own_takes_the_place_of_the_packages(
    managed: CommandLine, packaged: Path
) -> None:
    before = managed.daemon_pid()
    assert before is not None
    shown = managed.run("service", "status")
    assert f"active (test), as the package says in {packaged}; " in shown.stdout
    done = managed.json("service", "install")
    assert (done["action"], done["pid"] != before) == ("installed", True)
    assert done["notes"][0] == f"it takes the place of {packaged}, which stays there"  # type: ignore[index] # JSON
    assert managed.daemon_pid() == done["pid"]
    assert managed.json("service", "status")["current"] is True
    assert managed.run("service", "uninstall").returncode == 0
    assert packaged.exists()


INTERRUPTING = """#!/bin/sh
if [ "$2" = daemon-reload ] && mkdir "{once}" 2>/dev/null; then kill -INT $PPID; fi
exec "{real}" "$@"
"""


def test_an_interrupted_install_puts_a_package_s_service_back(
    managed: CommandLine, packaged: Path, tmp_path: Path
) -> None:
    systemctl = programs_of(managed) / "systemctl"
    interrupting = tmp_path / "first" / "systemctl"
    interrupting.parent.mkdir()
    interrupting.write_text(INTERRUPTING.format(once=tmp_path / "once", real=systemctl))
    interrupting.chmod(0o755)
    managed.env["PATH"] = f"{interrupting.parent}:{managed.env['PATH']}"
    done = managed.run("service", "install")
    assert (done.returncode, done.stdout) == (130, "")
    assert "the service was not installed, and the package's is as before" in done.stderr
    assert managed.daemon_pid() == managed.json("service", "status", code=1)["pid"]
    assert not units_of(managed).exists()
    assert packaged.exists()
