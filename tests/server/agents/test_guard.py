"""Kills that an agent wants to run, judged against real processes.

Tests `victims`, `selection` and `occupants`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.adapters.processes import Processes
from tests.agent import SERVER, Agent
from tests.daemon import Daemon
from tests.fakes import free_port


@contextlib.contextmanager
def running(code: str, *arguments: str, cwd: Path) -> Iterator[int]:
    """Run a program of no session until the end of the block; return its pid once it says so."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


CLIENT = """
import socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(1, flush=True)
client.recv(1)
"""


KILLS = (
    "kill {pid}",
    "kill -9 {pid}",
    "kill -s TERM {pid}",
    "sudo kill {pid}",
    "kill $(lsof -ti:{port})",
    "kill -9 $(lsof -t -i :{port} -sTCP:LISTEN)",
    "lsof -ti:{port} | xargs kill -9",
    "lsof -ti tcp:{port} | xargs -r kill",
    "fuser -k {port}/tcp",
    "npx kill-port {port}",
    "npx fkill-cli :{port}",
    "for p in {port} 1; do fuser -k $p/tcp; done",
    "P={port}; kill $(lsof -ti:$P)",
    "cd /tmp && (kill {pid}; true)",
    "bash -c 'kill -9 {pid}'",
    "kill $(cat server.pid)",
    "pkill -F server.pid",
    "pkill -f 'signal.pause.*{port}'",
    "pkill -fi 'SIGNAL.pause.*{port}'",
    "pkill -f -x '.*signal.pause.*{port}'",
    "kill $(pgrep -f {port})",
    "ps aux | grep {port} | grep -v grep | awk '{{print $2}}' | xargs kill",
)


@pytest.mark.parametrize("kill", KILLS)
def test_a_kill_of_another_projects_server_is_denied(kill: str, shop: Agent, blog: Agent) -> None:
    port = free_port()
    pid = blog.start_server(port)
    (shop.project / "server.pid").write_text(f"{pid}\n")
    said = shop.wants_to_run(kill.format(pid=pid, port=port))
    assert said.startswith("Not run: this would end "), said
    assert f"(pid {pid})" in said
    assert str(blog.project) in said
    assert f"on port {port}" in said


@pytest.mark.parametrize("kill", KILLS)
def test_a_kill_of_a_server_of_its_own_is_let_through(kill: str, shop: Agent) -> None:
    port = free_port()
    pid = shop.start_server(port)
    (shop.project / "server.pid").write_text(f"{pid}\n")
    assert shop.wants_to_run(kill.format(pid=pid, port=port)) == ""


OTHER_WORDS = (
    "find . -maxdepth 0 -exec kill {pid} \\;",
    "find . -name server.pid -exec sh -c 'kill $(cat \"$1\")' _ {{}} \\;",
    "find . -name '*.pid' | xargs cat | xargs kill",
    "echo {pid} | xargs sh -c 'kill $0'",
    "echo kill {pid} | xargs -I% sh -c %",
    "sudo nsenter -t 1 -a kill {pid}",
    "$(which kill) {pid}",
    '"$(command -v kill)" -9 {pid}',
    "printf 'kill %s\\n' {pid} | bash",
    "echo kill {pid} | sh",
    "echo kill {pid} > x.sh; sh x.sh",
    "awk 'BEGIN {{ system(\"kill {pid}\") }}'",
    "lsof -ti:{port} | awk '{{system(\"kill \" $1)}}'",
    "echo 'kill {pid}' | at now",
    "pkill -P {parent}",
    "kill $(pgrep -P {parent})",
    "ps --ppid {parent} -o pid= | xargs kill",
    "pkill -P {parent} -f {port}",
    "pkill -u {user} -f {port}",
    "pkill -s {session} -f {port}",
    "pkill -s 0 -f {port}",
    "pkill -g {group} -f {port}",
    "kill -- -$(ps -o pgid= {pid})",
    "python3 -c 'import psutil; psutil.Process({pid}).kill()'",
    "cat > f <<'EOF'\n{data}\nEOF\nkill {pid}",
)


