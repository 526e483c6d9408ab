"""`styxy service` and the daemon's life under a service manager that is real but small.

Also tests `choice`, and `service` of the command line.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.service.managed import managed_in, programs_of, units_of, user_in
from tests.commands import CommandLine
from tests.daemon import LONGEST, Daemon, wait_until
from tests.service_manager import history_of

pytestmark = pytest.mark.slow


@pytest.fixture
def alone(tmp_path: Path) -> CommandLine:
    """A command line of a user without a service manager."""
    return user_in(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """One command line, whose daemon is a service, for all tests that leave it installed."""
    with managed_in(tmp_path_factory.mktemp("service")) as command_line:
        assert command_line.run("service", "install").returncode == 0
        yield command_line


@pytest.fixture
def service(installed: CommandLine) -> CommandLine:
    """A command line whose daemon is a service, and runs."""
    assert installed.run("daemon", "start", "-d").returncode == 0
    command_line = CommandLine(installed.home, port=installed.port)
    command_line.env = dict(installed.env)
    return command_line


class Clients:
    """Ask the daemon over both kinds of sockets without a pause, and count who is refused."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._socket = daemon.facts["socket"]
        self._over = threading.Event()
        self.refused: list[str] = []
        self.answered = 0
        self._threads = [
            threading.Thread(target=self._loop, args=[ask]) for ask in (self._unix, self._tcp)
        ]

    def __enter__(self) -> Clients:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join(LONGEST)

    def _loop(self, ask: Callable[[], object]) -> None:
        while not self._over.is_set():
            try:
                ask()
                self.answered += 1
            except (ConnectionRefusedError, FileNotFoundError) as error:
                self.refused.append(str(error))
            except (ConnectionError, TimeoutError):
                continue  # it was being served by the daemon that was killed

    def _unix(self) -> None:
        with contextlib.closing(self._daemon.connect_unix(self._socket)) as link:
            link.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while link.recv(65536):
                continue

    def _tcp(self) -> None:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._daemon.port}/status", timeout=LONGEST
            ) as reply:
                reply.read()
        except urllib.error.HTTPError as error:  # 429: it asks a lot
            error.close()
        except urllib.error.URLError as error:
            if isinstance(error.reason, OSError):
                raise error.reason from None
            raise


def test_without_a_service_manager_the_alternative_is_shown(alone: CommandLine) -> None:
    done = alone.run("service", "install")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no service manager can be used" in done.stderr
    assert "styxy daemon start -d" in done.stderr
    shown = alone.json("service", "status", code=1)
    assert (shown["manager"], shown["installed"]) == (None, False)
    assert alone.run("service", "uninstall").returncode == 0
    assert list(Path(alone.env["HOME"]).iterdir()) == []


def test_the_files_can_be_seen_without_anything_being_done(alone: CommandLine) -> None:
    shown = alone.run("service", "install", "--print").stdout
    assert "styxy.socket <==" in shown
    assert f'Environment="STYXY_HOME={alone.home}"' in shown
    assert (
        "<key>KeepAlive</key>"
        in alone.run("service", "install", "--print", "--manager", "launchd").stdout
    )
    assert not alone.home.exists()


def test_the_running_daemon_becomes_a_service_once(managed: CommandLine) -> None:
    lease = managed.json("allocate", "-s", "build", "-n", "web")
    first = managed.json("service", "install")
    assert (first["action"], first["pid"]) == ("installed", managed.daemon_pid())
    second = managed.json("service", "install")
    assert (second["action"], second["pid"]) == ("unchanged", first["pid"])
    shown = managed.json("service", "status")
    assert (shown["current"], shown["running"], shown["pid"]) == (True, True, first["pid"])
    assert managed.json("list")["allocations"][0]["lock_id"] == lease["lock_id"]  # type: ignore[index] # JSON


