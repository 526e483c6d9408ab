"""What agents hear around their commands, from a real daemon. Also tests `background`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent import Agent, worktree
from tests.daemon import Daemon
from tests.fakes import free_port


def test_a_start_on_a_port_of_another_project_is_told_of_it(shop: Agent, blog: Agent) -> None:
    port = free_port()
    pid = blog.start_server(port)
    said = shop.wants_to_run(f"python3 -m http.server {port}")
    assert said.startswith(f"Port {port} is in use by ")
    assert f"(pid {pid})" in said
    assert str(blog.project) in said
    command = said.rpartition(" is free: ")[2]
    assert command.startswith("python3 -m http.server ")
    assert str(port) not in command


def test_a_start_on_a_reserved_port_of_another_project_is_told_of_it(
    daemon: Daemon, shop: Agent, blog: Agent
) -> None:
    port = daemon.allocate(project_path=str(blog.project))["port"]
    assert "is reserved for" in shop.wants_to_run(f"PORT={port} npm run dev")
    assert blog.wants_to_run(f"PORT={port} npm run dev") == ""


def test_a_second_start_of_a_server_is_told_that_it_runs(shop: Agent) -> None:
    port = free_port()
    shop.start_server(port)
    said = shop.wants_to_run(f"npx vite --port {port}")
    assert f"http://localhost:{port}" in said
    assert said.endswith(f"styxy stop {port}")
    assert shop.wants_to_run(f"styxy stop {port} && npx vite --port {port}") == ""
    assert shop.wants_to_run(f"kill $(lsof -ti:{port}); npx vite --port {port}") == ""


@pytest.mark.parametrize(
    "line",
    ["ls", "npm test", "git commit -m 'npm run dev'", "cargo run", "go run .", "npm run build",
     "python3 -m http.server {free}", "styxy run -- python3 -m http.server {taken}"],
)  # fmt: skip
def test_whatever_starts_no_server_on_a_taken_port_is_passed_in_silence(
    line: str, shop: Agent, blog: Agent
) -> None:
    taken = free_port()
    blog.start_server(taken)
    assert shop.wants_to_run(line.format(taken=taken, free=free_port())) == ""


def test_agents_that_show_nothing_before_a_command_are_told_after_it(
    daemon: Daemon, blog: Agent, tmp_path: Path
) -> None:
    port = free_port()
    blog.start_server(port)
    with Agent(daemon, worktree(tmp_path / "shop"), agent="gemini") as agent:
        common = {
            "tool_name": "run_shell_command",
            "tool_input": {"command": f"python3 -m http.server {port}"},
            "session_id": agent.session,
            "cwd": str(agent.project),
        }
        assert agent.hook("BeforeTool", common) is None
        result = {"tool_response": {"llmContent": "Output: serving"}}
        said = agent.hook("AfterTool", {**common, **result})
        assert f"Port {port} is in use" in said["hookSpecificOutput"]["additionalContext"]
        assert agent.hook("AfterTool", {**common, **result}) is None
        again = {**common, "tool_input": {"command": f"python3 -u -m http.server {port}"}}
        agent.hook("BeforeTool", again)
        error = f"OSError: [Errno 98] Address already in use: {port}\nExit Code: 1"
        failed = agent.hook("AfterTool", {**again, "tool_response": {"llmContent": error}})
        said = failed["hookSpecificOutput"]["additionalContext"]
        assert "is taken by" in said
        assert "is in use by" not in said  # one conflict is told once
        moved = {"llmContent": f"✓ STYXY: Port {port} was in use, auto-assigned port 3007"}
        agent.hook("BeforeTool", common)
        assert agent.hook("AfterTool", {**common, "tool_response": moved}) is None


def test_one_call_is_told_once(shop: Agent, blog: Agent) -> None:
    port = free_port()
    blog.start_server(port)
    payload = {
        "session_id": shop.session,
        "cwd": str(shop.project),
        "tool_name": "Bash",
        "tool_input": {"command": f"python3 -m http.server {port}"},
        "tool_use_id": "toolu_told",
    }
    assert shop.hook("PreToolUse", payload) is not None
    assert shop.hook("PreToolUse", payload) is None
    assert shop.hook("PreToolUse", {**payload, "tool_use_id": "toolu_other"}) is not None


def test_a_denial_is_repeated_to_every_hook_file(shop: Agent, blog: Agent) -> None:
    pid = blog.start_server(free_port())
    payload = {
        "session_id": shop.session,
        "cwd": str(shop.project),
        "tool_name": "Bash",
        "tool_input": {"command": f"kill {pid}"},
        "tool_use_id": "toolu_twice",
    }
    for _ in range(2):  # whoever asks must not hear less
        assert '"deny"' in json.dumps(shop.hook("PreToolUse", payload))


NOT_PERMITTED = """\
Traceback (most recent call last):
  File "/usr/lib/python3.11/socketserver.py", line 472, in server_bind
    self.socket.bind(self.server_address)
