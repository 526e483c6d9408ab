"""An agent for tests: a process that calls hooks and runs commands, as a coding agent does.

Its hooks are its children and its commands as well, so that the daemon finds it among the ancestors
of both, as it would a real one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.daemon import LONGEST, Daemon
from tests.fakes import clean_environment

AGENT = """
import json, os, socket, subprocess, sys

def hook(order):
    body = json.dumps(order["payload"]).encode()
    link = socket.socket(socket.AF_UNIX)
    link.connect(order["socket"])
    head = f"POST /hooks/{order['agent']}/{order['event']} HTTP/1.1\\r\\nHost: localhost\\r\\n"
    head += f"Connection: close\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
    link.sendall(head.encode() + body)
    with link.makefile("rb") as answer:
        sys.stdout.buffer.write(answer.read())

for line in sys.stdin:
    order = json.loads(line)
    if "agent" in order:
        read, write = os.pipe()
        if os.fork() == 0:
            os.dup2(write, 1)
            os.environ.update(order["env"])
            os.execv(sys.executable, [sys.executable, "-I", "-c", order["hook"], line])
        os.close(write)
        with open(read, "rb") as pipe:
            said = pipe.read().decode()
        os.wait()
    else:
        started = subprocess.Popen(order["command"], shell=True, cwd=order["cwd"],
                                   env={**os.environ, **order["env"]}, stdout=subprocess.PIPE)
        said = f"{started.pid} {started.stdout.readline().decode().strip()}"
    print(json.dumps(said), flush=True)
"""
HOOK = AGENT.partition("for line in")[0] + "hook(json.loads(sys.argv[1]))"

_numbers = itertools.count(1)

SERVER = """
import os, signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(os.getpid(), flush=True)
signal.pause()
"""


class Agent:
    """One session of an agent in a project; as a context manager, it ends with all it started."""

    def __init__(
        self, daemon: Daemon, project: Path, *, agent: str = "claude", session: str = "s-1"
    ) -> None:
        self.agent = agent
        self.session = f"{session}-{next(_numbers)}"
        self.project = project
        self._daemon = daemon
        self._calls = 0
        self._started: list[int] = []
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", AGENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=project,
            env=clean_environment(),
            text=True,
        )

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pid in self._started:
            with contextlib.suppress(ProcessLookupError):  # the test has ended it
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()

    def hook(self, event: str, payload: Mapping[str, Any], **env: str) -> Any:
        """Call a hook; return its answer, None if there is none."""
        raw = self._order(
            agent=self.agent,
            event=event,
            payload=payload,
            socket=self._daemon.facts["socket"],
            hook=HOOK,
            env=env,
        )
        head, _, body = raw.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200"), raw
        return json.loads(body) if body else None

    def says(self, event: str, **fields: Any) -> str:
        """Call a hook in the form of Claude Code; return what its model or its user would read."""
        payload = {"session_id": self.session, "cwd": str(self.project), **fields}
        answer = self.hook(event, payload)
        specific = (answer or {}).get("hookSpecificOutput", {})
        text = specific.get("permissionDecisionReason") or specific.get("additionalContext") or ""
        assert isinstance(text, str)
        return text

    def wants_to_run(self, command: str, **more: Any) -> str:
        """Return what is said before a command."""
        self._calls += 1
        return self.says(
            "PreToolUse",
            tool_name="Bash",
            tool_input={"command": command, **more},
            tool_use_id=f"toolu_{self.session}_{self._calls}",
        )

    def start_server(self, port: int, **env: str) -> int:
        """Start a server of this session; return its pid once it listens."""
        command = f"exec {sys.executable} -I -c '{SERVER}' {port}"
        said = self._order(command=command, cwd=str(self.project), env=env)
        pid = int(said.split()[0])
        self._started.append(pid)
        return pid

    def start_orphan(self, port: int, **env: str) -> tuple[int, int]:
        """Start a server whose shell ends at once; return its process group and its pid."""
        line = f'{sys.executable} -I -c "$CODE" {port} &'
        said = self._order(
            command=f"exec setsid sh -c '{line}'",
            cwd=str(self.project),
            env={"CODE": SERVER, **env},
        )
        group, pid = map(int, said.split())
        self._started.append(pid)
        return group, pid

    def _order(self, **order: Any) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], LONGEST)[0], "the agent says nothing"
        said = json.loads(self.process.stdout.readline())
        assert isinstance(said, str)
        return said


def worktree(path: Path) -> Path:
    """Make a git worktree, as far as Styxy looks."""
    (path / ".git").mkdir(parents=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return path
