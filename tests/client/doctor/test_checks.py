"""doctor: each thing that it claims to check is broken here, and its fix is read, often done.

Also tests `doctor`, `interception`, `machine`, `running` and `verdict`.
"""

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

from styxy.adapters.journal.journal import Journal
from styxy.client.doctor.checks import CHECKS
from styxy.core.books.events import Leased
from styxy.core.decisions.desk import Desk
from styxy.core.messages import counted
from styxy.core.model.service_types import Catalogue
from tests.client.examining import apply_fix, examine, told_by_a_daemon
from tests.commands import CommandLine
from tests.fakes import free_port


def test_a_sound_installation_is_found_sound(running: CommandLine) -> None:
    found = examine(running)
    # A busy machine may well have kept the daemon waiting, and not every kernel has what seccomp
    # needs: neither is a fault of this installation.
    wrong = {name for name, each in found.items() if each["verdict"] != "ok"}
    assert wrong <= {"stalls", "seccomp"}
    assert "was moved to" in found["bind"]["message"]


def test_without_a_shell_only_the_installation_is_looked_at(running: CommandLine) -> None:
    running.env["STYXY_DISABLE_REASSIGN"] = "1"  # an error for the bind, a warning for the shell
    checks = json.loads(running.run("doctor", "--without-shell", "--json").stdout)["checks"]
    found = {each["name"]: each for each in checks}
    assert {each.name for each in CHECKS} - found.keys() == {"shell", "bind", "seccomp"}
    assert "this shell" not in found["limits"]["message"]
    assert "has moved a bind" in found["library"]["message"]
    events = json.loads(running.run("audit", "--json").stdout)["events"]
    assert not any(each["event"] == "allocated" for each in events)


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
    assert not len(desk.lease_index)
    assert (desk.remembered.moves, desk.remembered.services) == ({}, {})


def test_it_starts_no_daemon_and_is_quick_without_one(styxy: CommandLine) -> None:
    began = time.monotonic()
    found = examine(styxy)
    assert time.monotonic() - began < 10  # 0.6 s on an idle machine; bench has the number
    assert styxy.daemon_pid() is None
    assert found["daemon"]["verdict"] == "warning"
    apply_fix(found["daemon"], styxy)
    assert examine(styxy)["daemon"]["verdict"] == "ok"


def test_people_read_it_as_lines(styxy: CommandLine) -> None:
    done = styxy.run("doctor")
    assert done.returncode == 0
    assert "fix: styxy daemon start -d" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{len(CHECKS)} checks: ")
    verdicts = [line.split()[0] for line in done.stdout.splitlines()]
    for verdict in ("warning", "error"):
        assert f", {counted(verdicts.count(verdict), verdict)}" in last
    assert "no port is on lease" not in done.stdout, "a stopped daemon has leases, too"


def test_a_daemon_that_hangs_is_an_error_and_costs_no_more_than_its_patience(
    running: CommandLine,
) -> None:
    pid = running.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    found = examine(running, code=1)
    assert "has not answered" in found["daemon"]["message"]
    assert found["daemon"]["fix"] == "styxy daemon restart"
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
    assert (found["verdict"], found["fix"]) == ("warning", "styxy daemon restart")
    assert "0.0.9" in found["message"]
    apply_fix(found, styxy)
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
        assert found["fix"] == f"kill -TERM {second.pid}"
        apply_fix(found, running)
    assert second.returncode == -signal.SIGTERM
    assert examine(running)["alone"]["verdict"] == "ok"


def test_a_daemon_whose_record_is_gone_is_found(running: CommandLine) -> None:
    pid = running.daemon_pid()
    os.kill(pid or 0, signal.SIGSTOP)  # it would mend this within a second
    (running.home / "daemon.json").unlink()
    found = examine(running, code=1)["alone"]
    os.kill(pid or 0, signal.SIGCONT)
    assert found["fix"] == f"kill -TERM {pid}"
    gone = os.pidfd_open(pid or 0)
    apply_fix(found, running)
    assert select.select([gone], [], [], 20)[0]
    os.close(gone)