PermissionError: [Errno 13] Permission denied
"""


def failed(agent: Agent, command: str, error: str) -> str:
    return agent.says(
        "PostToolUseFailure",
        tool_name="Bash",
        tool_input={"command": command},
        tool_use_id=f"toolu_{error}{command}",
        error=f"Exit code 1\n{error}",
    )


def test_a_failed_start_is_explained(shop: Agent, blog: Agent) -> None:
    port = free_port()
    pid = blog.start_server(port)
    said = failed(
        shop, f"PORT={port} node server.js", f"Error: listen EADDRINUSE: address in use :::{port}"
    )
    assert said.startswith(f"Port {port} is taken by ")
    assert f"(pid {pid})" in said
    assert "node server.js" in said.splitlines()[-1]


def test_a_start_that_failed_for_want_of_permission_is_no_conflict(shop: Agent) -> None:
    said = failed(shop, "python3 -m http.server 80", NOT_PERMITTED)
    assert "Port 80 is not taken" in said


def test_a_failure_of_another_kind_is_passed_in_silence(shop: Agent) -> None:
    assert failed(shop, "npm test", "AssertionError: 1 != 2") == ""


def test_an_agent_without_exit_statuses_is_told_of_a_failed_start_alone(
    daemon: Daemon, blog: Agent, tmp_path: Path
) -> None:
    port = free_port()
    blog.start_server(port)
    text = f"Error: listen EADDRINUSE: address already in use 127.0.0.1:{port}\n"
    with Agent(daemon, worktree(tmp_path / "shop"), agent="codex") as agent:
        after = {"tool_name": "Bash", "tool_response": text}
        served = agent.says(
            "PostToolUse", tool_input={"command": "node server.js"}, tool_use_id="1", **after
        )
        assert served.startswith(f"Port {port} is taken by ")
        searched = {"command": "grep -rn EADDRINUSE ."}
        assert agent.says("PostToolUse", tool_input=searched, tool_use_id="2", **after) == ""


def notification(call: str, path: Path, status: str = "failed") -> str:
    return (
        f"<task-notification>\n<task-id>b1</task-id>\n<tool-use-id>{call}</tool-use-id>\n"
        f"<output-file>{path}</output-file>\n<status>{status}</status>\n</task-notification>"
    )


def test_a_server_that_failed_in_the_background_is_explained(
    shop: Agent, blog: Agent, tmp_path: Path
) -> None:
    port = free_port()
    blog.start_server(port)
    shop.says(
        "PreToolUse",
        tool_name="Bash",
        tool_input={"command": f"sleep 1; PORT={port} node server.js", "run_in_background": True},
        tool_use_id="toolu_background",
    )
    output = tmp_path / "b1.output"
    output.write_text(f"Error: listen EADDRINUSE: address already in use :::{port}\n")
    said = shop.says("UserPromptSubmit", prompt=notification("toolu_background", output))
    assert said.startswith(f"Port {port} is taken by ")
    assert "node server.js" in said
    for prompt in (
        notification("toolu_background", output, status="completed"),
        notification("toolu_background", tmp_path / "missing"),
        notification("toolu_background", Path("/dev/zero")),
        "please look at EADDRINUSE",
    ):
        assert shop.says("UserPromptSubmit", prompt=prompt) == ""


def test_what_copilot_reads_later_is_explained_as_of_its_command(
    daemon: Daemon, blog: Agent, tmp_path: Path
) -> None:
    port = free_port()
    blog.start_server(port)
    output = f"OSError: [Errno 98] Address already in use: {port}\n"
    ended = output + "<shellId: {} completed with exit code 1>"
    with Agent(daemon, worktree(tmp_path / "shop"), agent="copilot") as agent:
        common = {"sessionId": agent.session, "cwd": str(agent.project)}
        line = f"python3 -m http.server {port}"
        started = {"command": line, "mode": "async", "shellId": "s1"}
        begun = {"textResultForLlm": "<command started in background with shellId: s1>"}
        call = {**common, "toolName": "bash", "toolArgs": started}
        agent.hook("preToolUse", call)
        assert agent.hook("postToolUse", {**call, "toolResult": begun}) is None
        for shell, is_told in (("s2", False), ("s1", True)):
            later = {
                **common,
                "toolName": "read_bash",
                "toolArgs": {"shellId": shell, "delay": 1},
                "toolResult": {"resultType": "success", "textResultForLlm": ended.format(shell)},
            }
            said = (agent.hook("postToolUse", later) or {}).get("additionalContext", "")
            assert (f"Port {port} is taken by" in said) == is_told
            assert ("python3 -m http.server" in said) == is_told


def test_servers_run_under_styxy_where_the_user_wants_that(daemon: Daemon, shop: Agent) -> None:
    daemon.call("PATCH", "/config", {"changes": {"agents": {"rewrite": True}}})
    try:
        answer = shop.hook(
            "PreToolUse",
            {
                "session_id": shop.session,
                "cwd": str(shop.project),
                "tool_name": "Bash",
                "tool_input": {"command": "cd web && npx vite", "timeout": 7},
                "tool_use_id": "toolu_rewritten",
            },
        )
        specific = answer["hookSpecificOutput"]
        assert specific["updatedInput"] == {
            "command": "cd web && styxy run -- npx vite",
            "timeout": 7,
        }
        assert "styxy run -- npx vite" in specific["additionalContext"]
        assert "permissionDecision" not in specific
        assert shop.wants_to_run("ls") == ""
    finally:
        daemon.call("PATCH", "/config", {"changes": {"agents": {"rewrite": False}}})


def test_a_login_shell_with_a_bare_path_finds_styxy_in_a_changed_command(
    daemon: Daemon, tmp_path: Path
) -> None:
    project = worktree(tmp_path / "shop")
    styxy, vite = daemon.home / "bin" / "styxy", project / "bin" / "vite"
    for program, text in ((styxy, f'exec {sys.executable} -P -m styxy "$@"'), (vite, "echo ran")):
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o700)
    daemon.call("PATCH", "/config", {"changes": {"agents": {"rewrite": True}}})
    try:
        with Agent(daemon, project, agent="codex") as agent:
            payload = {
                "session_id": agent.session,
                "cwd": str(project),
                "tool_name": "Bash",
                "tool_input": {"command": "true && bin/vite"},
            }
            answer = agent.hook("PreToolUse", payload)
    finally:
        daemon.call("PATCH", "/config", {"changes": {"agents": {"rewrite": False}}})
    line = answer["hookSpecificOutput"]["updatedInput"]["command"]
    assert line == f"true && {styxy} run -- bin/vite"
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "STYXY_HOME": str(daemon.home)}
    done = subprocess.run(
        ["bash", "-lc", line], env=env, cwd=project, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr


def test_an_agent_that_names_the_changed_command_afterwards_is_told_of_the_change(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.call("PATCH", "/config", {"changes": {"agents": {"rewrite": True}}})
    try:
        with Agent(daemon, worktree(tmp_path / "shop"), agent="gemini") as agent:
            common = {
                "tool_name": "run_shell_command",
                "session_id": agent.session,
                "cwd": str(agent.project),
            }
            before = agent.hook("BeforeTool", {**common, "tool_input": {"command": "npx vite"}})
            changed = before["hookSpecificOutput"]["tool_input"]
            output = "✓ STYXY: Port 5173 was in use, auto-assigned port 5174"
            result = {"tool_response": {"llmContent": f"Output: {output}"}}
            said = agent.hook("AfterTool", {**common, "tool_input": changed, **result})
        assert changed == {"command": "styxy run -- npx vite"}
        assert changed["command"] in said["hookSpecificOutput"]["additionalContext"]
    finally:
        daemon.call("PATCH", "/config", {"changes": {"agents": {"rewrite": False}}})


def test_opencode_asks_for_variables_and_for_its_instructions(
    daemon: Daemon, tmp_path: Path
) -> None:
    with Agent(daemon, worktree(tmp_path / "shop"), agent="opencode") as agent:
        common = {"sessionID": agent.session, "directory": str(agent.project)}
        variables = agent.hook("shell.env", common)["env"]
        assert variables["LD_PRELOAD"].endswith("libstyxy.so")
        assert variables["STYXY_INSTANCE_ID"] == f"opencode-{agent.session}"
        said = agent.hook("experimental.chat.system.transform", common)["context"]
        assert "as usual" in said


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b"{}", b"[" * 50_000,
     b'{"hook_event_name": 7}', b'{"session_id": {}, "tool_input": []}'],
)  # fmt: skip
def test_nonsense_is_answered_with_nothing(daemon: Daemon, body: bytes) -> None:
    assert raw(daemon, "/hooks/claude/PreToolUse", body) == (200, b"")
    assert raw(daemon, "/hooks/auto/auto", body) == (200, b"")


def test_a_command_that_is_no_text_is_answered_all_the_same(shop: Agent, blog: Agent) -> None:
    port = free_port()
    blog.start_server(port)
    said = shop.wants_to_run(f"python3 -m http.server {port} # \ud800 \0 \x1b")
    assert said.startswith(f"Port {port} is in use")


def test_a_byte_order_mark_is_accepted(daemon: Daemon, shop: Agent) -> None:
    payload = {"session_id": shop.session, "cwd": str(shop.project)}
    status, said = raw(
        daemon, "/hooks/claude/SessionStart", b"\xef\xbb\xbf" + json.dumps(payload).encode()
    )
    assert status == 200
    assert b"additionalContext" in said


def test_a_long_output_is_accepted_and_a_huge_one_refused(daemon: Daemon) -> None:
    assert raw(daemon, "/hooks/claude/PostToolUse", b" " * 200_000 + b"{}") == (200, b"")
    assert raw(daemon, "/hooks/claude/PostToolUse", b" " * 300_000)[0] == 413


def test_an_unknown_agent_is_named(daemon: Daemon) -> None:
    answer = daemon.call("POST", "/hooks/clippy/SessionStart", {})
    assert answer.status == 400
    assert "clippy" in answer.body["error"]


def test_hooks_are_answered_over_tcp_with_the_token_alone(daemon: Daemon) -> None:
    assert daemon.call("POST", "/hooks/claude/SessionStart", {}, over="bare").status == 401
    assert (
        daemon.call(
            "POST", "/hooks/claude/SessionStart", {}, over="tcp", Origin="http://evil.example"
        ).status
        == 403
    )
    answer = daemon.call("POST", "/hooks/claude/SessionStart", {"session_id": "tcp"}, over="tcp")
    assert "additionalContext" in answer.body["hookSpecificOutput"]


def raw(daemon: Daemon, path: str, body: bytes) -> tuple[int, bytes]:
    connection = daemon.connect()
    connection.request("POST", path, body)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found
