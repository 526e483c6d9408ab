"""stop: real servers in real trees, and what is said of their end. Also tests `successors`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.kernel import KernelLook
from styxy.adapters.paths import Paths
from styxy.adapters.processes import Processes
from styxy.client.daemon.connection import Connection
from styxy.client.inspection.servers import ServerFinder
from styxy.client.inspection.stopping import Stopping
from styxy.core.errors import Conflict
from styxy.core.model.ports import Port
from tests.client.stopped_servers import SERVE, AgentShell, serving
from tests.commands import LONGEST, CommandLine
from tests.fakes import free_port

NO_DAEMON = "--no-start"


def is_served(port: int) -> bool:
    kernel = KernelLook()
    try:
        return bool(kernel.listeners(port=Port(port)))
    finally:
        kernel.close()


def test_a_server_is_stopped_and_its_port_is_free_then(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    with serving(port, cwd=here) as process:
        done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        assert process.wait(LONGEST) == -signal.SIGTERM
        assert not is_served(port)
    assert (done.returncode, done.stderr) == (0, "")
    name = Path(sys.executable).resolve().name
    assert done.stdout.endswith(f" (pid {process.pid}) on port {port}\n")
    assert done.stdout.removeprefix("Stopped ").partition(" ")[0] in (
        name,
        Path(sys.executable).name,
    )


def test_the_whole_tree_ends_with_its_launchers(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    npm = ("env", "sh", "-c", 'sh -c \'"$@"; true\' sh "$@"; true', "sh")
    with serving(port, cwd=here, below=npm) as top:
        done = styxy.run("stop", str(port), NO_DAEMON, "--json", cwd=here)
        assert done.returncode == 0, done
        (stopped,) = json.loads(done.stdout)["stopped"]
        assert top.wait(LONGEST) != 0
    assert stopped["ended"][0] == top.pid
    assert stopped["pid"] == stopped["ended"][-1]
    assert len(stopped["ended"]) == 3
    assert "3 processes" in stopped["message"]
    assert not [pid for pid in stopped["ended"] if Processes().holder(pid) is not None]


def test_a_restarting_wrapper_does_not_restart_it(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    (here / "loop.sh").write_text('while true; do "$@"; done\n')
    with serving(port, cwd=here, below=("sh", "loop.sh")) as top:
        done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        assert done.returncode == 0, done
        assert top.wait(LONGEST) == -signal.SIGTERM
    assert not is_served(port)


def test_what_does_not_listen_to_sigterm_is_killed_and_that_is_said(
    styxy: CommandLine, here: Path
) -> None:
    port = free_port()
    with serving(port, "deaf", "workers", cwd=here) as process:
        words = ("stop", str(port), NO_DAEMON, "--timeout", "0.2", "--json")
        done = styxy.run(*words, cwd=here)
        assert process.wait(LONGEST) == -signal.SIGKILL
    (stopped,) = json.loads(done.stdout)["stopped"]
    assert process.pid in stopped["killed"]
    assert len(stopped["killed"]) == len(stopped["ended"]) == 3
    assert "0.2 s after SIGTERM and was killed" in stopped["message"]


def test_a_connected_client_lives_on(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    client = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
    client += "print('connected', flush=True); print(s.recv(1), flush=True); sys.stdin.read()"
    with (
        serving(port, "accept", cwd=here) as server,
        subprocess.Popen(
            [sys.executable, "-c", client, str(port)],
            cwd=here,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as connected,
    ):
        assert connected.stdout is not None
        assert connected.stdout.readline() == "connected\n"
        assert server.stdout is not None
        assert server.stdout.readline() == "accepted\n"
        assert styxy.run("stop", str(port), NO_DAEMON, cwd=here).returncode == 0
        assert connected.stdout.readline() == "b''\n"
        assert connected.poll() is None
        connected.communicate("", timeout=LONGEST)
        assert connected.returncode == 0


def test_processes_that_share_a_port_are_all_stopped(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    with (
        serving(port, "share", cwd=here) as first,
        serving(port, "share", cwd=here) as second,
    ):
        done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        assert done.returncode == 0, done
        assert first.wait(LONGEST) == second.wait(LONGEST) == -signal.SIGTERM
    assert len(done.stdout.splitlines()) == 2


def test_a_udp_server_is_stopped(styxy: CommandLine, here: Path) -> None:
    script = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0));"
    script += "print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=here,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        done = styxy.run("stop", port, NO_DAEMON, cwd=here)
        assert process.wait(LONGEST) == -signal.SIGTERM
    assert done.returncode == 0


KEEPER = """
import os, signal, socket, sys
def listen():
    return socket.create_server(("127.0.0.1", int(sys.argv[1])), reuse_port=True)
def hand_over(*_):
    os.write(ask[1], b".")
    os.read(answer[0], 1)
    os._exit(0)
ask, answer = os.pipe(), os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, hand_over)
    first = listen()
    os.write(1, b"ready\\n")
    signal.pause()
elif os.fork() == 0:
    os.setsid()
    os.read(ask[0], 1)
    second = listen()
    os.write(answer[1], b".")
    signal.pause()
