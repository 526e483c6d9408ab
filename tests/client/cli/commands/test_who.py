"""who: real servers in real worktrees, and the story that is told of them.

Also tests `daemon_view`, `listeners` and `who_text`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.adapters.kernel import has_ipv6
from styxy.adapters.processes import Processes
from tests.commands import CommandLine
from tests.daemon import wait_until
from tests.fakes import FakeDaemon, free_port
from tests.native.guest import library

SERVE = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def server(
    port: int, *words: str, cwd: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a server, below the launchers in `words`, as a job of its own."""
    with subprocess.Popen(
        [*words, sys.executable, "-c", SERVE, str(port)],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repo with a linked worktree beside it."""
    where, who = tmp_path / "repo", ("-c", "user.email=a@b", "-c", "user.name=a")
    for words in (
        ("init", "-q", "-b", "main", str(where)),
        ("-C", str(where), *who, "commit", "-q", "--allow-empty", "-m", "x"),
        ("-C", str(where), "worktree", "add", "-q", "-b", "feature", str(tmp_path / "linked")),
    ):
        subprocess.run(["git", *words], check=True)
    return where


def report(styxy: CommandLine, port: int, *, code: int = 0, cwd: Path) -> dict[str, object]:
    done = styxy.run("who", str(port), "--json", cwd=cwd)
    assert done.returncode == code, done
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def only(found: object) -> dict[str, object]:
    assert isinstance(found, list)
    (one,) = found
    assert isinstance(one, dict)
    return one


def test_a_free_port_is_said_to_be_free(attached: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    assert report(attached, port, code=1, cwd=tmp_path)["is_free"] is True
    done = attached.run("who", str(port))
    assert (done.returncode, done.stdout) == (1, f"{port} is free\n")


def test_the_daemon_is_told_as_what_it_is(styxy: CommandLine, repo: Path, tmp_path: Path) -> None:
    styxy.run("daemon", "start", "-d")
    own = only(report(styxy, styxy.port, cwd=repo)["servers"])
    assert (own["relation"], own["caution"]) == ("daemon", None)
    assert own["meaning"] == "a Styxy daemon, which serves every project of its home"
    assert only(own["stop"])["command"] == "styxy daemon stop"
    other = CommandLine(tmp_path / "another-home")
    there = only(report(other, styxy.port, cwd=repo)["servers"])
    assert only(there["stop"])["command"] == f"STYXY_HOME={styxy.home} styxy daemon stop"
    other.run("daemon", "stop")


def test_the_server_of_another_worktree_is_told_with_all_that_it_means(
    attached: CommandLine, repo: Path
) -> None:
    linked, port = repo.parent / "linked", free_port()
    with server(port, cwd=linked) as process:
        told = only(report(attached, port, cwd=repo)["servers"])
        text = attached.run("who", str(port), cwd=repo).stdout
    assert (told["pid"], told["relation"], told["project"]) == (process.pid, "sibling", str(linked))
    assert told["worktree"] == {
        "path": str(linked),
        "branch": "feature",
        "is_linked": True,
        "repo": str(repo),
    }
    assert "ECONNREFUSED" in str(told["meaning"])
    assert f"feature, a linked worktree of {repo}" in text
    assert "leave it" in text


def test_the_top_of_the_tree_is_what_is_stopped(attached: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    shell = ("sh", "-c", '"$@"; true', "sh")
    with server(port, "env", *shell, cwd=tmp_path) as top:
        told = only(report(attached, port, cwd=tmp_path)["servers"])
        tree = told["tree"]
        assert isinstance(tree, list)
        parts = [process["pid"] for process in tree if process["is_part"]]
        assert parts[0] == top.pid
        assert told["pid"] == parts[-1] != top.pid
        stop = only(told["stop"])
        _, *words = str(stop["command"]).split()
        assert attached.run(*words, cwd=tmp_path).returncode == 0
        assert top.wait(10) != 0
        served = int(str(told["pid"]))
        wait_until(lambda: Processes().holder(served) is None)


def test_a_promise_is_told_with_the_way_to_end_it(attached: CommandLine, tmp_path: Path) -> None:
    lease = attached.json("allocate", "-s", "dev", "-n", "web")
    told = report(attached, int(str(lease["port"])), cwd=tmp_path)
    assert only([told["lease"]])["service_name"] == "web"
    assert only(told["stop"])["command"] == f"styxy release {lease['lock_id']}"
    assert "nothing is listening" in str(told["summary"])


def test_a_moved_server_is_told_at_both_ports(styxy: CommandLine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        asked = busy.getsockname()[1]
        styxy.run("daemon", "start", "-d")
        env = {**styxy.env, "LD_PRELOAD": str(library()), "STYXY_NOTIFY": "off"}
        with server(asked, cwd=tmp_path, env=env) as process:
            there = report(styxy, asked, cwd=tmp_path)
            move = only(there["moved"])
            here = report(styxy, int(str(move["port"])), cwd=tmp_path)
            text = styxy.run("who", str(move["port"]), cwd=tmp_path).stdout
    assert (move["is_own"], move["pid"]) == (True, process.pid)
    assert f"reaches this project's own {move['port']}" in str(only(there["servers"])["meaning"])
    assert here["asked"] == asked
    assert f"asked for  {asked}; it was moved here" in text


@pytest.mark.skipif(not has_ipv6(), reason="there is no ::1 here")
def test_two_servers_on_one_number_are_two(attached: CommandLine, tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as ours:
        port = ours.getsockname()[1]
        with server(port, cwd=tmp_path) as process:
            servers = report(attached, port, cwd=tmp_path)["servers"]
            text = attached.run("who", str(port), cwd=tmp_path).stdout
    assert isinstance(servers, list)
    assert {each["pid"]: each["addresses"] for each in servers} == {
        os.getpid(): ["::1"],
        process.pid: ["127.0.0.1"],
    }
    assert "on ::1" in text


def test_without_a_daemon_the_kernel_is_told_and_leases_are_unknown(
    styxy: CommandLine, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = styxy.run("who", str(port), "--no-start", cwd=tmp_path)
        told = json.loads(styxy.run("who", str(port), "--no-start", "--json").stdout)
    assert done.returncode == 0
    assert "leases     unknown: no daemon is running" in done.stdout
    assert told["leases_known"] is False
    assert only(told["servers"])["pid"] == os.getpid()
    assert styxy.run("who", str(free_port()), "--no-start").returncode == 1
    assert styxy.daemon_pid() is None


def test_a_published_port_is_told_with_its_container(styxy: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    listed = [
        {
            "Id": "c" * 64,
            "Names": ["/shop-web-1"],
            "Image": "nginx:1",
            "Ports": [{"PublicPort": port, "PrivatePort": 80, "Type": "tcp"}],
            "Labels": {
                "com.docker.compose.project": "shop",
                "com.docker.compose.service": "web",
            },
        }
    ]
    answer = b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(listed).encode()
    with FakeDaemon(tmp_path / "engine", lambda *_: answer):
        styxy.env["DOCKER_HOST"] = f"unix://{tmp_path}/engine"
        done = styxy.run("who", str(port))
    assert done.returncode == 0
    assert done.stdout.startswith(f"{port} is in use by shop-web-1\n")
    assert "compose project shop, service web" in done.stdout
    assert "docker compose -p shop stop web" in done.stdout


def test_a_directory_that_is_gone_is_no_obstacle(styxy: CommandLine, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = styxy.start("who", str(listener.getsockname()[1]), "--no-start", cwd=gone)
        gone.rmdir()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "is in use by" in out
