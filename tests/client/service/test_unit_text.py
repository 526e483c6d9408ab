"""Units and property list as the programs that read them understand them.

Also tests `description`, `service_manager`, `systemd` and `launchd`.
"""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.kernel import has_ipv6
from styxy.adapters.paths import Paths
from styxy.client.service.description import Description, described
from styxy.client.service.launchd import Launchd
from styxy.client.service.systemd import Systemd
from styxy.client.service.unit_text import home_of, packaged_unit, service_unit, socket_unit
from styxy.core.errors import InvalidInput
from tests.service_manager import read_unit, words_of

ODD = """/a "quoted" $HOME/100% \\n'x' é/home"""

EXPOSURE = 66
"""Tenths, of 100 without any option: what `systemd-analyze security` says with all those that need
no namespace. The rest is mostly capabilities, which no service of a user has."""

with_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian's systemd)"
)


def description_of(home: str, **env: str) -> Description:
    variables = {"STYXY_HOME": home, **env}
    command = (sys.executable, "-P", "-m", "styxy.server")
    return described(Paths(variables), variables, command=command)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Both units of a home, in a directory."""
    daemon = description_of(str(tmp_path / "my home"))
    (tmp_path / "styxy.service").write_text(service_unit(daemon))
    (tmp_path / "styxy.socket").write_text(socket_unit(daemon))
    (tmp_path / "runtime").mkdir(mode=0o700)
    return tmp_path


def analyzed(units: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze(1), which starts nothing, on units."""
    env = {**os.environ, "HOME": str(units), "XDG_RUNTIME_DIR": str(units / "runtime")}
    return subprocess.run(
        ["systemd-analyze", "--user", "--no-pager", *words],
        env=env,
        cwd=units,
        capture_output=True,
        text=True,
        check=False,
    )


@with_analyze
def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    done = analyzed(units, "verify", "./styxy.service", "./styxy.socket")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@with_analyze
def test_systemd_would_find_what_is_wrong(units: Path) -> None:
    unit = units / "styxy.service"
    unit.write_text(unit.read_text().replace("ExecStart=", "ExecStart=/nonexistent"))
    assert analyzed(units, "verify", "./styxy.service").stderr


@with_analyze
def test_the_service_is_as_little_exposed_as_it_can_be(units: Path) -> None:
    words = ["security", "--offline=true", f"--threshold={EXPOSURE}", "./styxy.service"]
    done = analyzed(units, *words)
    assert done.returncode == 0, done.stdout


@with_analyze
def test_systemd_finds_nothing_wrong_with_the_unit_of_a_package(units: Path) -> None:
    (units / "styxy.socket").unlink()
    (units / "styxy.service").write_text(packaged_unit((sys.executable, "-m", "styxy.server")))
    done = analyzed(units, "verify", "--man=no", "./styxy.service")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    words = ["security", "--offline=true", f"--threshold={EXPOSURE}", "./styxy.service"]
    assert analyzed(units, *words).returncode == 0


def test_the_unit_of_a_package_lacks_only_what_is_known_of_one_home(units: Path) -> None:
    mine = read_unit(units / "styxy.service")
    (units / "packaged").write_text(packaged_unit((sys.executable, "-P", "-m", "styxy.server")))
    theirs = read_unit(units / "packaged")
    of_a_home = {"Environment", "WorkingDirectory", "StandardOutput", "StandardError"}
    assert mine.keys() - theirs.keys() == of_a_home | {"Wants", "After", "Also"}
    assert theirs == {"Documentation": ["man:styxy(1)"]} | {
        key: mine[key] for key in theirs if key in mine
    }
    assert home_of((units / "packaged").read_text()) is None


def test_no_option_needs_a_namespace(units: Path) -> None:
    # In a user namespace, /proc/PID/cwd of the user's other processes cannot be read (ptrace(2)).
    making = r"Private|Protect|ReadWrite|ReadOnly|Inaccessible|Bind|Temporary|Root|Capabilit"
    unit = read_unit(units / "styxy.service")
    assert [key for key in unit if re.match(making, key)] == []


def test_odd_paths_arrive_as_they_are(tmp_path: Path) -> None:
    daemon = description_of(ODD, STYXY_LOG_LEVEL="debug")
    (tmp_path / "unit").write_text(service_unit(daemon) + socket_unit(daemon))
    unit = read_unit(tmp_path / "unit")
    variables = [words_of(each)[0] for each in unit["Environment"]]
    assert variables == [f"STYXY_HOME={ODD}", "STYXY_LOG_LEVEL=debug"]
    assert unit["StandardOutput"] == [f"append:{ODD}/logs/daemon.log".replace("%", "%%")]
    assert words_of(unit["ExecStart"][0]) == list(daemon.command)
    assert home_of(service_unit(daemon)) == ODD


def test_a_line_break_is_refused() -> None:
    with pytest.raises(InvalidInput, match="line break"):
        description_of("/a\nExecStartPre=/bin/sh")


def test_the_sockets_are_those_that_the_daemon_looks_for(tmp_path: Path) -> None:
    paths = Paths({"STYXY_HOME": str(tmp_path)})
    daemon = description_of(str(tmp_path), STYXY_DAEMON_HOST="::1", STYXY_DAEMON_PORT="9900")
    assert daemon.tcp == ("[::1]:9900",)
    assert daemon.streams == (paths.socket(), paths.line_socket())
    assert daemon.datagrams == (paths.note_socket(),)
    usual = ("127.0.0.1:9876", "[::1]:9876")
    assert description_of(str(tmp_path)).tcp == usual[: 1 + has_ipv6()]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root may make a network"
)
def test_no_socket_is_at_an_address_that_the_machine_does_not_have(tmp_path: Path) -> None:
    # A new network has no loopback that is up, and so no ::1 that could be bound.
    script = (
        "import sys\n"
        "from styxy.adapters.paths import Paths\n"
        "from styxy.client.service.description import described\n"
        "env = {'STYXY_HOME': sys.argv[1]}\n"
        "print(*described(Paths(env), env, command=('daemon',)).tcp)\n"
    )
    command = ["unshare", "-n", sys.executable, "-P", "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "127.0.0.1:9876\n"


def test_a_unit_of_somebody_else_has_no_home_of_ours() -> None:
    assert home_of('[Service]\nEnvironment="STYXY_HOME=/a"\n') is None


def test_launchd_gets_a_property_list_with_the_same_daemon(tmp_path: Path) -> None:
    daemon = description_of(ODD)
    launchd = Launchd({"HOME": str(tmp_path)})
    (path, text), *others = launchd.texts(daemon).items()
    assert not others
    assert path == str(tmp_path / "Library/LaunchAgents/styxy.daemon.plist")
    content = plistlib.loads(text.encode())
    assert content["ProgramArguments"] == list(daemon.command)
    assert content["KeepAlive"] is content["RunAtLoad"] is True
    assert launchd.home_in(text) == ODD
    assert launchd.home_in("no list") is None


def test_without_its_program_a_manager_says_so(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    assert Launchd(env).problem() == "there is no launchctl"
    assert Systemd(env).problem() == "there is no systemctl"
