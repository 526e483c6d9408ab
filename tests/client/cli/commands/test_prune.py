"""prune: servers whose session, worktree or directory is gone, and those that are left alone.

Also tests `abandoned`; the command is in `stop`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.adapters.processes import Processes
from styxy.client.daemon.connection import Connection
from tests.client.stopped_servers import AgentShell, register, serving
from tests.commands import CommandLine
from tests.daemon import wait_until
from tests.fakes import free_port
from tests.network import own_network


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


def found(styxy: CommandLine, port: int, *words: str) -> dict[str, object] | None:
    """What `prune` says of the server on one port; others may be left of other programs."""
    done = styxy.run("prune", "--json", *words)
    assert done.returncode == 0, done
    listed = [each for each in json.loads(done.stdout)["servers"] if port in each["ports"]]
    return next(iter(listed), None)


def test_a_server_whose_worktree_was_removed_is_found_and_ended(
    styxy: CommandLine, repo: Path, tmp_path: Path
) -> None:
    port = free_port()
    # What is ended must be this test's: in a network of its own there is nothing else.
    with AgentShell(styxy, cwd=tmp_path / "linked", network=network()) as shell:
        pid = shell.serve(port)
        shell.type("cd ..")
        assert shell.styxy("prune")[1].startswith("no server is left")
        remove = ["git", "-C", str(repo), "worktree", "remove", str(tmp_path / "linked")]
        subprocess.run(remove, check=True)
        (told,) = json.loads(shell.styxy("prune", "--json")[1])["servers"]
        assert (told["reason"], told["pid"], told["ports"]) == ("directory", pid, [port])
        code, text = shell.styxy("prune")
        assert f"its directory was deleted: {tmp_path / 'linked'}" in text
        assert text.endswith("to end them: styxy prune --yes")
        assert code == 0
        code, text = shell.styxy("prune", "--yes")
        assert text.endswith(f"(pid {pid}) on port {port}")
        assert code == 0
        assert Processes().holder(pid) is None


def network() -> tuple[str, ...]:
    """The words that start a shell in a network of its own; skips the test where there is none."""
    words = own_network()
    if not words:
        pytest.skip("a network of its own is refused here")
    return words


def test_a_worktree_that_git_does_not_list_any_more_is_gone(
    running: CommandLine, repo: Path, tmp_path: Path
) -> None:
    port = free_port()
    with serving(port, cwd=tmp_path / "linked"):
        shutil.rmtree(repo / ".git" / "worktrees" / "linked")
        told = found(running, port)
        assert told is not None
        assert told["reason"] == "worktree"
        # A repo that was moved takes its worktrees with it, or they are repaired.
        repo.rename(tmp_path / "moved")
        assert found(running, port) is None


def test_a_directory_that_was_made_again_is_not_gone(running: CommandLine, tmp_path: Path) -> None:
    port, built = free_port(), tmp_path / "dist"
    built.mkdir()
    with serving(port, cwd=built):
        built.rmdir()
        assert found(running, port, "--no-start") is not None
        built.mkdir()
        assert found(running, port) is None


def test_a_server_of_a_session_that_has_ended_is_found(
    running: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    with AgentShell(running, cwd=tmp_path) as agent:
        register(running, "claude-1", pid=agent.pid, cwd=tmp_path)
        agent.serve(port, prefix="env CLAUDE_CODE_SESSION_ID=1 ")
        assert found(running, port) is None
        agent.leave()
        told = found(running, port)
        assert told is not None
        assert (told["reason"], told["session"]) == ("session", "claude-1")
        assert told["why"] == "its session has ended: claude-1"


def test_a_server_is_found_whose_environment_names_no_session(
    running: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    connection = Connection(Paths(running.env))
    with AgentShell(running, cwd=tmp_path) as agent:
        register(running, "gemini-1", pid=agent.pid, cwd=tmp_path)
        agent.serve(port)
        wait_until(lambda: bool(connection.ask("GET", "/instance/list").data["session_processes"]))
        assert found(running, port) is None
        agent.leave()
        told = found(running, port)
        assert told is not None
        assert told["why"] == "its session has ended: gemini-1"


def test_a_server_is_found_by_what_styxy_told_it_of_its_session(
    running: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    with serving(port, cwd=tmp_path, env={**running.env, "STYXY_INSTANCE_ID": "opencode-7"}):
        told = found(running, port)
        assert told is not None
        assert told["session"] == "opencode-7"
    with serving(port, cwd=tmp_path, env={**running.env, "STYXY_INSTANCE_ID": "mine"}):
        assert found(running, port) is None


def test_without_a_daemon_no_session_is_known_to_have_ended(
    styxy: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    env = {**styxy.env, "QWEN_CODE_SESSION_ID": "3"}
    with serving(port, cwd=tmp_path, env=env):
        assert found(styxy, port, "--no-start") is None
        assert styxy.run("daemon", "start", "-d").returncode == 0
        assert found(styxy, port) is not None


def test_an_agent_without_hooks_may_still_have_its_server(
    running: CommandLine, tmp_path: Path
) -> None:
    port = free_port()
    with AgentShell(running, name="codex", cwd=tmp_path) as agent:
        agent.serve(port, prefix="env CODEX_THREAD_ID=5 setsid -f ")
        assert found(running, port) is None
        agent.leave()
        assert found(running, port) is not None


def test_a_lease_of_its_project_saves_no_server_of_an_ended_session(
    running: CommandLine, tmp_path: Path
) -> None:
    words = ("allocate", "-s", "dev", "-n", "web", "--project", str(tmp_path))
    port = int(str(running.json(*words)["port"]))
    env = {**running.env, "CLAUDE_CODE_SESSION_ID": "gone"}
    with serving(port, cwd=tmp_path, env=env):
        assert found(running, port) is not None


def test_what_a_living_project_has_on_lease_outlives_its_directory(
    running: CommandLine, tmp_path: Path
) -> None:
    project, place = tmp_path / "shop", tmp_path / "place"
    project.mkdir()
    place.mkdir()
    words = ("allocate", "-s", "dev", "-n", "web", "--project", str(project))
    port = int(str(running.json(*words)["port"]))
    with serving(port, cwd=place, env={**running.env, "STYXY_PROJECT": str(project)}):
        place.rmdir()
        assert found(running, port) is None
        project.rmdir()
        assert found(running, port) is not None


def test_on_a_terminal_it_is_asked_for(styxy: CommandLine, tmp_path: Path) -> None:
    port, gone = free_port(), tmp_path / "gone"
    gone.mkdir()
    styxy.env["NO_COLOR"] = "1"
    spawn = f"{sys.executable} -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "
    with AgentShell(styxy, cwd=gone, network=network()) as shell:
        pid = shell.serve(port)
        shell.type("cd ..")
        gone.rmdir()
        code, text = shell.styxy("prune", prefix=f"echo no | {spawn}")
        assert "end 1 server? [y/N] " in text
        assert text.endswith("styxy: nothing has been ended")
        assert code == 1
        assert Processes().holder(pid) is not None
        code, text = shell.styxy("prune", prefix=f"echo y | {spawn}")
        assert text.endswith(f"(pid {pid}) on port {port}")
        assert code == 0
        assert Processes().holder(pid) is None