def facts(agent: Agent, pid: int, port: int) -> dict[str, object]:
    """What a line can name a server of an agent by."""
    (agent.project / "server.pid").write_text(f"{pid}\n")
    return {
        "pid": pid, "port": port, "parent": agent.process.pid, "user": os.getuid(),
        "session": os.getsid(pid), "group": os.getpgid(pid), "data": "kill me\n" * 9000,
    }  # fmt: skip


def test_a_kill_in_other_words_is_denied(shop: Agent, blog: Agent) -> None:
    port = free_port()
    named = facts(blog, blog.start_server(port), port)
    (shop.project / "server.pid").write_text(f"{named['pid']}\n")
    said = {line: shop.wants_to_run(line.format(**named)) for line in OTHER_WORDS}
    assert {line for line in said if not said[line].startswith("Not run: this would end ")} == set()


def test_a_kill_of_its_own_in_other_words_is_let_through(shop: Agent) -> None:
    port = free_port()
    named = facts(shop, shop.start_server(port), port)
    of_group = "kill -- -$(ps -o pgid= {pid})"  # the agent's own, in this test
    said = {line: shop.wants_to_run(line.format(**named)) for line in OTHER_WORDS}
    assert {line for line in said if said[line]} - {of_group} == set()


def idle_user() -> str:
    """A user of whom nothing runs."""
    processes = Processes()
    busy = {processes.uid(pid) for pid in processes.pids()}
    return next(each.pw_name for each in pwd.getpwall() if each.pw_uid not in busy)


def test_who_does_not_meet_a_condition_is_let_live(shop: Agent, blog: Agent) -> None:
    port = free_port()
    named = {**facts(blog, blog.start_server(port), port), "idle": idle_user()}
    lines = (
        "pkill -u {idle}", "killall -u {idle}", "pkill -u {idle} -f {port}", "pkill -t pts/none",
        "pkill -P {pid}", "pkill -P {pid} -f {port}", "pkill -s {pid} -f {port}",
        "pkill -g {pid} -f {port}", "kill -- -{pid}", "kill -9 -{pid}", "pkill -u no-such-user",
        "ps -u {idle} -o pid= | xargs kill", "cat > f <<'EOF'\n{data}kill {pid}\nEOF",
    )  # fmt: skip
    said = {line: shop.wants_to_run(line.format(**named)) for line in lines}
    assert {line: text for line, text in said.items() if text} == {}


@pytest.mark.parametrize(
    "line",
    [
        "kill -0 {pid}",
        "kill -l",
        "echo kill {pid}",
        "git commit -m 'kill {pid}'",
        "grep -rn 'pkill -f {port}' .",
        "lsof -ti:{port}",
        "sleep 60 & PID=$!; kill $PID",
        "python3 app.py & kill %1",
        "kill $(jobs -p)",
        "tmux kill-session -t dev",
        "adb kill-server",
        "pkill -f there-is-no-such-process-{port}",
        "kill -9 $(lsof -ti:1)",
        "kill 999999999",
        "cat notes; # kill {pid}",
    ],
)
def test_what_ends_no_server_of_others_is_let_through(line: str, shop: Agent, blog: Agent) -> None:
    port = free_port()
    pid = blog.start_server(port)
    assert shop.wants_to_run(line.format(pid=pid, port=port)) == ""


def test_a_server_of_another_live_session_of_the_same_project_is_foreign(
    daemon: Daemon, shop: Agent
) -> None:
    with Agent(daemon, shop.project, agent="codex", session="other") as other:
        other.says("SessionStart")
        port = free_port()
        pid = other.start_server(port)
        said = shop.wants_to_run(f"kill {pid}")
        assert "of another agent session (codex other-" in said
        other.says("SessionEnd")
        assert (
            shop.wants_to_run(f"kill {pid}") == ""
        )  # it has ended, and its server is the project's


def test_a_server_that_somebody_started_in_a_terminal_is_the_projects(shop: Agent) -> None:
    with running(SERVER, str(free_port()), cwd=shop.project) as pid:
        assert shop.wants_to_run(f"kill {pid}") == ""


