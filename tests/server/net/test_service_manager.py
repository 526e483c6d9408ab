"""What a service manager passes and hears, over real sockets and descriptors.

Also tests `starter` and `sockets`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.server.net.service_manager import ServiceManager
from tests.daemon import LONGEST, Daemon, wait_until
from tests.fakes import clean_environment, free_port

TAKER = """
import os, socket, sys
from styxy.server.net.service_manager import PassedSockets
passed = PassedSockets(os.environ)
for _ in range(2):
    print(passed.take(socket.SOCK_STREAM, (sys.argv[1], int(sys.argv[2]))) is not None)
print(passed.take(socket.SOCK_STREAM, sys.argv[3]) is not None)
print(*passed.notes, sep="\\n")
"""


PASS = """
import os, sys
count, pid = int(sys.argv[1]), sys.argv[2]
high = [os.dup2(int(each), 100 + number) for number, each in enumerate(sys.argv[3:3 + count])]
for number, each in enumerate(high):
    os.dup2(each, 3 + number)
os.environ |= {"LISTEN_FDS": str(count), "LISTEN_PID": pid or str(os.getpid())}
os.execv(sys.executable, [sys.executable, *sys.argv[3 + count:]])
"""


def taken(*passed: int, pid: str = "", port: int = 1, path: str = "/nonexistent") -> list[str]:
    """What a process says to which some descriptors were passed, and which asks for two sockets."""
    words = [str(len(passed)), pid, *map(str, passed)]
    words += ["-P", "-c", TAKER, "127.0.0.1", str(port), path]
    done = subprocess.run(
        [sys.executable, "-IS", "-c", PASS, *words],
        env=clean_environment(),
        pass_fds=passed,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_socket_is_found_by_what_it_is_bound_to_again_and_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = taken(server.fileno(), port=server.getsockname()[1])
    assert said == ["True", "True", "False", ""]


def test_what_was_passed_to_another_process_is_not_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert taken(server.fileno(), pid="1", port=server.getsockname()[1])[0] == "False"


def test_each_wrong_one_is_named_in_one_sentence(tmp_path: Path) -> None:
    name = str(tmp_path / "gone.sock")
    with (
        open(os.devnull) as file,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.socket() as idle,
        socket.socket(socket.AF_UNIX) as gone,
    ):
        idle.bind(("127.0.0.1", 0))
        gone.bind(name)
        gone.listen()
        os.unlink(name)
        passed = [file.fileno(), other.fileno(), idle.fileno(), gone.fileno()]
        *_, first, second, third, fourth = taken(*passed, path=name)
        ports = [each.getsockname()[1] for each in (other, idle)]
    start, end = "of what the service manager passed, ", "; try: styxy service install"
    assert first == f"{start}descriptor 3 is not a socket{end}"
    assert second == f"{start}the socket of 127.0.0.1:{ports[1]} does not listen{end}"
    assert third == f"{start}the name of the socket {name} is gone{end}"
    assert fourth == f"{start}this daemon does not listen on 127.0.0.1:{ports[0]}{end}"


def test_one_that_is_not_open_is_named_and_stops_nothing() -> None:
    closed = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@" 3<&-'
    words = [sys.executable, "-P", "-c", TAKER, "127.0.0.1", "1", "/nonexistent"]
    done = subprocess.run(
        ["sh", "-c", closed, *words],
        env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    *taken_ones, said = done.stdout.splitlines()
    assert taken_ones == ["False"] * 3
    start, end = "of what the service manager passed, ", "; try: styxy service install"
    assert said == f"{start}descriptor 3 is not an open socket{end}"


@pytest.mark.parametrize("name", ["notify", "@styxy-test-notify-{pid}"], ids=["file", "abstract"])
def test_the_manager_hears_every_state(tmp_path: Path, name: str) -> None:
    address = name.format(pid=os.getpid()) if name.startswith("@") else str(tmp_path / name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind("\0" + address[1:] if address.startswith("@") else address)
        ours.settimeout(LONGEST)
        manager = ServiceManager({"NOTIFY_SOCKET": address})
        assert manager.is_there
        for say, heard in (
            (manager.ready, b"READY=1"),
            (manager.reloading, b"RELOADING=1\nMONOTONIC_USEC="),
            (manager.stopping, b"STOPPING=1"),
        ):
            say()
            assert ours.recv(4096).startswith(heard)


def test_nobody_hears_where_there_is_no_manager(tmp_path: Path) -> None:
    ServiceManager({}).ready()
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


@pytest.mark.parametrize(
    ("said", "pid", "seconds"),
    [
        ("3000000", None, 3.0),
        ("3000000", "its own", 3.0),
        ("3000000", "1", None),
        ("", None, None),
        ("0", None, None),
        ("soon", None, None),
        ("9" * 5000, None, None),
    ],
)
def test_signs_of_life_are_given_to_whoever_expects_them(
    said: str, pid: str | None, seconds: float | None
) -> None:
    env = {"WATCHDOG_USEC": said}
    if pid is not None:
        env["WATCHDOG_PID"] = pid.replace("its own", str(os.getpid()))
    assert ServiceManager(env).patience == seconds


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None,
    reason="needs systemd-socket-activate (Debian's systemd)",
)
def test_systemd_passes_sockets_that_the_daemon_takes(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "home", port=free_port())
    paths = Paths({"STYXY_HOME": str(daemon.home)})
    for directory in (daemon.home, Path(paths.runtime_dir())):
        directory.mkdir(mode=0o700)
    listening = [f"127.0.0.1:{daemon.port}", paths.socket(), paths.line_socket()]
    command = ["systemd-socket-activate", *(f"--listen={each}" for each in listening)]
    names = ("STYXY_HOME", "HOME", "PYTHONPATH")
    command += [f"--setenv={name}={daemon.environment[name]}" for name in names]
    server = [sys.executable, "-P", "-m", "styxy.server", "--port", str(daemon.port)]
    with daemon.log.open("wb") as log, subprocess.Popen([*command, *server], stderr=log) as process:
        wait_until(lambda: os.path.exists(paths.line_socket()))
        with daemon.connect_unix(paths.socket()) as link:
            link.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert link.recv(100).startswith(b"HTTP/1.1 200")
        assert daemon.facts["pid"] == process.pid
        assert daemon.call("GET", "/allocations", over="tcp").status == 200
        process.terminate()
        assert process.wait(LONGEST) == 0
    assert os.path.exists(paths.socket())  # it is not the daemon's to remove
    assert daemon.facts["managed"] is False  # nobody is told of its state
    assert "of what the service manager passed" not in daemon.log.read_text()
