"""The life of a real daemon, from the command line: started once, found, stopped, replaced.

Also tests `daemon`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from styxy.client.daemon.stopping import started_at
from tests.commands import COMMAND, LONGEST, CommandLine
from tests.daemon import port_of, wait_until
from tests.examples import slow
from tests.fakes import free_port

pytestmark = pytest.mark.slow


def starts(styxy: CommandLine) -> int:
    """Count the daemons that ever answered in this home."""
    return (styxy.home / "logs" / "daemon.log").read_text().count(" answers on /")


def test_a_command_starts_the_daemon_that_it_needs(styxy: CommandLine) -> None:
    assert styxy.run("daemon", "status").returncode == 3
    assert styxy.run("check", str(styxy.port)).returncode == 1  # taken, by the daemon itself
    assert styxy.json("daemon", "status")["pid"] == styxy.daemon_pid()
    assert styxy.home.stat().st_mode & 0o777 == 0o700


def test_no_start_forbids_it(styxy: CommandLine) -> None:
    done = styxy.run("list", "--no-start")
    assert (done.returncode, done.stdout) == (3, "")
    assert "styxy daemon start -d" in done.stderr
    assert not styxy.home.exists()


def test_twenty_racing_commands_start_one_daemon(styxy: CommandLine) -> None:
    racing = [styxy.start("allocate", "-s", "dev", "--json") for _ in range(20)]
    ports = set()
    for process in racing:
        with process:
            out, err = process.communicate(timeout=LONGEST)
        assert (process.returncode, err) == (0, "")
        ports.add(json.loads(out)["port"])
    assert len(ports) == 20
    assert starts(styxy) == 1


def test_a_detached_start_returns_when_the_daemon_answers(styxy: CommandLine) -> None:
    port = free_port()
    done = styxy.run("daemon", "start", "-d", "-p", str(port))
    assert done.returncode == 0
    assert f"port {port}" in done.stdout
    assert styxy.run("check", str(port), "--no-start").returncode == 1


def test_a_running_daemon_is_named_and_left_alone(styxy: CommandLine) -> None:
    first = styxy.json("daemon", "start", "-d")
    again = styxy.run("daemon", "start", "-d", "-p", str(free_port()))
    assert again.returncode == 0
    assert f"pid {first['pid']}" in again.stdout
    assert "styxy daemon restart -p" in again.stderr


def test_people_read_what_is_wrong_too(styxy: CommandLine) -> None:
    styxy.home.mkdir(mode=0o700, exist_ok=True)
    (styxy.home / "config.json").write_text('{"zork": 1}')
    styxy.json("daemon", "start", "-d")
    assert "\nwarning: " in styxy.run("daemon", "status").stdout


def test_a_second_daemon_in_the_foreground_is_refused(styxy: CommandLine) -> None:
    pid = styxy.json("daemon", "start", "-d")["pid"]
    done = styxy.run("daemon", "start")
    assert done.returncode == 1
    assert str(pid) in done.stderr
    assert styxy.json("daemon", "status")["pid"] == pid


def test_a_busy_port_is_a_sentence_and_exit_1(styxy: CommandLine, tmp_path: Path) -> None:
    styxy.run("daemon", "start", "-d")
    other = CommandLine(tmp_path / "other")
    try:
        done = other.run("daemon", "start", "-d", "-p", str(styxy.port))
        assert done.returncode == 1
        assert str(styxy.port) in done.stderr
        assert done.stderr.count("\n") == 1
    finally:
        other.kill_daemon()


def test_a_directory_of_other_things_is_not_made_a_home(styxy: CommandLine) -> None:
    (styxy.home / "bin").mkdir(parents=True)
    styxy.home.chmod(0o755)
    for words in (["list"], ["daemon", "start", "-d"], ["config", "set", "log_level", "debug"]):
        done = styxy.run(*words)
        assert done.returncode in (1, 3)
        assert "set STYXY_HOME to a directory of its own" in done.stderr
    done = styxy.run("run", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert done.stderr.count("set STYXY_HOME to a directory of its own") == 1
    assert [each.name for each in styxy.home.iterdir()] == ["bin"]
    assert styxy.home.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("first", ["list", "run -- true"])
def test_an_empty_directory_is_made_a_home(styxy: CommandLine, first: str) -> None:
    styxy.home.mkdir(parents=True, exist_ok=True)
    styxy.home.chmod(0o755)
    done = styxy.run(*first.split())
    assert done.returncode == 0
    assert "STYXY_HOME" not in done.stderr
    # `run` waits a second for its daemon, which may take longer.
    wait_until(lambda: styxy.run("daemon", "status", "--no-start").returncode == 0)
    assert styxy.home.stat().st_mode & 0o777 == 0o700


def test_racing_commands_fail_alike_where_no_daemon_can_start(
    styxy: CommandLine, tmp_path: Path
) -> None:
    other = CommandLine(tmp_path / "other")
    other.run("daemon", "start", "-d", "-p", str(styxy.port))
    try:
        racing = [styxy.start("list") for _ in range(5)]
        said = set()
        for process in racing:
            with process:
                out, err = process.communicate(timeout=LONGEST)
            assert (process.returncode, out) == (3, "")
            said.add(err)
        assert len(said) == 1
        assert str(styxy.port) in said.pop()
    finally:
        other.kill_daemon()


def test_a_foreground_daemon_is_this_very_process(styxy: CommandLine) -> None:
    process = styxy.start("daemon", "start", "-p", str(styxy.port))
    assert process.stderr is not None
    while " answers on " not in process.stderr.readline():
        assert process.poll() is None
    assert styxy.json("daemon", "status")["pid"] == process.pid
    assert styxy.run("daemon", "stop").returncode == 0
    process.communicate(timeout=LONGEST)
    assert process.returncode == 0


def test_a_detached_daemon_keeps_nothing_of_its_caller(styxy: CommandLine) -> None:
    ours, theirs = os.pipe()
    done = subprocess.run(
        [*COMMAND, "daemon", "start", "-d"],
        env=styxy.env,
        pass_fds=[theirs],
        capture_output=True,  # would not end while the daemon held our pipes
        timeout=LONGEST,
        check=True,
    )
    assert done.returncode == 0
    os.close(theirs)
    assert select.select([ours], [], [], 5)[0]
    assert os.read(ours, 1) == b""
    os.close(ours)
    pid = styxy.daemon_pid()
    assert pid is not None
    assert os.getsid(pid) != os.getsid(0)
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/cwd") == str(styxy.home)


def test_stop_stops_it_and_says_so(styxy: CommandLine) -> None:
    pid = styxy.json("daemon", "start", "-d")["pid"]
    assert styxy.json("daemon", "stop")["pid"] == pid
    assert styxy.run("daemon", "status").returncode == 3
    assert styxy.json("daemon", "stop")["stopped"] is False


def test_restart_keeps_the_port_and_the_leases(styxy: CommandLine) -> None:
    port = free_port()
    pid = styxy.json("daemon", "start", "-d", "-p", str(port))["pid"]
    lease = styxy.json("allocate", "-s", "dev")
    assert styxy.json("daemon", "restart")["pid"] != pid
    assert json.loads((styxy.home / "daemon.json").read_text())["port"] == port
    assert styxy.json("release", str(lease["lock_id"]))["port"] == lease["port"]
    elsewhere = free_port()
    styxy.run("daemon", "restart", "-p", str(elsewhere))
    assert json.loads((styxy.home / "daemon.json").read_text())["port"] == elsewhere


def test_a_daemon_that_was_killed_is_replaced(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    styxy.kill_daemon()
    stale = styxy.daemon_pid()
    assert styxy.run("list", "--no-start").returncode == 3
    assert styxy.run("list").returncode == 0
    assert styxy.daemon_pid() != stale


def test_a_stranger_with_the_pid_of_a_dead_daemon_is_not_stopped(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    record = json.loads((styxy.home / "daemon.json").read_text())
    styxy.kill_daemon()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
        (styxy.home / "daemon.json").write_text(json.dumps({**record, "pid": stranger.pid}))
        done = styxy.run("daemon", "stop")
        assert (done.returncode, done.stdout) == (0, "no daemon was running\n")
        assert stranger.poll() is None
    (styxy.home / "daemon.json").unlink()


def test_a_stranger_is_not_stopped_for_a_daemon_that_lives(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    good = (styxy.home / "daemon.json").read_text()
    record = json.loads(good)
    os.kill(record["pid"], signal.SIGSTOP)  # it looks after its files once a second
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
        (styxy.home / "daemon.json").write_text(json.dumps({**record, "pid": stranger.pid}))
        done = styxy.run("daemon", "stop")
        assert done.returncode == 1
        assert "nothing was stopped" in done.stderr
        assert stranger.poll() is None
    os.kill(record["pid"], signal.SIGCONT)
    (styxy.home / "daemon.json").write_text(good)


def test_a_daemon_whose_socket_was_removed_can_be_stopped(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    Path(json.loads((styxy.home / "daemon.json").read_text())["socket"]).unlink()
    done = styxy.run("daemon", "stop")
    assert "has stopped" in done.stdout


@pytest.fixture
def stopped(styxy: CommandLine) -> CommandLine:
    """Give a command line whose daemon is there and does nothing."""
    styxy.run("daemon", "start", "-d")
    pid = styxy.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return styxy


def test_a_hung_daemon_is_a_sentence_within_seconds(stopped: CommandLine) -> None:
    began = time.monotonic()
    done = stopped.run("check", "3000")
    assert done.returncode == 3
    assert f"pid {stopped.daemon_pid()}" in done.stderr
    assert "styxy daemon restart" in done.stderr
    assert time.monotonic() - began < 5


def test_a_hung_daemon_can_be_restarted(stopped: CommandLine) -> None:
    pid = stopped.daemon_pid()
    assert stopped.json("daemon", "restart")["pid"] != pid


@pytest.mark.parametrize("words", [[], ["-s", "dev"]])
def test_a_program_runs_though_the_daemon_hangs(stopped: CommandLine, words: list[str]) -> None:
    began = time.monotonic()
    done = stopped.run("run", *words, "--", "sh", "-c", "echo out; exit 5")
    assert (done.returncode, done.stdout) == (5, "out\n")
    assert time.monotonic() - began < 4


def test_the_log_is_shown_and_followed(styxy: CommandLine) -> None:
    assert styxy.run("daemon", "logs").returncode == 1
    styxy.run("daemon", "start", "-d")
    assert "answers on" in styxy.run("daemon", "logs").stdout
    assert styxy.json("daemon", "logs", "-n", "1")["lines"]
    process = styxy.start("daemon", "logs", "-f")
    assert process.stdout is not None
    assert process.stderr is not None
    while " answers on " not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_socket_that_is_named_is_used_and_no_file_is_read(
    styxy: CommandLine, tmp_path: Path
) -> None:
    styxy.env["STYXY_SOCKET"] = str(tmp_path / "named")
    assert styxy.json("allocate", "-s", "dev")["port"]
    assert (tmp_path / "named").is_socket()
    assert "has stopped" in styxy.run("daemon", "stop").stdout


def test_the_start_of_a_process_is_told_in_wall_time() -> None:
    assert abs(started_at(os.getpid()) - time.time()) < 86400
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as young:
        assert abs(started_at(young.pid) - time.time()) < 3


def test_a_relative_home_is_one_place_for_command_and_daemon(
    styxy: CommandLine, tmp_path: Path
) -> None:
    styxy.env["STYXY_HOME"] = "home"  # as the fixture names it, seen from its parent
    assert styxy.run("list", cwd=tmp_path).returncode == 0
    record = json.loads((styxy.home / "daemon.json").read_text())
    assert record["socket"].startswith("/")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert styxy.run("daemon", "status", "--no-start", cwd=tmp_path).returncode == 0
    assert styxy.run("list", "--no-start", cwd=elsewhere).returncode == 3


@pytest.mark.parametrize("words", [["list"], *slow(["daemon", "stop"], ["daemon", "start", "-d"])])
def test_a_socket_variable_that_leads_astray_is_said(styxy: CommandLine, words: list[str]) -> None:
    pid = styxy.json("daemon", "start", "-d")["pid"]
    styxy.env["STYXY_SOCKET"] = "/nowhere/s"
    done = styxy.run(*words)
    assert done.returncode in (1, 3)
    assert done.stderr.startswith("styxy: nothing is listening on STYXY_SOCKET=/nowhere/s;")
    assert done.stderr.endswith("unset STYXY_SOCKET\n")
    del styxy.env["STYXY_SOCKET"]
    assert styxy.json("daemon", "status")["pid"] == pid


@pytest.mark.parametrize("words", [["start", "-d"], *slow(["start"], ["restart"])])
def test_a_port_that_no_daemon_may_have_is_refused_and_nothing_is_stopped(
    styxy: CommandLine, words: list[str]
) -> None:
    pid = styxy.json("daemon", "start", "-d")["pid"]
    body = styxy.json("daemon", *words, "-p", "80", code=2)
    assert body["error"] == "--port must be a port from 1024 to 65535, not 80"
    assert (body["success"], body["code"]) == (False, "invalid_input")
    assert styxy.json("daemon", "status")["pid"] == pid


def test_a_restart_onto_a_busy_port_stops_nothing(styxy: CommandLine) -> None:
    pid = styxy.json("daemon", "start", "-d")["pid"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = port_of(server)
        body = styxy.json("daemon", "restart", "-p", str(port), code=1)
    assert body["error"] == (
        f"port {port} is in use, so the daemon was not moved; see: styxy who {port}"
    )
    assert styxy.json("daemon", "status")["pid"] == pid
    assert styxy.json("daemon", "restart", "-p", str(styxy.port))["pid"] != pid


@pytest.mark.parametrize("flags", [["-d"], *slow([])])
def test_a_busy_port_is_one_document_with_the_way_out(styxy: CommandLine, flags: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = ["daemon", "start", *flags, "-p", str(port_of(server))]
        body = styxy.json(*words, code=1)
        told = styxy.run(*words)
    assert body["success"] is False
    assert "choose another: styxy daemon start -d -p N" in str(body["error"])
    assert f"styxy: {body['error']}\n" in told.stderr
    assert told.stdout == ""


def test_the_way_out_of_a_busy_port_is_one_that_the_environment_allows(styxy: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        styxy.env["STYXY_DAEMON_PORT"] = str(port_of(server))
        told = styxy.run("daemon", "start", "-d").stderr
        assert told.endswith("or for good: export STYXY_DAEMON_PORT=N\n")
        del styxy.env["STYXY_DAEMON_PORT"]
        told = styxy.run("daemon", "start", "-d", "-p", str(port_of(server))).stderr
        assert told.endswith("or for good: styxy config set listen-port N\n")


def test_a_setting_that_a_variable_overrides_takes_no_effect_and_says_so(
    running: CommandLine,
) -> None:
    told = running.run("config", "set", "listen-port", str(free_port())).stdout
    assert "STYXY_DAEMON_PORT overrides listen_port; unset it, or set it to the new value" in told
    assert "takes effect" not in told


@pytest.mark.parametrize("words", [["start", "-d"], *slow(["start"], ["restart"])])
def test_a_start_that_may_not_start_is_wrong_usage(styxy: CommandLine, words: list[str]) -> None:
    done = styxy.run("daemon", *words, "--no-start")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"styxy: `styxy daemon {words[0]}` starts a daemon, which --no-start forbids; omit one\n"
    )
    assert styxy.daemon_pid() is None


@pytest.mark.parametrize("port", ["80", *slow("abc", "65536")])
def test_a_port_that_no_daemon_can_have_is_wrong_usage(styxy: CommandLine, port: str) -> None:
    styxy.env["STYXY_DAEMON_PORT"] = port
    for words in (["check", "3000"], ["list"], ["daemon", "start", "-d"]):
        done = styxy.run(*words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert done.stderr.startswith("styxy: STYXY_DAEMON_PORT must be a port from 1024 to 65535")
    done = styxy.run("run", "--", "echo", "x")
    assert (done.returncode, done.stdout) == (0, "x\n")