@pytest.mark.parametrize("kill", ["kill -9 {agent}", "kill $PPID", "kill -9 -1", "kill {parent}"])
def test_the_agent_itself_is_protected(kill: str, shop: Agent) -> None:
    said = shop.wants_to_run(kill.format(agent=shop.process.pid, parent=os.getpid()))
    assert said.startswith("Not run: this would end "), said
    assert "which runs this session" in said or "Styxy daemon" in said


def test_the_daemon_is_protected(daemon: Daemon, shop: Agent) -> None:
    assert "styxy daemon stop" in shop.wants_to_run(f"kill {daemon.process.pid}")


def test_a_client_of_its_own_server_is_not_ended_with_it(shop: Agent, tmp_path: Path) -> None:
    port = free_port()
    shop.start_server(port)
    with running(CLIENT, str(port), cwd=tmp_path) as pid:
        said = shop.wants_to_run(f"kill -9 $(lsof -ti:{port})")
        assert f"(pid {pid})" in said
        assert said.endswith(f"styxy stop {port}")
        assert shop.wants_to_run(f"kill -9 $(lsof -ti:{port} -sTCP:LISTEN)") == ""


SERVER_AND_CLIENT = SERVER.replace(
    "print(", "client = socket.create_connection(('127.0.0.1', int(sys.argv[2]))); print("
)


def test_a_client_that_serves_others_is_a_server(shop: Agent, blog: Agent) -> None:
    port, api = free_port(), free_port()
    shop.start_server(port)
    with running(SERVER_AND_CLIENT, str(api), str(port), cwd=blog.project) as pid:
        said = shop.wants_to_run(f"kill -9 $(lsof -ti:{port})")
        assert f"(pid {pid}) of {blog.project}" in said
        assert f"on port {api}" in said
        assert said.endswith(f"styxy stop {port}")


def test_a_launcher_counts_as_the_server_that_it_launched(shop: Agent, blog: Agent) -> None:
    command = ("timeout", "600", sys.executable, "-I", "-c", SERVER, str(free_port()))
    with subprocess.Popen(command, cwd=blog.project, stdout=subprocess.PIPE) as launcher:
        try:
            assert launcher.stdout is not None
            pid = int(launcher.stdout.readline())
            assert pid != launcher.pid
            assert f"(pid {pid}) of {blog.project}" in shop.wants_to_run(f"kill {launcher.pid}")
        finally:
            launcher.terminate()


def test_a_group_is_judged_by_its_members(shop: Agent) -> None:
    with running(SERVER, str(free_port()), cwd=Path("/")) as pid:
        assert f"(pid {pid})" in shop.wants_to_run(f"kill -- -{pid}")


@pytest.mark.parametrize(
    "kill",
    ["xargs kill < pids", "cd run && kill $(cat app.pid)", "kill -- -$(cat run/app.pid)",
     "npm run stop", "cat pids | xargs kill", "cat run/*.pid | xargs kill"],
)  # fmt: skip
def test_every_process_that_a_file_names_is_found(kill: str, shop: Agent) -> None:
    (shop.project / "package.json").write_text('{"scripts": {"stop": "kill `cat run/app.pid`"}}')
    (shop.project / "run").mkdir()
    with running(SERVER, str(free_port()), cwd=Path("/")) as pid:
        (shop.project / "run" / "app.pid").write_text(f"{pid}\n")
        (shop.project / "pids").write_text(f"99999999\n{pid}\n")
        assert f"(pid {pid})" in shop.wants_to_run(kill)


def test_a_name_at_the_end_of_a_long_command_line_is_found(shop: Agent) -> None:
    arguments = ("x" * 30_000, "com.example.Main")
    with running(SERVER, str(free_port()), *arguments, cwd=Path("/")) as pid:
        assert f"(pid {pid})" in shop.wants_to_run("pkill -f com.example.Main")


MANY = """
import signal, socket
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(40)]
print(1, flush=True)
signal.pause()
"""


