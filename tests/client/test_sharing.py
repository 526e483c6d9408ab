"""Commands against a real daemon: singletons, cleanups, scans, and ports that come back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tests.commands import CommandLine

SERVER = """
import socket, sys
with socket.socket() as server:
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    print("up", flush=True)
    sys.stdin.read()
"""


@contextmanager
def server_on(port: int, cwd: Path) -> Iterator[int]:
    """Run a server of its own process and directory; give its pid."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", SERVER, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process.pid
        process.kill()


def project(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    (tmp_path / name / "package.json").write_text("{}")
    return tmp_path / name


def the_row(styxy: CommandLine, port: int) -> dict[str, Any]:
    rows: Any = styxy.json("scan", "-s", str(port), "-e", str(port))["ports_in_use"]
    (row,) = rows
    assert isinstance(row, dict)
    return row


def port_of(styxy: CommandLine, *words: str, cwd: Path | None = None) -> int:
    done = styxy.run("allocate", *words, cwd=cwd)
    assert done.returncode == 0, done
    return int(done.stdout.splitlines()[0])


def test_a_second_agent_attaches_to_the_one_that_runs(styxy: CommandLine, tmp_path: Path) -> None:
    none = styxy.run("use", "ai")
    assert (none.returncode, none.stdout) == (1, "")
    assert "no ai singleton is running" in none.stderr
    first = styxy.json("allocate", "-s", "ai", "--instance", "agent-1", "--pid", str(os.getpid()))
    assert styxy.run("use", "ai").stdout == f"{first['port']}\n"
    shared = styxy.json("allocate", "-s", "ai", "--instance", "agent-2")
    assert {name: shared[name] for name in ("success", "existing", "port", "lock_id")} == {
        "success": True,
        "existing": True,
        "port": first["port"],
        "lock_id": first["lock_id"],
    }
    assert (shared["existing_instance_id"], shared["existing_pid"]) == ("agent-1", os.getpid())
    assert f"runs on port {first['port']}; use that one: styxy use ai" in str(shared["message"])
    by_port = styxy.run("use", "--port", str(first["port"]))
    assert (by_port.returncode, by_port.stdout) == (0, f"{first['port']}\n")
    styxy.run("release", str(first["lock_id"]))
    assert styxy.run("use", "ai").returncode == 1
    assert styxy.json("use", "dev", code=1)["code"] == "not_found"


def test_a_named_port_that_a_stranger_uses_is_handed_out_with_a_warning(
    styxy: CommandLine, tmp_path: Path
) -> None:
    ours, theirs = project(tmp_path, "ours"), project(tmp_path, "theirs")
    words = ("-s", "test", "-n", "web")
    port = port_of(styxy, *words, cwd=ours)
    with server_on(port, theirs) as pid:
        done = styxy.run("allocate", *words, "--env", "PORT", cwd=ours)
        assert done.stdout == f"export PORT={port}\n"
        assert done.stderr.startswith(f"styxy: port {port} is yours, but ")
        assert done.stderr.endswith(
            f"(pid {pid}) of {theirs} is listening there; see: styxy who {port}\n"
        )


def test_a_program_of_a_misspelled_type_is_not_run_and_told_what_to_type(
    styxy: CommandLine,
) -> None:
    styxy.run("list")  # where a daemon takes long to start, the program runs without
    done = styxy.run("run", "-s", "devv", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "styxy: unknown service type 'devv'; did you mean 'dev'? try: styxy run -s dev -- CMD; "
    )
    assert done.stderr.endswith("to create it: styxy run -s devv --yes -- CMD\n")
    assert "(after)" not in done.stderr + styxy.run("allocate", "-s", "devv").stderr
    again = styxy.run("run", "-s", "devv", "--yes", "--", "echo", "ran")
    assert again.stdout == "ran\n"
    assert "New service type 'devv' auto-configured: " in again.stderr


def test_a_forced_cleanup_leaves_no_ghost_of_a_singleton(styxy: CommandLine) -> None:
    first = styxy.json("allocate", "-s", "ai", "--pid", str(os.getpid()))
    port_of(styxy, "-s", "test")
    gentle = styxy.run("cleanup")
    assert gentle.stdout.startswith("Nothing to clean up")
    forced = styxy.run("cleanup", "-f")
    assert forced.stdout.startswith("Released 2 leases: ")
    assert f"  {first['port']}  ai" in forced.stdout
    assert styxy.run("use", "ai").returncode == 1
    fresh = styxy.json("allocate", "-s", "ai")
    assert "existing" not in fresh
    assert fresh["lock_id"] != first["lock_id"]


def test_a_forced_cleanup_leaves_a_server_alone(styxy: CommandLine, tmp_path: Path) -> None:
    port = port_of(styxy, "-s", "test")
    with server_on(port, tmp_path):
        assert styxy.json("cleanup", "-f", "--all", "--yes")["released"] == []
        assert styxy.run("check", str(port)).returncode == 1


def test_scan_shows_leases_and_listeners_of_a_range(styxy: CommandLine, tmp_path: Path) -> None:
    home = project(tmp_path, "shop")
    leased = port_of(styxy, "-s", "test", cwd=home)
    bounds = ["-s", str(leased), "-e", str(leased)]
    with server_on(leased, home) as pid:
        row = the_row(styxy, leased)
        assert row["system_usage"]["pid"] == pid
        assert row["system_usage"]["project"] == row["allocated_to"]["project_path"] == str(home)
        _title, line = styxy.run("scan", *bounds).stdout.splitlines()
        assert line.split()[:3] == [str(leased), "tcp", "test"]
        assert line.endswith(str(home))
    backwards = styxy.run("scan", "-s", "4000", "-e", "3000")
    assert (backwards.returncode, backwards.stdout) == (2, "")
    assert "4000-3000" in backwards.stderr


def test_a_port_comes_back_after_restarts_of_program_and_daemon(
    styxy: CommandLine, tmp_path: Path
) -> None:
    one, two = project(tmp_path, "one"), project(tmp_path, "two")
    words = ["-s", "test", "-n", "web"]
    ports = {where: port_of(styxy, *words, cwd=where) for where in (one, two)}
    assert ports[one] != ports[two]
    styxy.run("cleanup", "-f")
    styxy.run("daemon", "restart")
    assert port_of(styxy, *words, cwd=two) == ports[two]
    styxy.run("cleanup", "-f")
    styxy.kill_daemon()
    assert port_of(styxy, *words, cwd=one) == ports[one]


def test_the_leases_of_a_deleted_project_can_be_listed(styxy: CommandLine, tmp_path: Path) -> None:
    home = project(tmp_path, "shop")
    (home / "src").mkdir()
    port = port_of(styxy, "-s", "test", cwd=home / "src")
    assert str(port) in styxy.run("list", "--project", str(home / "src")).stdout
    shutil.rmtree(home)
    assert str(port) in styxy.run("list", "--project", str(home)).stdout


def test_instances_are_listed(styxy: CommandLine) -> None:
    assert styxy.run("instances").stdout == "no instances are registered\n"
    assert styxy.json("instances") == {"instances": [], "session_processes": []}


def test_a_busy_port_of_no_lease_is_seen(styxy: CommandLine) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        row = the_row(styxy, port)
    assert (row["port"], row["allocated_to"]) == (port, None)
    assert row["system_usage"]["pid"] == os.getpid()


# --- named leases, and what a run gets -----------------------------------------------------------

PRINT_PORT = [sys.executable, "-c", "import os; print(os.environ['PORT'])"]


@contextmanager
def running(styxy: CommandLine, *words: str) -> Iterator[int]:
    """Run a program that prints its PORT and waits; give that port."""
    program = "import os, sys; print(os.environ['PORT'], flush=True); sys.stdin.read()"
    command = ["run", *words, "--", sys.executable, "-c", program]
    with styxy.start(*command, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate()


def test_shells_that_ask_for_a_named_port_get_the_same(styxy: CommandLine) -> None:
    words = ["allocate", "-s", "test", "-n", "web", "--env", "PORT"]
    assert len({styxy.run(*words).stdout for _ in range(3)}) == 1
    assert "is already yours" in styxy.run(*words[:-2]).stdout
    other = styxy.run(*words, "--new").stdout
    assert other != styxy.run(*words).stdout


def test_another_port_than_the_preferred_one_is_said(styxy: CommandLine) -> None:
    port = port_of(styxy, "-s", "test", "-n", "web", "-p", "9250")
    again = styxy.run("allocate", "-s", "test", "-n", "web", "-p", "9251", "--env", "PORT")
    assert again.stdout == f"export PORT={port}\n"
    assert again.stderr == "styxy: port 9250, not 9251: this service has port 9250\n"
    taken = styxy.run("run", "-s", "test", "-p", "9250", "--", *PRINT_PORT)
    assert taken.returncode == 0
    assert f"port {taken.stdout.strip()}, not 9250: leased to web (test)" in taken.stderr


def test_a_run_takes_over_an_unused_lease_and_gives_it_back(styxy: CommandLine) -> None:
    port = port_of(styxy, "-s", "test", "-n", "web")
    with running(styxy, "-s", "test", "-n", "web") as first:
        with running(styxy, "-s", "test", "-n", "web") as second:
            assert (first, second != first) == (port, True)
        assert port_of(styxy, "-s", "test", "-n", "web") == port
    styxy.run("cleanup")
    (lease,) = cast(list[dict[str, object]], styxy.json("list")["allocations"])
    assert (lease["port"], lease["state"], lease["pid"]) == (port, "reserved", None)


def test_a_program_of_a_singleton_that_runs_is_not_run_again(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    with running(styxy, "-s", "ai", "-n", "rag") as port:
        again = styxy.run("run", "-s", "ai", "-n", "rag", "--", "echo", "started")
        assert (again.returncode, again.stdout) == (1, "")
        assert "rag (pid " in again.stderr
        assert f"runs on port {port}; use that one: styxy use ai" in again.stderr
    assert styxy.run("run", "-s", "ai", "-n", "rag", "--", "echo", "started").stdout == "started\n"


def test_a_misspelled_type_is_refused_and_a_made_one_announced(styxy: CommandLine) -> None:
    typo = styxy.run("allocate", "-s", "devv")
    assert (typo.returncode, typo.stdout) == (1, "")
    assert "did you mean 'dev'?" in typo.stderr
    for words in (["allocate", "-s", "devv", "--yes"], ["run", "-s", "grafana", "--", "true"]):
        made = styxy.run(*words)
        assert made.returncode == 0
        assert f"New service type '{words[2]}' auto-configured: " in made.stderr
        assert f"styxy config undo-auto {words[2]}" in made.stderr


def test_the_lease_of_another_project_is_not_released(styxy: CommandLine, tmp_path: Path) -> None:
    one, two = project(tmp_path, "one"), project(tmp_path, "two")
    port = port_of(styxy, "-s", "test", cwd=one)
    refused = styxy.run("release", "--port", str(port), cwd=two)
    assert refused.returncode == 1
    assert f"of {one}" in refused.stderr
    assert styxy.run("cleanup", "-f", cwd=two).stdout.startswith("Nothing to clean up")
    assert styxy.run("release", "--port", str(port), "--force", cwd=two).returncode == 0