def test_a_daemon_that_stood_still_is_named(styxy: CommandLine, tmp_path: Path) -> None:
    loop = {"state": "warning", "message": "2 stalls, the longest 0.61 s"}
    with told_by_a_daemon(styxy, tmp_path / "s", parts={"loop": loop}):
        found = examine(styxy, code=1)["stalls"]
    assert (found["verdict"], found["message"]) == ("warning", loop["message"])
    assert found["fix"] == "styxy daemon logs"


@pytest.mark.parametrize("state", ["warning", "error"])
def test_a_part_of_the_daemon_that_is_not_well_is_named(
    styxy: CommandLine, tmp_path: Path, state: str
) -> None:
    part = {"state": state, "message": "it is tired"}
    with told_by_a_daemon(styxy, tmp_path / "s", parts={"newest part": part}):
        found = examine(styxy, code=1)["parts"]
    assert (found["verdict"], found["message"]) == (state, "newest part: it is tired")
    assert found["fix"] == "styxy daemon logs"


def test_a_lease_in_use_on_whose_port_nothing_listens_is_named(
    styxy: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    lease = {"port": port, "state": "bound", "pid": None, "project_path": None}
    with told_by_a_daemon(styxy, tmp_path / "s", leases=[lease]):
        found = examine(styxy, code=1)["ports"]
    assert found["verdict"] == "error"
    assert found["message"].endswith(f"on which nothing listens: {port}")
    assert found["fix"] == "styxy daemon restart"


def test_every_check_is_broken_by_a_test() -> None:
    """Read in the tests: a check that nobody breaks may as well never be made."""
    here = Path(__file__)
    elsewhere = (here.with_name("test_files.py"), here.parent.parent / "service/test_service.py")
    text = here.read_text() + "".join(each.read_text() for each in elsewhere)
    for check in CHECKS:
        assert f'["{check.name}"]' in text or f'"{check.name}")' in text, check.name


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
    assert found["fix"] == f"styxy who {port}"


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
    assert found["fix"].startswith("ulimit -n ")


def test_a_range_where_outgoing_connections_live_is_named(styxy: CommandLine) -> None:
    styxy.home.mkdir(mode=0o700)
    kinds = {"service_types": {"far": {"range": [40000, 40009], "preferred_ports": [40000]}}}
    (styxy.home / "config.json").write_text(json.dumps(kinds))
    found = examine(styxy)["ephemeral"]
    assert "overlaps far 40000-40009" in found["message"]
    assert found["fix"] == "sudo sysctl -w net.ipv4.ip_local_reserved_ports=40000-40009"


def test_a_library_of_this_shell_that_is_gone_is_named(styxy: CommandLine) -> None:
    # Taken as text alone: the loader only complains of it.
    found = examine(styxy, code=1, LD_PRELOAD="/nowhere/libstyxy.so")["shell"]
    assert "/nowhere/libstyxy.so" in found["message"]
    assert found["fix"] == "unset LD_PRELOAD"


def test_a_switch_of_this_shell_is_named(styxy: CommandLine) -> None:
    found = examine(styxy, STYXY_DISABLE_REASSIGN="1")["shell"]
    assert found["fix"] == "unset STYXY_DISABLE_REASSIGN"


def test_a_variable_that_means_nothing_is_named(styxy: CommandLine) -> None:
    found = examine(styxy, STYXY_NOTIFY="bogus", STYXY_SERVICE_TYPE="nonesuch")["shell"]
    assert found["verdict"] == "warning"
    assert "STYXY_NOTIFY must be auto, stdout, stderr or off, not 'bogus'" in found["message"]
    assert "STYXY_SERVICE_TYPE names no service type: 'nonesuch'" in found["message"]
    assert found["fix"] == "unset STYXY_NOTIFY STYXY_SERVICE_TYPE"


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
    assert found["library"]["fix"].startswith("rm ")
    assert found["bind"]["verdict"] == "error"