def test_of_many_servers_of_others_enough_are_judged(shop: Agent, blog: Agent) -> None:
    with running(MANY, cwd=blog.project) as pid:
        said = shop.wants_to_run(f"kill {pid}")
        assert said.count(f"(pid {pid})") == 3
        assert "; at least 7 more servers" in said


def test_a_long_file_names_nobody_by_its_cut_end(shop: Agent) -> None:
    with running(SERVER, str(free_port()), cwd=Path("/")) as pid:
        text = ("0 " * 512)[: 1024 - len(str(pid))] + f"{pid}0"
        (shop.project / "pids").write_text(text)
        assert shop.wants_to_run("kill $(cat pids)") == ""


@pytest.mark.parametrize(
    ("kill", "is_denied"),
    [("kill -- -$(ps -o pgid= {worker})", True), ("kill -- -$(ps -o pgid= -p {worker})", True),
     ("killall -r '^serv.*'", True), ("killall -I SERVE-IT", True), ("killall SERVE-IT", False),
     ("pkill -x serve-it", True), ("pkill -x erve-it", False), ("pkill -ix SERVE-IT", True),
     ("ps ax | grep 'nobody\\|serve-it' | awk '{{print $1}}' | xargs kill", True),
     ("ps ax | grep -F 'nobody\\|serve-it' | awk '{{print $1}}' | xargs kill", False)],
)  # fmt: skip
def test_processes_are_selected_as_their_tools_select_them(
    kill: str, is_denied: bool, shop: Agent, tmp_path: Path
) -> None:
    program = tmp_path / "serve-it"
    program.symlink_to(sys.executable)
    script = f"sleep 999 & echo $!; exec {program} -I -c '{SERVER}' {free_port()}"
    with subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, cwd="/", text=True, start_new_session=True
    ) as server:
        try:
            assert server.stdout is not None
            worker, pid = (int(server.stdout.readline()) for _ in range(2))
            assert (f"(pid {pid})" in shop.wants_to_run(kill.format(worker=worker))) == is_denied
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def test_a_pid_file_that_is_no_file_hangs_nobody(shop: Agent) -> None:
    fifo = shop.project / "server.pid"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    assert shop.wants_to_run("kill $(cat server.pid)") == ""


def test_the_guard_can_warn_or_be_switched_off(daemon: Daemon, shop: Agent, blog: Agent) -> None:
    pid = blog.start_server(free_port())
    for guard, begin in (("warn", "Careful: this would end"), ("off", ""), ("deny", "Not run:")):
        daemon.call("PATCH", "/config", {"changes": {"agents": {"guard": guard}}})
        said = shop.wants_to_run(f"kill {pid}")
        assert said.startswith(begin)
        assert bool(said) == bool(begin)


def test_a_reservation_of_another_project_counts_with_its_holder(
    daemon: Daemon, shop: Agent, blog: Agent
) -> None:
    waiting = "import signal; print(1, flush=True); signal.pause()"
    with running(waiting, cwd=blog.project) as pid:
        daemon.allocate(pid=pid, project_path=str(blog.project), service_name="web")
        assert str(blog.project) in shop.wants_to_run(f"kill {pid}")


def test_a_udp_server_counts(shop: Agent, blog: Agent) -> None:
    port = free_port()
    code = SERVER.replace(
        'socket.create_server(("127.0.0.1", int(sys.argv[1])))',
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(('', int(sys.argv[1])))",
    )
    with running(code, str(port), cwd=blog.project):
        assert f"on port {port}" in shop.wants_to_run(f"fuser -k {port}/udp")


@pytest.mark.parametrize(
    ("pattern", "is_found"),
    [("signal.pause", True), ("^signal", False), ("pause..$", False), ("sig..l.pa", True),
     (".", True), ("^", True), ("signal.pause.{99}", False), ("(sig|x)nal", True)],
)  # fmt: skip
def test_a_pattern_is_matched_as_pkill_matches_it(
    pattern: str, is_found: bool, shop: Agent, blog: Agent
) -> None:
    pid = blog.start_server(free_port())
    said = shop.wants_to_run(f"pkill -f '{pattern}'")
    assert (f"(pid {pid})" in said or "more server" in said or "this session" in said) == is_found
