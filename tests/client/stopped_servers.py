"""Servers to be stopped: real ones below real launchers, and shells that stand for agents."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from tests.commands import COMMAND, CommandLine

SERVE = """
import os, signal, socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if "share" in sys.argv[2:]:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if "deaf" in sys.argv[2:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
if "accept" in sys.argv[2:]:
    print("ready", os.getpid(), flush=True)
    link, _ = server.accept()
    print("accepted", flush=True)
if "workers" in sys.argv[2:]:
    for _ in range(2):
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pause()
print("ready", os.getpid(), flush=True)
while True:
    signal.pause()
"""
"""A server that is told in its arguments how to behave: deaf, with workers, sharing its port."""


@contextlib.contextmanager
def serving(
    port: int,
    *how: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    below: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[str]]:
    """Run a server below the launchers in `below`, as a job of its own."""
    with subprocess.Popen(
        [*below, sys.executable, "-c", SERVE, str(port), *how],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        pass_fds=pass_fds,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("ready ")
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class AgentShell:
    """A shell that runs commands for an agent: whatever it starts is the agent's."""

    def __init__(
        self, styxy: CommandLine, *, name: str = "bash", cwd: Path, network: Sequence[str] = ()
    ) -> None:
        self._servers: list[int] = []
        self._shell = subprocess.Popen(
            [*network, "bash", "-c", 'exec -a "$0" bash', name],
            cwd=cwd,
            env=styxy.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._shell.pid

    def __enter__(self) -> AgentShell:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(server, signal.SIGKILL)
            os.close(server)
        self._shell.kill()
        self._shell.communicate(timeout=30)

    def serve(self, port: int, *how: str, prefix: str = "") -> int:
        """Start a server in the background; return its pid."""
        script = SERVE.replace("'", "'\\''")
        words = f"{prefix}{sys.executable} -c '{script}' {port} {' '.join(how)}"
        self.type(f"{words} &")
        pid = int(self._line().removeprefix("ready "))
        self._servers.append(os.pidfd_open(pid))
        return pid

    def styxy(self, *words: str, prefix: str = "") -> tuple[int, str]:
        """Run one command line of Styxy; return its exit status and what it said.

        `prefix` may feed it.
        """
        line = f"{prefix}{' '.join([*COMMAND, *words])}"
        self.type(f"{{ {line}\n}} </dev/null 2>&1; printf '\\nthat was %d\\n' $?")
        lines = []
        while not (line := self._line()).startswith("that was "):
            lines.append(line)
        return int(line.removeprefix("that was ")), "\n".join(lines).strip()

    def leave(self) -> None:
        """End the agent; what it has started stays."""
        self.type("exit")
        self._shell.wait(30)

    def type(self, line: str) -> None:
        """Type one line."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(line + "\n")
        self._shell.stdin.flush()

    def _line(self) -> str:
        assert self._shell.stdout is not None
        return self._shell.stdout.readline().removesuffix("\n")


def register(styxy: CommandLine, instance_id: str, *, pid: int, cwd: Path) -> None:
    """Register an agent session as its hooks do."""
    agent, _, session = instance_id.partition("-")
    body = {
        "instance_id": instance_id,
        "pid": pid,
        "working_directory": str(cwd),
        "metadata": {"agent": agent, "session_id": session},
    }
    Connection(Paths(styxy.env)).ask("POST", "/instance/register", body)
