"""What lies on the disk, broken in every way that doctor claims to see; the fix is often done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.doctor import files
from styxy.client.doctor.examination import Examination
from tests.client.examining import apply_fix, examine, wait_for_health
from tests.commands import CommandLine
from tests.fakes import clean_environment

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["", "styxy.db", "logs/daemon.log"])
def test_others_who_could_read_the_home_are_named(stopped: CommandLine, name: str) -> None:
    path = stopped.home / name
    path.chmod(path.stat().st_mode | 0o044)
    found = examine(stopped, code=1)["home"]
    assert str(path) in found["message"]
    apply_fix(found, stopped)
    assert examine(stopped)["home"]["verdict"] == "ok"


def test_hooks_of_agents_that_need_something_are_named(styxy: CommandLine) -> None:
    home = styxy.home.parent
    styxy.env["HOME"] = str(home)
    assert examine(styxy)["agents"]["message"] == "no coding agent has hooks of Styxy"
    for name in (".claude", ".codex", ".gemini"):
        (home / name).mkdir(exist_ok=True)
    (home / ".gemini" / "settings.json").write_text("{")  # nothing of ours is in it
    styxy.run("agent", "install", "claude", "codex")
    found = examine(styxy)["agents"]
    assert (found["verdict"], found["message"]) == ("ok", "hooks of coding agents: claude, codex")
    settings, hooks = home / ".claude" / "settings.json", home / ".codex" / "hooks.json"
    settings.write_text(settings.read_text().replace('"timeout": 5', '"timeout": 50'))
    hooks.write_text(hooks.read_text().replace("{", '{"$schema": "x",', 1))
    found = examine(styxy)["agents"]
    assert found["message"] == "hooks of coding agents: claude (outdated), codex (broken)"
    assert (found["verdict"], found["fix"]) == ("warning", "styxy agent status")


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
    apply_fix(found, stopped)
    assert examine(stopped)["token"]["verdict"] == "ok"


@pytest.mark.parametrize(("name", "check"), [("auth.token", "token"), ("run/ports.map", "runtime")])
def test_a_directory_in_the_place_of_a_file_is_named_and_the_daemon_does_the_rest(
    running: CommandLine, name: str, check: str
) -> None:
    path = running.home / name
    path.unlink()
    path.mkdir()
    wait_for_health(running, lambda parts: parts["files"]["state"] == "warning")
    found = examine(running, code=1)
    assert f"cannot write {path} " in found["parts"]["message"]
    assert f"{path} is not a regular file" in found[check]["message"]
    apply_fix(found[check], running)
    wait_for_health(running, lambda parts: parts["files"]["state"] == "ok")
    found = examine(running)
    assert found[check]["verdict"] == "ok"
    assert f"{path.stem}" not in found["database"]["message"]


def test_a_token_that_is_gone_is_named(running: CommandLine) -> None:
    """As long as the daemon has not written it again, which it does within a second."""
    (running.home / "auth.token").unlink()
    pid = running.daemon_pid() or 0
    seen = Examination(Paths(running.env), running.env)
    assert seen.status is not None
    os.kill(pid, signal.SIGSTOP)
    (running.home / "auth.token").unlink(missing_ok=True)
    found = files.token(seen)
    os.kill(pid, signal.SIGCONT)
    assert (found.verdict, found.fix) == ("warning", "styxy doctor")
    wait_for_health(running, lambda _parts: (running.home / "auth.token").exists())
    assert examine(running)["token"]["verdict"] == "ok"


def test_what_was_written_again_is_told(running: CommandLine) -> None:
    (running.home / "auth.token").unlink()
    wait_for_health(running, lambda parts: "token" in parts["files"]["message"])
    done = running.run("doctor", "--json")
    assert "restored since startup: token (1)" in done.stdout


@pytest.mark.parametrize("damage", ["mode", "file"])
def test_a_socket_that_is_no_good_is_named(running: CommandLine, damage: str) -> None:
    path = running.home / "run" / ("line.sock" if damage == "file" else "styxy.sock")
    if damage == "mode":
        path.chmod(0o666)
        found = examine(running, code=1)["sockets"]
    else:
        # Not only taken away: that the daemon mends by itself within two seconds.
        path.unlink()
        path.write_text("")
        found = examine(running, code=1)["sockets"]
    apply_fix(found, running)
    assert examine(running)["sockets"]["verdict"] == "ok"


def test_a_daemon_whose_socket_is_gone_is_found(running: CommandLine) -> None:
    pid = running.daemon_pid() or 0
    os.kill(pid, signal.SIGSTOP)  # it would mend this within two seconds
    (running.home / "run" / "styxy.sock").unlink()
    found = examine(running, code=1)["alone"]
    os.kill(pid, signal.SIGCONT)
    assert "nobody can reach it" in found["message"]
    apply_fix(found, running)
    assert examine(running)["daemon"]["verdict"] == "ok"


def test_a_runtime_directory_that_others_can_use_is_named(stopped: CommandLine) -> None:
    (stopped.home / "run").chmod(0o777)
    found = examine(stopped, code=1)["runtime"]
    apply_fix(found, stopped)
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
    assert "config.json: listen_port must be a port" in found["message"]
    assert found["fix"] == "styxy config validate"


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
    apply_fix(found, stopped)
    after = examine(stopped)["database"]
    assert after["verdict"] == "warning"  # what was lost is said until somebody has dealt with it
    assert "was damaged" in after["message"]
    assert after["fix"] == examine(stopped)["leftovers"]["fix"]
    apply_fix(after, stopped)
    assert examine(stopped)["database"]["verdict"] == "ok"
    assert "was damaged" not in stopped.run("daemon", "status").stdout


def test_a_fault_of_the_configuration_is_said_once_and_in_its_place(stopped: CommandLine) -> None:
    (stopped.home / "config.json").write_text('{"zork": 1}')
    assert stopped.run("daemon", "start", "-d").returncode == 0
    found = examine(stopped, code=1)
    assert [name for name, each in found.items() if "zork" in each["message"]] == ["configuration"]
    assert found["database"]["verdict"] == "ok"


def test_what_is_left_over_is_named_and_taken_away(stopped: CommandLine) -> None:
    (stopped.home / "lib" / "0.0.1").mkdir(parents=True)
    found = examine(stopped)["leftovers"]
    assert found["verdict"] == "warning"
    apply_fix(found, stopped)
    assert examine(stopped)["leftovers"]["verdict"] == "ok"


def test_a_damaged_journal_is_put_away_and_never_deleted(stopped: CommandLine) -> None:
    (stopped.home / "styxy.db.damaged-20260101T000000.000Z").write_text("the only copy")
    (stopped.home / "backups" / "old.db.damaged").write_text("of some leases")
    found = examine(stopped)["leftovers"]
    assert found["verdict"] == "warning"
    assert "rm " not in found["fix"]
    apply_fix(found, stopped)
    assert examine(stopped)["leftovers"]["verdict"] == "ok"
    kept = {each.read_text() for each in (stopped.home / "set-aside").iterdir()}
    assert kept == {"the only copy", "of some leases"}


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
    apply_fix(found, running)
    assert examine(running)["leftovers"]["verdict"] == "ok"


def test_a_daemon_that_asks_for_no_token_is_found_and_its_fix_ends_that(
    styxy: CommandLine,
) -> None:
    styxy.env["STYXY_SKIP_AUTH"] = "1"
    told = styxy.run("daemon", "start", "-d", "--insecure-no-auth")
    assert "warning: authentication: it is off" in told.stdout
    assert "warning: authentication: it is off" in styxy.run("daemon", "status").stdout
    found = examine(styxy)["token"]
    assert (found["verdict"], found["message"][:25]) == ("warning", "authentication: it is off")
    apply_fix(found, styxy)
    assert examine(styxy)["token"]["verdict"] == "ok"
