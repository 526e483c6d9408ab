"""Which servers may be stopped, by whom, and what is said of those that may not.

Also tests `servers`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.client.stopped_servers import AgentShell, register, serving
from tests.commands import LONGEST, CommandLine
from tests.fakes import FakeDaemon, free_port
from tests.native.guest import library

NO_DAEMON = "--no-start"


def test_another_projects_server_is_refused_and_forced(
    styxy: CommandLine, here: Path, elsewhere: Path
) -> None:
    port = free_port()
    with serving(port, cwd=elsewhere) as process:
        done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"belongs to another project ({elsewhere}), since 20" in done.stderr
        assert done.stderr.endswith("styxy run -- CMD\n")
        told = json.loads(styxy.run("stop", str(port), NO_DAEMON, "--json", cwd=here).stdout)
        assert (told["code"], told["context"]["project"]) == ("not_yours", str(elsewhere))
        assert told["context"]["suggestions"][-1] == f"styxy stop {port} --force"
        assert process.poll() is None
        assert styxy.run("stop", str(port), NO_DAEMON, "--force", cwd=here).returncode == 0
        assert process.wait(LONGEST) == -signal.SIGTERM


def test_of_two_servers_on_one_number_only_ones_own_is_stopped(
    styxy: CommandLine, here: Path, elsewhere: Path
) -> None:
    port = free_port()
    with (
        serving(port, "share", cwd=here) as own,
        serving(port, "share", cwd=elsewhere) as foreign,
    ):
        done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        assert done.returncode == 0, done
        assert own.wait(LONGEST) == -signal.SIGTERM
        assert foreign.poll() is None
    assert f"(pid {own.pid})" in done.stdout
    assert f"another project ({elsewhere})" in done.stderr


def test_ones_own_server_that_was_moved_is_named_where_it_is(
    running: CommandLine, here: Path, elsewhere: Path
) -> None:
    port = free_port()
    env = {**running.env, "LD_PRELOAD": str(library()), "STYXY_NOTIFY": "off"}
    with serving(port, cwd=elsewhere), serving(port, cwd=here, env=env) as own:
        done = running.run("stop", str(port), cwd=here)
        assert done.returncode == 1
        command = done.stderr.removesuffix("\n").rpartition(": styxy stop ")
        assert "this project's own server was moved to" in command[0]
        assert running.run("stop", command[2], cwd=here).returncode == 0
        assert own.wait(LONGEST) == -signal.SIGTERM


def test_what_the_caller_runs_in_is_not_stopped(styxy: CommandLine, here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = str(ours.getsockname()[1])
        done = styxy.run("stop", port, NO_DAEMON, "--force", cwd=here)
    assert done.returncode == 1
    assert f"(pid {os.getpid()}), in which this command runs" in done.stderr


def test_the_daemon_has_a_command_of_its_own(running: CommandLine, here: Path) -> None:
    done = running.run("stop", str(running.port), "--force", cwd=here)
    assert done.returncode == 1
    assert done.stderr.endswith("stop it with: styxy daemon stop\n")
    other = CommandLine(here.parent / "another-home")
    there = other.run("stop", str(running.port), NO_DAEMON, "--force", cwd=here)
    assert there.stderr.endswith(f"stop it with: STYXY_HOME={running.home} styxy daemon stop\n")


def test_a_container_is_stopped_by_its_engine(styxy: CommandLine, tmp_path: Path) -> None:
    port = free_port()
    listed = [
        {"Id": "c" * 64, "Names": ["/web"], "Image": "nginx", "Ports": [{"PublicPort": port}]}
    ]
    answer = b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(listed).encode()
    with FakeDaemon(tmp_path / "engine", lambda *_: answer):
        styxy.env["DOCKER_HOST"] = f"unix://{tmp_path}/engine"
        done = styxy.run("stop", str(port), NO_DAEMON, "--force")
    assert done.returncode == 1
    assert done.stderr.endswith("stop it with: docker stop web\n")


def test_another_live_sessions_server_is_refused_and_an_ended_ones_is_not(
    running: CommandLine, here: Path
) -> None:
    port = free_port()
    with (
        AgentShell(running, cwd=here) as one,
        AgentShell(running, cwd=here) as other,
    ):
        register(running, "claude-1", pid=one.pid, cwd=here)
        register(running, "codex-2", pid=other.pid, cwd=here)
        one.serve(port)
        code, said = other.styxy("stop", str(port))
        assert code == 1
        assert "another agent session (claude-1), which is still at work" in said
        assert running.run("stop", str(port), cwd=here).returncode == 1
        one.leave()
        code, said = other.styxy("stop", str(port))
        assert code == 0, said


def test_a_session_may_stop_what_it_has_started(running: CommandLine, here: Path) -> None:
    port = free_port()
    with AgentShell(running, cwd=here) as agent:
        register(running, "claude-1", pid=agent.pid, cwd=here)
        agent.serve(port, prefix="env CLAUDE_CODE_SESSION_ID=1 setsid ")
        code, said = agent.styxy("stop", str(port))
        assert code == 0, said


def test_a_session_may_stop_what_it_has_started_elsewhere(
    running: CommandLine, here: Path, elsewhere: Path
) -> None:
    port = free_port()
    with AgentShell(running, cwd=elsewhere) as agent, AgentShell(running, cwd=here) as other:
        register(running, "claude-1", pid=agent.pid, cwd=here)
        register(running, "codex-2", pid=other.pid, cwd=here)
        agent.serve(port)
        agent.type(f"cd {here}")
        code, said = other.styxy("stop", str(port))
        assert (code, f"another project ({elsewhere})" in said) == (1, True)
        code, said = agent.styxy("stop", str(port))
        assert code == 0, said


def test_a_session_is_known_by_the_environment_of_an_orphan(
    running: CommandLine, here: Path
) -> None:
    port = free_port()
    with AgentShell(running, cwd=here) as agent:
        register(running, "codex-7", pid=agent.pid, cwd=here)
        env = {**running.env, "CODEX_THREAD_ID": "7"}
        with serving(port, cwd=here, env=env):
            done = running.run("stop", str(port), cwd=here)
            assert "another agent session (codex-7)" in done.stderr
            running.env["CODEX_THREAD_ID"] = "7"
            assert running.run("stop", str(port), cwd=here).returncode == 0


def test_an_agent_without_hooks_is_told_by_its_process(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    with AgentShell(styxy, name="claude", cwd=here) as agent:
        agent.serve(port)
        done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        assert f"another agent session (claude, pid {agent.pid})" in done.stderr
        assert agent.styxy("stop", str(port), NO_DAEMON)[0] == 0


def test_a_daemon_below_a_server_outlives_it(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    script = (
        "import signal, socket, subprocess, sys\n"
        f"server = socket.create_server(('127.0.0.1', {port}))\n"
        "daemon = subprocess.Popen([sys.executable, '-c', 'input()', 'styxy.server'],"
        " stdin=subprocess.PIPE)\n"
        "print(daemon.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=here, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        daemon = os.pidfd_open(int(process.stdout.readline()))
        done = styxy.run("stop", str(port), NO_DAEMON, "--json", cwd=here)
        assert process.wait(LONGEST) == -signal.SIGTERM
    (stopped,) = json.loads(done.stdout)["stopped"]
    assert stopped["ended"] == [process.pid]
    # It ends when nobody is left who could write to it.
    assert select.select([daemon], [], [], LONGEST)[0]
    os.close(daemon)


def test_only_the_server_of_a_process_is_meant_if_one_is_named(
    styxy: CommandLine, here: Path
) -> None:
    port = free_port()
    with serving(port, cwd=here) as process:
        done = styxy.run("stop", str(port), "--pid", str(os.getpid()), NO_DAEMON, cwd=here)
        assert (done.returncode, process.poll()) == (1, None)
        assert "does not listen on port" in done.stderr
        done = styxy.run("stop", str(port), "--pid", str(process.pid), NO_DAEMON, cwd=here)
        assert (done.returncode, process.wait(LONGEST)) == (0, -signal.SIGTERM)