def test_an_uninstalled_service_leaves_nothing(managed: CommandLine) -> None:
    service = managed
    assert service.run("service", "install").returncode == 0
    removed = service.json("service", "uninstall")
    assert (removed["action"], len(removed["files"])) == ("removed", 2)  # type: ignore[arg-type] # JSON
    assert [str(each) for each in Path(service.env["HOME"]).rglob("*")] in (
        [],
        [str(Path(service.env["HOME"], ".config"))],
    )
    assert not (service.home / "daemon.json").exists()
    assert service.json("service", "uninstall")["action"] == "absent"
    assert service.json("service", "status", code=1)["installed"] is False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_daemon_that_dies_or_hangs_is_back_and_nobody_is_refused(
    service: CommandLine, number: int
) -> None:
    before, daemon = service.daemon_pid(), Daemon(service.home, port=service.port)
    lease = daemon.allocate("build")
    assert before is not None
    with Clients(daemon) as clients:
        os.kill(before, number)
        wait_until(lambda: service.daemon_pid() != before)
        answered = clients.answered
        wait_until(lambda: clients.answered > answered + 10)
    assert clients.refused == []
    assert lease["lock_id"] in [each["lock_id"] for each in daemon.leases()]
    assert ("missed a WATCHDOG=1" in history_of(programs_of(service))) or number == signal.SIGKILL


@pytest.mark.slow
def test_a_restart_refuses_nobody_and_a_stop_lasts(service: CommandLine) -> None:
    before, daemon = service.daemon_pid(), Daemon(service.home, port=service.port)
    with Clients(daemon) as clients:
        assert service.run("daemon", "restart").returncode == 0
        answered = clients.answered
        wait_until(lambda: clients.answered > answered + 10)
    assert clients.refused == []
    assert service.daemon_pid() != before
    stopped = service.run("daemon", "stop")
    assert "and its service until you log in again" in stopped.stdout
    assert service.run("daemon", "status").returncode == 3
    assert not (service.home / "daemon.json").exists()
    assert history_of(programs_of(service))[-2:] == ["STOPPING=1", "ended 0"]
    assert service.run("daemon", "start", "-d").returncode == 0
    assert service.json("service", "status")["pid"] == service.daemon_pid()


def test_a_command_starts_the_service_and_no_daemon_beside_it(service: CommandLine) -> None:
    service.run("daemon", "stop")
    assert service.run("check", "1").returncode == 0
    assert service.json("service", "status")["pid"] == service.daemon_pid()
    again = service.run("daemon", "start", "-d")
    assert (again.returncode, f"pid {service.daemon_pid()}," in again.stdout) == (0, True)
    moved = service.run("daemon", "start", "-d", "-p", "9999")
    assert moved.returncode == 2
    assert "styxy config set listen-port 9999 && styxy service install" in moved.stderr


def test_a_command_starts_the_service_though_its_home_was_removed(managed: CommandLine) -> None:
    assert managed.run("service", "install").returncode == 0
    assert managed.run("daemon", "stop").returncode == 0
    shutil.rmtree(managed.home)
    assert managed.run("check", "1").returncode == 0
    assert (managed.home / "logs").stat().st_mode & 0o077 == 0


def test_a_stop_where_the_manager_is_not_reached_says_what_may_follow(
    service: CommandLine,
) -> None:
    service.env["PATH"] = "/nonexistent"
    done = service.run("daemon", "stop")
    assert "a service manager had started it, and may start it again" in done.stdout


@pytest.mark.slow
def test_a_changed_variable_is_noticed_and_put_in_the_units(service: CommandLine) -> None:
    service.env["STYXY_LOG_LEVEL"] = "debug"
    found = {each["name"]: each for each in service.json("doctor")["checks"]}  # type: ignore[attr-defined] # JSON
    assert found["service"]["verdict"] == "warning"
    assert found["service"]["fix"] == "styxy service install"
    assert service.json("service", "install")["action"] == "updated"
    assert service.json("service", "status")["current"] is True
    del service.env["STYXY_LOG_LEVEL"]
    assert service.json("service", "status")["current"] is False
    assert service.json("service", "install")["action"] == "updated"


def server_of_nobody(port: int) -> socket.socket:
    """Listen as another user: the kernel keeps whose a socket was when it was made."""
    os.seteuid(65534)
    try:
        return socket.create_server(("127.0.0.1", port))
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_where_another_user_has_the_port_the_service_serves_its_other_sockets(
    managed: CommandLine,
) -> None:
    with server_of_nobody(managed.port):
        installed = managed.json("service", "install")
        assert installed["pid"] == managed.daemon_pid()
        assert managed.run("check", "1").returncode == 0
        doctor = json.loads(managed.run("doctor", "--without-shell", "--json").stdout)
        (found,) = (each for each in doctor["checks"] if each["name"] == "sockets")
        assert found["fix"].endswith(" && styxy service install")


