"""A user's machine in small: a home with Styxy and the agents in it, two projects, one daemon."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.agents.programs import AGENTS, Agent
from tests.agents.session import Session
from tests.commands import CommandLine
from tests.fakes import free_port
from tests.programs.http_probe import fetch
from tests.programs.running import running

SERVER = """\
const { createServer } = require("node:http")
const server = createServer((_, answer) => answer.end(process.cwd()))
server.listen(process.env.PORT, "127.0.0.1", () => {
  console.log("listening on " + server.address().port)
  if (process.env.ONCE) server.close()
})
"""
"""A server as a project has it; with ONCE set, it ends as soon as it has its port."""

PORTS = range(8000, 8100)
"""Of a range: on any other number, a second program of the kind is one too many, and stays."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project with a server, a port leased for it, and another one on which it serves."""

    path: Path
    leased: int
    port: int

    @property
    def name(self) -> str:
        """Return what Styxy calls it."""
        return self.path.name

    def answers(self) -> bool:
        """Wait until its server answers; False where another one does, or none."""
        try:
            return fetch("127.0.0.1", self.port) == str(self.path)
        except AssertionError:
            return False

    def log(self) -> str:
        """Return what its server has said, and where it was moved."""
        logs = (self.path / "server.log", self.path.parent / ".styxy" / "reassignments.log")
        return "\n".join(each.read_text() for each in logs if each.exists())


class Workplace:
    """Set up by `make agents` and nobody else: one home, and what lies in it."""

    def __init__(self, place: Path) -> None:
        self.home = place / "home"
        self.home.mkdir()
        programs = (*(each.program.parent for each in AGENTS), Path(sys.executable).parent)
        self.path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        # Codex runs login shells, and /etc/profile sets PATH anew.
        (self.home / ".profile").write_text(f"PATH={shlex.quote(self.path)}\n")
        self._projects: list[Project] = []
        self.styxy = CommandLine(self.home / ".styxy", HOME=str(self.home), PATH=self.path)

    @property
    def env(self) -> dict[str, str]:
        """The environment of its user's terminal; Styxy is found by the home alone."""
        return {
            "HOME": str(self.home), "PATH": self.path, "SHELL": "/bin/bash",
            "TERM": "dumb", "LANG": "C.UTF-8",
        }  # fmt: skip

    def install(self, agent: Agent) -> None:
        """Set the agent up as its user has, and then install Styxy as he would."""
        agent.settle_in(self.home, self.env)
        trust = ("--trust",) if agent.name == "codex" else ()
        done = self.styxy.run("agent", "install", agent.name, *trust)
        assert done.returncode == 0, done

    def remove_styxy(self) -> None:
        """Delete Styxy's home as somebody does who knows of no `uninstall`."""
        self.styxy.kill_daemon()
        shutil.rmtree(self.styxy.home)

    def project(self, name: str) -> Project:
        """Make a project, with a repo of its own and a leased port."""
        path = self.home / name
        path.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", str(path)], env=self.env, check=True)
        (path / "package.json").write_text(json.dumps({"name": name}))
        (path / "server.js").write_text(SERVER)
        done = self.styxy.run("allocate", "-s", "dev", "-n", "web", "--json", cwd=path)
        assert done.returncode == 0, done
        made = Project(path, leased=json.loads(done.stdout)["port"], port=free_port(PORTS))
        self._projects.append(made)
        return made

    def session(self, agent: Agent, project: Project, *before: str) -> Session:
        """Sit down at a terminal in a project, and type some words before the agent's name."""
        return Session(agent=agent, project=project.path, env=self.env, before=before)

    def end_servers(self) -> None:
        """End what an agent has left behind, after a test that has failed on the way."""
        for project in self._projects:
            words = ["lsof", "-t", f"-iTCP:{project.port}", "-sTCP:LISTEN"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            for pid in map(int, done.stdout.split()):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    if os.readlink(f"/proc/{pid}/cwd") == str(project.path):
                        os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def serving(self, project: Project) -> Iterator[None]:
        """Serve from a terminal of a project, without any agent."""
        env = {**self.env, "PORT": str(project.port)}
        with running(["node", "server.js"], cwd=project.path, env=env) as server:
            server.wait_line("listening on .*", stream="stdout")
            yield
            assert server.process.poll() is None, "the server has ended"


@contextlib.contextmanager
def workplace(place: Path, **settings: object) -> Iterator[Workplace]:
    """Run the daemon as long as the workplace is needed, with some settings of the user's."""
    made = Workplace(place)
    made.styxy.home.mkdir()
    (made.styxy.home / "config.json").write_text(json.dumps(settings))
    done = made.styxy.run("daemon", "start", "-d")
    assert done.returncode == 0, done
    try:
        yield made
    finally:
        made.end_servers()
        made.styxy.kill_daemon()
