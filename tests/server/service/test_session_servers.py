"""Servers of agent sessions: noted while the agent can be seen, and known when it has gone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.agent import Agent, worktree
from tests.daemon import Daemon, wait_until
from tests.fakes import free_port


def noted(daemon: Daemon) -> dict[int, str]:
    """The processes that are known to be a session's."""
    listed = daemon.call("GET", "/instance/list").body["session_processes"]
    return {each["pid"]: each["instance_id"] for each in listed}


def gemini(daemon: Daemon, where: Path) -> Agent:
    """An agent whose commands do not have its session in their environment."""
    return Agent(daemon, worktree(where), agent="gemini", session="g")


def begin(agent: Agent) -> str:
    """Begin a session; return the name of its instance."""
    agent.hook("SessionStart", {"session_id": agent.session, "cwd": str(agent.project)})
    return f"gemini-{agent.session}"


def test_a_server_is_noted_before_its_agent_ends(daemon: Daemon, tmp_path: Path) -> None:
    with gemini(daemon, tmp_path / "shop") as agent:
        name = begin(agent)
        pid = agent.start_server(free_port())
        wait_until(lambda: noted(daemon) == {pid: name})
        agent.process.kill()
        agent.process.wait()
        assert noted(daemon) == {pid: name}
        daemon.stop(signal.SIGKILL)
        daemon.start()
        assert noted(daemon) == {pid: name}
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: noted(daemon) == {})


def test_the_end_of_a_session_notes_what_it_leaves(daemon: Daemon, tmp_path: Path) -> None:
    with gemini(daemon, tmp_path / "shop") as agent, gemini(daemon, tmp_path / "blog") as other:
        name, others = begin(agent), begin(other)
        servers = {agent.start_server(free_port()): name, other.start_server(free_port()): others}
        agent.hook("SessionEnd", {"session_id": agent.session, "cwd": str(agent.project)})
        assert noted(daemon) == servers


def test_what_a_command_leaves_in_its_group_is_noted(daemon: Daemon, tmp_path: Path) -> None:
    with gemini(daemon, tmp_path / "shop") as agent, gemini(daemon, tmp_path / "blog") as other:
        name, port = begin(agent), free_port()
        begin(other)
        group, pid = agent.start_orphan(port, GEMINI_CLI="1")
        unmarked, _ = other.start_orphan(free_port())
        for number in (unmarked, group):
            output = f"Output: (empty)\nProcess Group PGID: {number}\n"
            payload = {
                "session_id": agent.session,
                "cwd": str(agent.project),
                "tool_name": "run_shell_command",
                "tool_input": {"command": "npm run dev &"},
                "tool_response": {"llmContent": output},
            }
            agent.hook("AfterTool", payload)
        assert noted(daemon) == {pid: name}
        said = other.hook(
            "BeforeTool",
            {
                "session_id": other.session,
                "cwd": str(agent.project),
                "tool_name": "run_shell_command",
                "tool_input": {"command": f"kill {pid}"},
            },
        )
        assert f"(pid {pid})" in said["reason"]


def test_a_server_of_nobodys_session_is_not_noted(daemon: Daemon, tmp_path: Path) -> None:
    with gemini(daemon, tmp_path / "shop") as agent, gemini(daemon, tmp_path / "blog") as other:
        other.start_server(free_port())  # its session has not begun
        name, pid = begin(agent), agent.start_server(free_port())
        wait_until(lambda: noted(daemon) == {pid: name})