def test_an_update_that_does_not_start_leaves_the_service_as_it_was(managed: CommandLine) -> None:
    assert managed.run("service", "install").returncode == 0
    before = (units_of(managed) / "styxy.service").read_text()
    usual = managed.env["STYXY_DAEMON_PORT"]
    with socket.create_server(("127.0.0.1", 0)) as other:  # the daemon refuses a port of its user's
        managed.env["STYXY_DAEMON_PORT"] = str(other.getsockname()[1])
        done = managed.run("service", "install")
    assert done.returncode == 1, done.stderr
    assert "was not brought up to date, and runs as before" in done.stderr
    assert (units_of(managed) / "styxy.service").read_text() == before
    managed.env["STYXY_DAEMON_PORT"] = usual
    assert managed.json("service", "status")["pid"] == managed.daemon_pid()


def test_the_units_are_where_the_manager_reads_them_whatever_the_shell_says(
    managed: CommandLine, tmp_path: Path
) -> None:
    managed.env["XDG_CONFIG_HOME"] = str(tmp_path / "elsewhere")
    assert managed.run("service", "install").returncode == 0
    assert (units_of(managed) / "styxy.socket").exists()
    assert managed.json("service", "status")["current"] is True
    del managed.env["XDG_CONFIG_HOME"]
    assert managed.json("service", "uninstall")["action"] == "removed"
    assert not (tmp_path / "elsewhere").exists()


def test_units_that_are_not_ours_stay(managed: CommandLine) -> None:
    units = units_of(managed)
    units.mkdir(parents=True)
    (units / "styxy.service").write_text("[Service]\nExecStart=/bin/true\n")
    for word in ("install", "uninstall"):
        done = managed.run("service", word)
        assert (done.returncode, "was not written by Styxy" in done.stderr) == (1, True)
    assert [each.name for each in units.iterdir()] == ["styxy.service"]


@pytest.mark.parametrize("name", ["styxy.service", "styxy.socket"])
def test_a_unit_that_was_masked_stays_so(managed: CommandLine, name: str) -> None:
    units = units_of(managed)
    units.mkdir(parents=True)
    (units / name).symlink_to("/dev/null")
    for word in ("install", "uninstall"):
        done = managed.run("service", word)
        assert (done.returncode, "was not written by Styxy" in done.stderr) == (1, True)
    assert [each.name for each in units.iterdir()] == [name]


def test_the_service_of_another_home_stays(service: CommandLine, tmp_path: Path) -> None:
    before = (units_of(service) / "styxy.service").read_text()
    other = CommandLine(tmp_path / "other")
    other.env |= {name: service.env[name] for name in ("HOME", "PATH", "XDG_RUNTIME_DIR")}
    done = other.run("service", "install")
    assert done.returncode == 1
    assert f"STYXY_HOME={service.home} styxy service uninstall" in done.stderr
    shown = other.run("service", "status")
    assert (shown.returncode, "it serves another home than yours" in shown.stdout) == (1, True)
    assert "to update" not in shown.stdout
    assert "current" not in other.json("service", "status", code=1)
    assert (units_of(service) / "styxy.service").read_text() == before


def test_who_has_the_port_is_the_daemon_and_not_its_manager(service: CommandLine) -> None:
    done = service.run("stop", str(service.port))
    assert (done.returncode, "styxy daemon stop" in done.stderr) == (1, True)
    shown = service.json("who", str(service.port))
    assert [each["pid"] for each in shown["servers"]] == [service.daemon_pid()]  # type: ignore[attr-defined] # JSON


def test_a_daemon_that_cannot_start_is_not_called_running(managed: CommandLine) -> None:
    assert managed.run("service", "install").returncode == 0
    unit, pid = units_of(managed) / "styxy.service", managed.daemon_pid()
    assert pid is not None
    unit.write_text(unit.read_text().replace("\nExecStart=", "\nExecStart=/nonexistent"))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "ended 51968" in history_of(programs_of(managed)))  # 203, EXIT_EXEC
    wait_until(lambda: managed.run("service", "status").returncode == 1)
    assert "until you log in again" in managed.run("daemon", "stop").stdout


def test_a_reload_is_announced(service: CommandLine) -> None:
    pid = service.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "RELOADING=1" in history_of(programs_of(service)))
    wait_until(lambda: history_of(programs_of(service))[-1] == "READY=1")
