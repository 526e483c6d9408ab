"""wait: real servers in two projects, moved ones, strangers', and none.

Also tests `waiting`.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.client.cli.commands.test_who import server
from tests.commands import LONGEST, CommandLine
from tests.fakes import free_port
from tests.native.guest import library


@pytest.fixture
def projects(tmp_path: Path) -> tuple[Path, Path]:
    """Two projects side by side."""
    for name in ("shop", "blog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "package.json").write_text("{}")
    return tmp_path / "shop", tmp_path / "blog"


def test_a_server_that_is_up_ends_the_wait(styxy: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    with server(port, cwd=tmp_path) as process:
        done = styxy.run("wait", str(port))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{port} is up: ")
    assert f"pid {process.pid}" in done.stdout
    assert styxy.daemon_pid() is None  # nothing was started for it


def test_a_server_that_comes_up_later_is_waited_for(styxy: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    with styxy.start("wait", str(port), "--json", cwd=tmp_path) as waiting:
        with server(port, cwd=tmp_path) as process:
            out, _ = waiting.communicate(timeout=LONGEST)
    told = json.loads(out)
    assert (waiting.returncode, told["up"], told["answers_at"]) == (0, True, port)
    assert (told["pid"], told["project"]) == (process.pid, str(tmp_path))


def test_what_does_not_come_is_said(styxy: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    done = styxy.run("wait", str(port), "--timeout", "0.1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"styxy: nothing is listening on {port} after 0.1")
    told = styxy.json("wait", str(port), "--timeout", "0", code=1)
    assert (told["up"], told["answers_at"]) == (False, None)


def test_the_server_of_another_project_is_named(
    styxy: CommandLine, projects: tuple[Path, Path]
) -> None:
    shop, blog = projects
    port = free_port()
    with server(port, cwd=blog) as process:
        words = ("wait", str(port), "--owner", "here", "--timeout", "0.1")
        done = styxy.run(*words, cwd=shop)
        assert styxy.run(*words, cwd=blog).returncode == 0
        assert styxy.run(*words[:2], cwd=shop).returncode == 0
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"belongs to {blog} " in done.stderr
    assert f"pid {process.pid}), not to {shop};" in done.stderr


def test_a_moved_server_of_this_project_is_found_where_it_is(
    styxy: CommandLine, projects: tuple[Path, Path]
) -> None:
    shop, blog = projects
    port = free_port()
    assert styxy.run("daemon", "start", "-d").returncode == 0
    env = {**styxy.env, "LD_PRELOAD": str(library()), "STYXY_NOTIFY": "off"}
    words = ("wait", str(port), "--owner", "here", "--json")
    with server(port, cwd=blog), styxy.start(*words, cwd=shop) as waiting:
        with server(port, cwd=shop, env=env) as process:
            out, _ = waiting.communicate(timeout=LONGEST)
            shown = styxy.run(*words[:-1], cwd=shop).stdout
    told = json.loads(out)
    assert (waiting.returncode, told["own"], told["pid"]) == (0, True, process.pid)
    assert told["answers_at"] != port
    assert shown.startswith(f"{port} is up, moved to port {told['answers_at']}")


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_ones_own_server_is_found_where_it_was_moved_when_the_daemon_is_gone(
    styxy: CommandLine, projects: tuple[Path, Path], end: str
) -> None:
    shop, blog = projects
    port = free_port()
    assert styxy.run("daemon", "start", "-d").returncode == 0
    env = {**styxy.env, "LD_PRELOAD": str(library()), "STYXY_NOTIFY": "off"}
    words = ("wait", str(port), "--owner", "here", "--json")
    with server(port, cwd=blog), server(port, cwd=shop, env=env) as process:
        before = json.loads(styxy.run(*words, cwd=shop).stdout)
        if end == "stopped":
            assert styxy.run("daemon", "stop").returncode == 0
        else:
            styxy.kill_daemon()
        after = json.loads(styxy.run(*words, cwd=shop).stdout)
    assert (after["own"], after["pid"]) == (True, process.pid)
    assert after["answers_at"] == before["answers_at"] != port


def test_a_daemon_that_hangs_stretches_no_wait(
    styxy: CommandLine, projects: tuple[Path, Path]
) -> None:
    shop, blog = projects
    port = free_port()
    assert styxy.run("daemon", "start", "-d").returncode == 0
    words = ("wait", str(port), "--owner", "here", "--timeout", "0.1", "--json")
    os.kill(styxy.daemon_pid() or 0, signal.SIGSTOP)
    with server(port, cwd=blog):
        done = styxy.run(*words, cwd=shop)
    styxy.kill_daemon()
    assert done.returncode == 1
    assert json.loads(done.stdout)["waited"] < 2  # which other commands give it


def test_a_stranger_alone_is_not_waited_for_long(
    styxy: CommandLine, projects: tuple[Path, Path]
) -> None:
    shop, blog = projects
    port = free_port()
    with server(port, cwd=blog):
        done = styxy.run("wait", str(port), "--owner", "here", "--json", cwd=shop)
    assert done.returncode == 1
    assert 5 <= json.loads(done.stdout)["waited"] < 15


def test_an_interrupt_ends_it_without_a_word(styxy: CommandLine, tmp_path: Path) -> None:
    with styxy.start("wait", str(free_port()), cwd=tmp_path) as waiting:
        # It waits when it sleeps with its netlink socket; it only tries one before.
        while not (_is_asleep(waiting.pid) and any("socket:" in s for s in _links(waiting.pid))):
            assert waiting.poll() is None
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=LONGEST)
    assert (waiting.returncode, out, err) == (130, "", "")


def _is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")


def _links(pid: int) -> list[str]:
    try:
        return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


@pytest.mark.parametrize("timeout", ["soon", "-1", "nan", "1e9"])
def test_a_time_that_makes_no_sense_is_refused(styxy: CommandLine, timeout: str) -> None:
    done = styxy.run("wait", "3000", f"--timeout={timeout}")
    assert done.returncode == 2
    assert "is not a number of seconds" in done.stderr
