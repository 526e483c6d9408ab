"""doctor: each thing that it claims to check is broken here, and its cure is read, often done."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.journal import Journal
from styxy.client.doctor import CHECKS
from styxy.core.desk import Desk
from styxy.core.events import Leased
from styxy.core.services import Catalogue
from tests.commands import CommandLine
from tests.fakes import clean_environment

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
        assert (each["cure"] is None) == (each["verdict"] == "ok"), each
    return {each["name"]: each for each in told["checks"]}


def cure(found: dict[str, str], styxy: CommandLine) -> None:
    """Do what the doctor says."""
    command = found["cure"].replace("styxy ", f"{sys.executable} -P -m styxy ")
    subprocess.run(command, shell=True, check=True, env=styxy.env, stdout=subprocess.DEVNULL)


@pytest.fixture
def running(styxy: CommandLine) -> CommandLine:
    """A command line with a daemon."""
    assert styxy.run("daemon", "start", "-d").returncode == 0
    return styxy


@pytest.fixture
def stopped(styxy: CommandLine) -> CommandLine:
    """A command line whose daemon has run and has stopped."""
    assert styxy.run("allocate", "-s", "dev").returncode == 0
    assert styxy.run("daemon", "stop").returncode == 0
    return styxy


def test_a_sound_installation_is_found_sound(running: CommandLine) -> None:
    found = examine(running)
    # A busy machine may well have kept the daemon waiting, and not every kernel has what seccomp
    # needs: neither is a fault of this installation.
    wrong = {name for name, each in found.items() if each["verdict"] != "ok"}
    assert wrong <= {"stalls", "seccomp"}
    assert "was moved to" in found["bind"]["message"]


@pytest.mark.parametrize("words", [["doctor"], ["env", "--check"]], ids=" ".join)
def test_a_bind_that_was_tried_leaves_nothing_behind(
    running: CommandLine, words: list[str]
) -> None:
    assert "was moved to" in running.run(*words).stdout
    told = running.json("reassignments")
    assert told["reassignments"] == []
    assert running.run("daemon", "stop").returncode == 0
    desk = Desk(Catalogue())
    with closing(Journal(str(running.home / "styxy.db"))) as journal:
        events = list(journal.replay())
        for event in events:
            desk.apply(event)
    assert [each for each in events if isinstance(each, Leased)], "the daemon was asked"
    assert not len(desk.books)
    assert (desk.state.memory.moves, desk.state.memory.services) == ({}, {})


def test_it_starts_no_daemon_and_is_quick_without_one(styxy: CommandLine) -> None:
    began = time.monotonic()
    found = examine(styxy)
    assert time.monotonic() - began < 10  # 0.6 s on an idle machine; bench has the number
    assert styxy.daemon_pid() is None
    assert found["daemon"]["verdict"] == "warning"
    cure(found["daemon"], styxy)
    assert examine(styxy)["daemon"]["verdict"] == "ok"


def test_people_read_it_as_lines(styxy: CommandLine) -> None:
    done = styxy.run("doctor")
    assert done.returncode == 0
    assert "cure: styxy daemon start -d" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{len(CHECKS)} checks: ")


def test_a_daemon_that_hangs_is_an_error_and_costs_no_more_than_its_patience(
    running: CommandLine,
) -> None:
    pid = running.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    found = examine(running, code=1)
    assert "has given no answer" in found["daemon"]["message"]
    assert found["daemon"]["cure"] == "styxy daemon restart"
    assert found["alone"]["verdict"] == "ok"
    os.kill(pid, signal.SIGCONT)


def test_a_daemon_of_another_version_is_named(styxy: CommandLine, tmp_path: Path) -> None:
    # Its own sources with another number: what an upgrade leaves running.
    source = Path(styxy.env["PYTHONPATH"]) / "styxy"
    (tmp_path / "old").mkdir()
    old = tmp_path / "old" / "styxy"
    old.mkdir()
    for each in source.iterdir():
        if each.name != "__init__.py":
            (old / each.name).symlink_to(each)
    (old / "__init__.py").write_text('"""Old."""\n\n__version__ = "0.0.9"\n')
    path = styxy.env["PYTHONPATH"]
    styxy.env["PYTHONPATH"] = str(tmp_path / "old")
    assert styxy.run("daemon", "start", "-d").returncode == 0
    styxy.env["PYTHONPATH"] = path
    found = examine(styxy)["version"]
    assert (found["verdict"], found["cure"]) == ("warning", "styxy daemon restart")
    assert "0.0.9" in found["message"]
    cure(found, styxy)
    assert examine(styxy)["version"]["verdict"] == "ok"


def test_a_second_daemon_of_the_home_is_found(running: CommandLine) -> None:
    # A process that looks like one: the journal's lock lets no real one live.
    words = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
    with subprocess.Popen(
        [*words, "-m", "styxy.server"],
        env=running.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as second:
        assert second.stdout is not None
        assert second.stdout.readline() == b"up\n"
        found = examine(running, code=1)["alone"]
        assert found["cure"] == f"kill -TERM {second.pid}"
        cure(found, running)
    assert second.returncode == -signal.SIGTERM
    assert examine(running)["alone"]["verdict"] == "ok"


def test_a_daemon_whose_record_is_gone_is_found(running: CommandLine) -> None:
    pid = running.daemon_pid()
    os.kill(pid or 0, signal.SIGSTOP)  # it would mend this within a second
    (running.home / "daemon.json").unlink()
    found = examine(running, code=1)["alone"]
    os.kill(pid or 0, signal.SIGCONT)
    assert found["cure"] == f"kill -TERM {pid}"
    gone = os.pidfd_open(pid or 0)
    cure(found, running)
    assert select.select([gone], [], [], 20)[0]
    os.close(gone)


@pytest.mark.parametrize("name", ["", "styxy.db", "logs/daemon.log"])
def test_others_who_could_read_the_home_are_named(stopped: CommandLine, name: str) -> None:
    path = stopped.home / name
    path.chmod(path.stat().st_mode | 0o044)
    found = examine(stopped, code=1)["home"]
    assert str(path) in found["message"]
    cure(found, stopped)
    assert examine(stopped)["home"]["verdict"] == "ok"


def test_a_home_that_is_a_link_is_named(stopped: CommandLine) -> None:
    real = stopped.home.with_name("real")
    stopped.home.rename(real)
    stopped.home.symlink_to(real)
    assert "is a link" in examine(stopped, code=1)["home"]["message"]


@pytest.mark.parametrize("damage", ["mode", "content"])
def test_a_token_that_is_no_good_is_named(stopped: CommandLine, damage: str) -> None:
    token = stopped.home / "auth.token"
    if damage == "mode":
        token.chmod(0o644)
    else:
        token.write_text("secret\n")
    found = examine(stopped, code=1)["token"]
    cure(found, stopped)
    assert examine(stopped)["token"]["verdict"] == "ok"


def test_a_token_that_is_gone_is_named(running: CommandLine) -> None:
    (running.home / "auth.token").unlink()
    found = examine(running)["token"]
    assert found["verdict"] == "warning"
    cure(found, running)
    assert (running.home / "auth.token").exists()


@pytest.mark.parametrize("damage", ["mode", "line"])
def test_a_socket_that_is_no_good_is_named(running: CommandLine, damage: str) -> None:
    path = running.home / "run" / ("line.sock" if damage == "line" else "styxy.sock")
    if damage == "mode":
        path.chmod(0o666)
        found = examine(running, code=1)["sockets"]
    else:
        path.unlink()
        found = examine(running, code=1)["sockets"]
    cure(found, running)
    assert examine(running)["sockets"]["verdict"] == "ok"


def test_a_daemon_whose_socket_is_gone_is_found(running: CommandLine) -> None:
    pid = running.daemon_pid() or 0
    os.kill(pid, signal.SIGSTOP)  # it would mend this within two seconds
    (running.home / "run" / "styxy.sock").unlink()
    found = examine(running, code=1)["alone"]
    os.kill(pid, signal.SIGCONT)
    assert "nobody can reach it" in found["message"]
    cure(found, running)
    assert examine(running)["daemon"]["verdict"] == "ok"


def test_a_runtime_directory_that_others_can_use_is_named(stopped: CommandLine) -> None:
    (stopped.home / "run").chmod(0o777)
    found = examine(stopped, code=1)["runtime"]
    cure(found, stopped)
    assert examine(stopped)["runtime"]["verdict"] == "ok"


def test_a_runtime_directory_that_went_with_its_session_is_named(
    running: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "user").mkdir()
    assert (
        examine(running, XDG_RUNTIME_DIR=str(tmp_path / "user"))["runtime"]["verdict"] == "warning"
    )


@pytest.mark.parametrize("with_daemon", [True, False])
def test_a_configuration_that_is_wrong_is_named(styxy: CommandLine, with_daemon: bool) -> None:
    if with_daemon:
        styxy.run("daemon", "start", "-d")
    styxy.home.mkdir(mode=0o700, exist_ok=True)
    (styxy.home / "config.json").write_text('{\n  "listen_port": "x"\n}\n')
    found = examine(styxy, code=1)["configuration"]
    assert "config.json:2" in found["message"]
    assert found["cure"] == "styxy config validate"


def test_a_damaged_journal_is_found_without_a_daemon_and_mended_by_the_next(
    stopped: CommandLine,
) -> None:
    database = stopped.home / "styxy.db"
    database.write_bytes(b"no journal" * 100)
    before = sorted(stopped.home.iterdir())
    found = examine(stopped, code=1)["database"]
    assert "sets it aside" in found["message"]
    assert sorted(each for each in stopped.home.iterdir() if each.name != "lib") == [
        each for each in before if each.name != "lib"
    ]
    assert database.read_bytes().startswith(b"no journal")
    cure(found, stopped)
    after = examine(stopped)["database"]
    assert after["verdict"] == "warning"  # what was lost is said for as long as it runs
    assert "was damaged" in after["message"]


def test_what_is_left_over_is_named_and_taken_away(stopped: CommandLine) -> None:
    (stopped.home / "styxy.db.damaged-20260101T000000.000Z").write_text("")
    (stopped.home / "lib" / "0.0.1").mkdir(parents=True)
    found = examine(stopped)["leftovers"]
    assert found["verdict"] == "warning"
    cure(found, stopped)
    assert examine(stopped)["leftovers"]["verdict"] == "ok"


def test_a_library_that_a_program_still_has_is_no_leftover(stopped: CommandLine) -> None:
    old = stopped.home / "lib" / "0.0.1"
    old.mkdir(parents=True)
    env = clean_environment(LD_PRELOAD=f"{old}/libstyxy.so")
    words = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(
        words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"up\n"
        assert examine(stopped)["leftovers"]["verdict"] == "ok"
        program.kill()


def test_the_record_of_a_daemon_that_was_killed_is_a_leftover(running: CommandLine) -> None:
    running.kill_daemon()
    found = examine(running)["leftovers"]
    assert "daemon that died" in found["message"]
    cure(found, running)
    assert examine(running)["leftovers"]["verdict"] == "ok"


def test_somebody_else_on_a_port_on_lease_is_named(running: CommandLine) -> None:
    lease = running.json("allocate", "-s", "dev", "--pid", str(os.getpid()))
    port = int(str(lease["port"]))
    listen = f"import socket; s = socket.create_server(('', {port})); print('up', flush=True)"
    words = [sys.executable, "-c", f"{listen}; input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        found = examine(running)["ports"]
        other.kill()
    assert found["verdict"] == "warning"
    assert found["cure"] == f"styxy who {port}"


def test_a_map_that_was_deleted_is_named(running: CommandLine) -> None:
    (running.home / "run" / "ports.map").unlink()
    found = examine(running, code=1)["ports"]
    assert "port map was deleted" in found["message"]
    cure(found, running)
    assert examine(running)["ports"]["verdict"] == "ok"


def test_few_descriptors_are_named(styxy: CommandLine) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        styxy.run("daemon", "start", "-d")
        found = examine(styxy)["limits"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found["verdict"] == "warning"
    assert "this shell may open 256 files only" in found["message"]
    assert found["cure"].startswith("ulimit -n ")


def test_a_range_where_outgoing_connections_live_is_named(styxy: CommandLine) -> None:
    styxy.home.mkdir(mode=0o700)
    kinds = {"service_types": {"far": {"range": [40000, 40009], "preferred_ports": [40000]}}}
    (styxy.home / "config.json").write_text(json.dumps(kinds))
    found = examine(styxy)["ephemeral"]
    assert "overlaps far 40000-40009" in found["message"]
    assert found["cure"] == "sudo sysctl -w net.ipv4.ip_local_reserved_ports=40000-40009"


def test_a_library_of_this_shell_that_is_gone_is_named(styxy: CommandLine) -> None:
    # Taken as text alone: the loader only complains of it.
    found = examine(styxy, code=1, LD_PRELOAD="/nowhere/libstyxy.so")["shell"]
    assert "/nowhere/libstyxy.so" in found["message"]
    assert found["cure"] == "unset LD_PRELOAD"


def test_a_switch_of_this_shell_is_named(styxy: CommandLine) -> None:
    found = examine(styxy, STYXY_DISABLE_REASSIGN="1")["shell"]
    assert found["cure"] == "unset STYXY_DISABLE_REASSIGN"


def test_an_activated_shell_is_told_from_another(styxy: CommandLine) -> None:
    variables = json.loads(styxy.run("env", "--json").stdout)
    found = examine(styxy, **variables)["shell"]
    assert found["message"] == "this shell is activated"


def test_a_library_that_cannot_be_loaded_is_named(styxy: CommandLine, tmp_path: Path) -> None:
    # A package without a library uses the copy that it finds, and that one is damaged.
    bare = tmp_path / "bare" / "styxy"
    bare.mkdir(parents=True)
    source = Path(styxy.env["PYTHONPATH"]) / "styxy"
    for each in source.iterdir():
        if each.name not in ("native", "__init__.py"):
            (bare / each.name).symlink_to(each)
    (bare / "__init__.py").write_text((source / "__init__.py").read_text())
    styxy.env["PYTHONPATH"] = str(bare.parent)
    found = examine(styxy, code=1)
    assert "without its native library" in found["library"]["message"]
    assert "static programs and Go are not reached" in found["seccomp"]["message"]
    (styxy.home / "lib" / "0.1.0").mkdir(parents=True)
    (styxy.home / "lib" / "0.1.0" / "libstyxy.so").write_text("text")
    found = examine(styxy, code=1)
    assert "cannot be loaded" in found["library"]["message"]
    assert found["library"]["cure"].startswith("rm ")
    assert found["bind"]["verdict"] == "error"
