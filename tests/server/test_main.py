"""The life of the daemon: started, killed, started again, refused, stopped.

Also tests `__main__`, `assembly`, `starter`, `committer`, `startup` and `recovery`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import styxy
from styxy.server.net.sockets import read_daemon_file
from tests.daemon import LONGEST, Daemon, question, wait_until
from tests.fakes import clean_environment, free_port

pytestmark = pytest.mark.slow


def files(home: Path) -> dict[str, bytes]:
    """Read what must stay as it is while another daemon tries."""
    return {name: (home / name).read_bytes() for name in ("daemon.json", "auth.token")}


def owner_in_map(path: str, port: int) -> int:
    raw = Path(path).read_bytes()
    return int(struct.unpack_from("@Q", raw, 4096 + 16 * port)[0])


def is_retired(path: str) -> bool:
    return bool(struct.unpack_from("@I", Path(path).read_bytes(), 24)[0])


def test_a_running_daemon_says_where_it_is(fresh: Daemon) -> None:
    facts = fresh.facts
    assert facts["pid"] == fresh.process.pid
    assert (facts["port"], facts["host"]) == (fresh.port, "127.0.0.1")
    assert facts["version"] == styxy.__version__
    assert facts["started_at"] > 0
    for name in ("socket", "line_socket"):
        assert stat.S_ISSOCK(os.stat(facts[name]).st_mode)
    assert not is_retired(facts["map"])


def test_a_stop_does_not_wait_for_an_idle_client(fresh: Daemon) -> None:
    with fresh.connect_unix(fresh.facts["socket"]), fresh.connect_unix(fresh.facts["line_socket"]):
        with socket.create_connection(("127.0.0.1", fresh.port)):
            assert fresh.stop() == 0


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
def test_leases_are_there_after_a_restart(fresh: Daemon, is_killed: bool) -> None:
    mine = fresh.allocate("build", pid=os.getpid(), project_path="/p", service_name="web")
    fresh.allocate("auth", ttl=3600)
    gone = fresh.allocate("build")
    fresh.call("DELETE", f"/allocate/{gone['lock_id']}")
    before, token = fresh.leases(), fresh.token
    if is_killed:
        fresh.kill()
        assert (fresh.home / "daemon.json").exists()
    else:
        fresh.stop()
    fresh.start()
    assert fresh.leases() == before
    assert fresh.token == token
    assert fresh.facts["pid"] == fresh.process.pid
    assert owner_in_map(fresh.facts["map"], mine["port"])
    assert not owner_in_map(fresh.facts["map"], gone["port"])
    assert fresh.allocate("build")["port"] != mine["port"]
    assert fresh.call("DELETE", f"/allocate/{mine['lock_id']}").status == 200


def test_a_burst_that_ends_in_a_kill_loses_nothing_that_was_acknowledged(fresh: Daemon) -> None:
    for round_number in range(3):
        known = {lease["lock_id"] for lease in fresh.leases()}
        connection = fresh.connect()
        for _ in range(5 + round_number):
            connection.request("POST", "/allocate", b'{"service_type": "build"}')
            known.add(json.loads(connection.getresponse().read())["lock_id"])
        connection.request("POST", "/allocate", b'{"service_type": "build"}')
        fresh.kill()
        connection.close()
        fresh.start()
        leases = fresh.leases()
        assert known <= {lease["lock_id"] for lease in leases}
        assert len({lease["port"] for lease in leases}) == len(leases)


def test_who_died_while_the_daemon_was_down_holds_nothing(fresh: Daemon) -> None:
    with subprocess.Popen([sys.executable, "-IS", "-c", "input()"], stdin=-1) as process:
        dead = fresh.allocate("build", pid=process.pid)
        living = fresh.allocate("build", pid=os.getpid())
        fresh.kill()
        process.kill()
    fresh.start()
    assert [lease["lock_id"] for lease in fresh.leases()] == [living["lock_id"]]
    assert not owner_in_map(fresh.facts["map"], dead["port"])


def test_memory_outlives_a_restart(fresh: Daemon) -> None:
    request = {"project_path": "/p", "service_name": "web"}
    lease = fresh.allocate("build", preferred_port=8255, **request)
    fresh.call("DELETE", f"/allocate/{lease['lock_id']}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = server.getsockname()[1]
        first = fresh.ask(question(asked)).split()[2]
        fresh.kill()
        fresh.start()
        assert fresh.ask(question(asked)).split()[2:5:2] == [first, b"same"]
    assert fresh.allocate("build", **request)["port"] == 8255


def test_the_map_stays_one_file_over_restarts(fresh: Daemon) -> None:
    path = fresh.facts["map"]
    inode = os.stat(path).st_ino
    lease = fresh.allocate("build", project_path="/p")
    assert owner_in_map(path, lease["port"])
    fresh.stop()
    fresh.start()
    assert os.stat(path).st_ino == inode
    assert not is_retired(path)
    assert owner_in_map(path, lease["port"])
    fresh.call("DELETE", f"/allocate/{lease['lock_id']}")
    assert not owner_in_map(path, lease["port"])


# --- refused starts ------------------------------------------------------------------------------


def test_a_second_daemon_in_the_same_home_is_refused_without_harm(fresh: Daemon) -> None:
    before = files(fresh.home)
    second = Daemon(fresh.home)
    refusal = second.refusal()
    assert refusal.code == 1
    assert refusal.line.startswith("error 1 a styxy daemon is already running: ")
    assert f"pid {fresh.process.pid}, port {fresh.port}" in refusal.line
    assert refusal.line.count("\n") == 1
    assert files(fresh.home) == before
    assert fresh.call("GET", "/status").status == 200
    assert fresh.call("GET", "/allocations", over="tcp").status == 200
    assert not is_retired(fresh.facts["map"])


def test_a_daemon_on_a_busy_port_is_refused_without_harm(fresh: Daemon, tmp_path: Path) -> None:
    before = files(fresh.home)
    second = Daemon(tmp_path / "other", port=fresh.port)
    refusal = second.refusal()
    assert refusal.code == 1
    assert refusal.line.startswith(f"error 1 port {fresh.port} is in use")
    assert not (second.home / "daemon.json").exists()
    assert not list((second.home / "run").glob("*.sock"))
    assert files(fresh.home) == before
    assert fresh.call("GET", "/status", over="bare").status == 200


def test_two_homes_live_side_by_side(fresh: Daemon, tmp_path: Path) -> None:
    with Daemon(tmp_path / "other") as other:
        fresh.allocate("build")
        assert other.leases() == []
        assert other.token != fresh.token
        headers = {"X_API_Key": other.token}
        assert fresh.call("GET", "/allocations", over="bare", **headers).status == 401


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0"])
def test_a_strangers_listener_keeps_the_daemon_from_its_port(tmp_path: Path, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        daemon = Daemon(tmp_path / "home", port=server.getsockname()[1])
        assert "is in use by another program" in daemon.refusal().line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_port_of_another_user_leaves_the_socket_alone_and_says_so(tmp_path: Path) -> None:
    script = (
        "import os, socket, sys\n"
        "os.setuid(65534)\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "print(server.getsockname()[1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stranger:
        assert stranger.stdout is not None
        port = int(stranger.stdout.readline())
        with Daemon(tmp_path / "home", port=port) as daemon:
            assert daemon.facts["port"] is None
            assert daemon.call("GET", "/status").status == 200
            assert f"port {port} is in use by user 65534" in daemon.log.read_text()
        stranger.communicate()


@pytest.mark.parametrize(
    "name", ["styxy.db", "styxy.db.lock", "auth.token", "run", "run/ports.map", "daemon.json"]
)
def test_a_planted_link_is_not_followed_and_no_stack_trace(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / name).parent.mkdir(exist_ok=True)
    target = tmp_path / "target"
    target.write_text("mine")
    target.chmod(0o644)
    (home / name).symlink_to(target)
    daemon = Daemon(home)
    refusal = daemon.try_start()
    daemon.kill()
    assert refusal is None or refusal.line.startswith("error 1 ")
    assert refusal is None or name in refusal.line
    assert "Traceback" not in daemon.log.read_text()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("mine", 0o644)


def test_a_planted_link_in_place_of_the_home_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "theirs")
    assert "home is a link" in Daemon(tmp_path / "home").refusal().line
    assert not list((tmp_path / "theirs").iterdir())


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_lies_where_the_socket_was_named_is_not_deleted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "precious"
    path.mkdir() if kind == "directory" else path.write_text("precious")
    daemon = Daemon(tmp_path / "home", STYXY_SOCKET=str(path))
    assert "precious" in daemon.refusal().line
    assert path.exists()
    assert kind == "directory" or path.read_text() == "precious"
    assert "Traceback" not in daemon.log.read_text()


def test_a_socket_that_a_dead_daemon_left_is_taken_over(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home", STYXY_SOCKET=str(tmp_path / "s")) as daemon:
        daemon.kill()
        assert (tmp_path / "s").is_socket()
        daemon.start()
        assert daemon.call("GET", "/status").status == 200


def test_another_programs_socket_is_not_taken_over(fresh: Daemon, tmp_path: Path) -> None:
    path = fresh.facts["socket"]
    second = Daemon(tmp_path / "other", STYXY_SOCKET=path)
    assert "another program is listening on" in second.refusal().line
    assert fresh.call("GET", "/status").status == 200


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("STYXY_DAEMON_HOST", "0.0.0.0", "STYXY_DAEMON_HOST must be a loopback address"),
        ("STYXY_SKIP_AUTH", "1", "--insecure-no-auth"),
    ],
)
def test_a_setting_that_cannot_be_is_a_sentence(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    refusal = Daemon(
        tmp_path / "home", options=(), port=None, wrapper=(), **{name: value}
    ).refusal()
    assert refusal.line.startswith("error 2 ")
    assert words in refusal.line
    assert refusal.code == 2


# --- the environment -----------------------------------------------------------------------------


def test_no_preloaded_library_reaches_what_the_daemon_starts() -> None:
    script = (
        "import os, runpy, sys\n"
        "sys.argv = ['styxy.server', '--help']\n"
        "try:\n"
        "    runpy.run_module('styxy.server', run_name='__main__')\n"
        "except SystemExit:\n"
        "    print('LD_PRELOAD' in os.environ)\n"
    )
    source = str(Path(styxy.__file__).parent.parent)
    env = clean_environment(PYTHONPATH=source, LD_PRELOAD="libm.so.6")
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr


def test_a_long_home_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20) / "home"
    home.parent.mkdir()
    with Daemon(home) as daemon:
        directory = Path(daemon.facts["socket"]).parent
        try:
            assert directory.parent == Path(f"/tmp/styxy-{os.getuid()}")
            for each in (directory, directory.parent):
                assert each.stat().st_mode & 0o777 == 0o700
            assert daemon.call("GET", "/status").status == 200
            daemon.stop()
        finally:
            for left in directory.iterdir():
                left.unlink()
            directory.rmdir()


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime directory that is named as shortly as a real one: a socket has to fit (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="styxy-", ignore_cleanup_errors=True) as place:
        yield Path(place)


def test_a_runtime_directory_is_used(tmp_path: Path, runtime: Path) -> None:
    with Daemon(tmp_path / "home", XDG_RUNTIME_DIR=str(runtime)) as daemon:
        assert daemon.facts["socket"].startswith(f"{runtime}/styxy/")
        assert daemon.call("GET", "/status").status == 200


@pytest.mark.parametrize("is_whole", [True, False], ids=["directory", "one socket"])
def test_a_logout_that_removes_the_runtime_directory_loses_nobody(
    tmp_path: Path, runtime: Path, is_whole: bool
) -> None:
    with Daemon(tmp_path / "home", XDG_RUNTIME_DIR=str(runtime)) as daemon:
        lease, before = daemon.allocate(), daemon.facts
        if is_whole:
            shutil.rmtree(runtime)
        else:
            os.unlink(before["line_socket"])
        path = str(daemon.home / "daemon.json")
        wait_until(lambda: read_daemon_file(path) not in (None, before))
        place = daemon.home / "run" if is_whole else Path(before["socket"]).parent
        assert daemon.facts["socket"] == f"{place}/styxy.sock"
        assert daemon.facts["pid"] == before["pid"]
        assert [each["port"] for each in daemon.leases()] == [lease["port"]]
        assert daemon.ask(question(lease["port"])).startswith(b"styxy/1 ")
        assert daemon.stop() == 0


def test_a_home_that_was_deleted_ends_the_daemon_and_does_not_come_back(fresh: Daemon) -> None:
    shutil.rmtree(fresh.home)
    assert fresh.process.wait(LONGEST) == 0
    assert not fresh.home.exists()


def test_a_key_is_in_the_log_with_its_ends_alone_unless_the_user_wants_it(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        said = daemon.log.read_text()
        assert f"{daemon.token[:4]}***{daemon.token[-4:]}" in said
        assert daemon.token not in said
    with Daemon(tmp_path / "home", STYXY_SHOW_FULL_KEY="1") as daemon:
        assert daemon.token in daemon.log.read_text()


def test_who_interrupts_a_daemon_that_still_loads_sees_no_trace(tmp_path: Path) -> None:
    # The interpreter tells each module that it has loaded, so there is something to wait for.
    env = clean_environment(
        STYXY_HOME=str(tmp_path / "home"),
        STYXY_DAEMON_PORT=str(free_port()),
        PYTHONPATH=str(Path(styxy.__file__).parent.parent),
        PYTHONPROFILEIMPORTTIME="1",
    )
    command = [sys.executable, "-P", "-m", "styxy.server"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.endswith("| asyncio\n") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode in (-signal.SIGINT, 0)  # 0 where it was quick and runs already
    assert "Traceback" not in said