children = open(f"/proc/self/task/{os.getpid()}/children").read()
os.write(1, f"children {children}\\n".encode())  # at once: the child writes to the same pipe
sys.stdin.read()
"""
"""Starts a server, and when that is asked to end, another one before it has ended."""


def test_a_server_that_was_started_again_is_not_called_stopped(
    styxy: CommandLine, here: Path
) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(port)],
        cwd=here,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        lines = sorted([keeper.stdout.readline(), keeper.stdout.readline()])
        assert lines[1] == "ready\n"
        first, second = lines[0].split()[1:]
        try:
            done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
        finally:
            os.kill(int(second), signal.SIGKILL)
            keeper.communicate("", timeout=LONGEST)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"(pid {first}) has ended, but " in done.stderr
    assert f"(pid {second}) is listening on port {port} again, started by " in done.stderr
    assert f"(pid {keeper.pid}); see: styxy who {port}" in done.stderr


SUPERVISOR = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:])
server.wait()
again = subprocess.Popen(sys.argv[1:])
sys.stdin.read()
again.kill()
"""
"""Starts a server, and when that has ended, another one, which needs a moment until it listens."""


def test_a_supervisor_that_takes_a_moment_is_waited_for(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, sys.executable, "-c", SERVE, str(port)],
        cwd=here,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        first = int(supervisor.stdout.readline().split()[1])
        connection = Connection(Paths(styxy.env))
        finder = ServerFinder(connection, styxy.env, project=str(here))
        stopping = Stopping(finder, styxy.env, again_patience=LONGEST)
        (server,) = stopping.choose(port, is_forced=False)
        try:
            with pytest.raises(Conflict) as refused:
                stopping.end(port, server)
        finally:
            supervisor.communicate("", timeout=LONGEST)
    assert f"(pid {first}) has ended, but " in refused.value.message
    assert f"(pid {supervisor.pid})" in refused.value.message
    assert refused.value.message.endswith(f"; see: styxy who {port}")


def test_the_shell_of_an_agent_survives_the_server_that_it_started(
    styxy: CommandLine, here: Path
) -> None:
    port = free_port()
    with AgentShell(styxy, cwd=here) as shell:
        pid = shell.serve(port)
        code, said = shell.styxy("stop", str(port), NO_DAEMON)
        assert code == 0, said
        assert said.endswith(f"(pid {pid}) on port {port}")
        assert shell.styxy("--version")[0] == 0


def test_a_process_without_a_port_is_not_enough(styxy: CommandLine) -> None:
    done = styxy.run("stop", "--pid", "999999")
    assert (done.returncode, done.stdout) == (2, "")
    assert "as in: styxy stop PORT --pid 999999" in done.stderr


def test_a_port_without_a_server_is_not_found(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    done = styxy.run("stop", str(port), NO_DAEMON, cwd=here)
    said = f"styxy: nothing is listening on port {port}; to see where something is: styxy scan\n"
    assert (done.returncode, done.stderr) == (1, said)
    lease = styxy.json("allocate", "-s", "dev", "-n", "web", "--project", str(here))
    done = styxy.run("stop", "web", cwd=here)
    assert done.returncode == 1
    assert f"{lease['port']}, which is reserved for {here}" in done.stderr


@pytest.mark.parametrize("word", ["0", "70000", "-1"])
def test_what_is_neither_port_nor_name_is_wrong_usage(styxy: CommandLine, word: str) -> None:
    done = styxy.run("stop", "--", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not a port (1-65535)" in done.stderr
    assert styxy.daemon_pid() is None


def test_a_name_stands_for_the_port_of_its_lease(
    running: CommandLine, here: Path, elsewhere: Path
) -> None:
    lease = running.json("allocate", "-s", "dev", "-n", "web", "--project", str(here))
    with serving(int(str(lease["port"])), cwd=here) as process:
        refused = running.run("stop", "web", cwd=elsewhere)
        assert refused.returncode == 1
        assert f"no lease named 'web' ({here} has one)" in refused.stderr
        done = running.run("stop", "web", cwd=here)
        assert done.returncode == 0, done
        assert process.wait(LONGEST) == -signal.SIGTERM
    again = running.json("allocate", "-s", "dev", "-n", "web", "--project", str(here))
    assert again["port"] == lease["port"], "the reservation is kept"


def test_a_name_of_several_leases_is_refused_with_their_ports(
    running: CommandLine, here: Path
) -> None:
    ports = [
        running.json("allocate", "-s", kind, "-n", "web", "--project", str(here))["port"]
        for kind in ("dev", "api")
    ]
    done = running.run("stop", "web", cwd=here)
    assert done.returncode == 1
    assert all(f"{port} (" in done.stderr for port in ports)


def test_a_name_needs_the_daemon(styxy: CommandLine, here: Path) -> None:
    done = styxy.run("stop", "web", NO_DAEMON, cwd=here)
    assert done.returncode == 3
    assert done.stderr.endswith("styxy daemon start -d\n")


def test_an_interrupted_stop_says_what_still_runs(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    signalled = "import os, signal, sys; signal.signal(15, lambda *_: os.write(1, b'asked\\n'))\n"
    server = here / "server.py"
    server.write_text(
        signalled + "import socket; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "print('ready', flush=True)\nwhile True: signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, str(server), str(port)], cwd=here, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        stop = styxy.start("stop", str(port), NO_DAEMON, cwd=here)
        assert process.stdout.readline() == "asked\n"
        stop.send_signal(signal.SIGINT)
        _, err = stop.communicate(timeout=LONGEST)
        assert process.poll() is None
        process.kill()
    assert stop.returncode == 130
    assert err == f"styxy: interrupted; asked to end and still running: pid {process.pid}\n"
