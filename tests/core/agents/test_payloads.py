"""What is read from a hook's payload, whichever agent wrote it. Also tests `outcomes`, `events`."""

from __future__ import annotations

from typing import Any

import pytest

from styxy.core.agents.events import HookEvent, Kind, Outcome
from styxy.core.agents.payloads import agent_of, event_of

CLAUDE: dict[str, Any] = {
    "session_id": "1a224700",
    "cwd": "/home/ada/shop",
    "tool_name": "Bash",
    "tool_input": {"command": "npm run dev", "timeout": 5000},
    "tool_use_id": "toolu_1",
}


def read(payload: dict[str, Any], agent: str = "claude", name: str = "PreToolUse") -> HookEvent:
    event = event_of(agent, name, payload)
    assert event is not None
    return event


def test_a_command_is_read_with_its_session_and_its_call() -> None:
    event = read(CLAUDE)
    assert (event.kind, event.session_id, event.directory) == (
        "before command",
        "1a224700",
        "/home/ada/shop",
    )
    assert (event.command, event.call_id) == ("npm run dev", "toolu_1")
    assert event.tool_input["timeout"] == 5000


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"sessionId": "s", "toolName": "bash", "toolArgs": {"command": "x"}}, "preToolUse"),
        ({"sessionId": "s", "toolName": "bash", "toolArgs": '{"command": "x"}'}, "preToolUse"),
        ({"tool": "bash", "sessionID": "s", "args": {"command": "x"}}, "tool.execute.before"),
        ({"conversation_id": "s", "command": "x"}, "beforeShellExecution"),
        ({"session_id": "s", "tool_name": "Shell", "tool_input": {"command": "x"}}, "preToolUse"),
        (
            {"session_id": "s", "tool_name": "run_shell_command", "tool_input": {"command": "x"}},
            "BeforeTool",
        ),
    ],
)
def test_each_agent_has_its_own_names_for_the_same(payload: dict[str, Any], name: str) -> None:
    event = read(payload, name=name)
    assert (event.kind, event.session_id, event.command) == ("before command", "s", "x")


def test_an_argument_list_is_read_as_the_line_that_it_makes() -> None:
    words = ["bash", "-lc", "npm run dev"]
    assert read({"tool_input": {"command": words}}).command == "bash -lc 'npm run dev'"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SessionStart", "session start"),
        ("session.created", "session start"),
        ("userPromptSubmitted", "prompt"),
        ("PostToolUseFailure", "after command"),
        ("shell.env", "environment"),
        ("experimental.chat.system.transform", "system prompt"),
        ("sessionEnd", "session end"),
    ],
)
def test_events_are_known_by_every_agents_name(name: str, kind: Kind) -> None:
    assert read(CLAUDE, name=name).kind == kind


def test_the_event_may_stand_in_the_payload_alone() -> None:
    assert read({**CLAUDE, "hook_event_name": "PostToolUse"}, name="").kind == "after command"


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (CLAUDE, "Stop"),
        (CLAUDE, ""),
        ({**CLAUDE, "tool_name": "Edit"}, "PreToolUse"),
        ({**CLAUDE, "tool_input": {}}, "PreToolUse"),
        ({**CLAUDE, "tool_input": {"command": "  "}}, "PreToolUse"),
        ({**CLAUDE, "tool_input": {"command": [1]}}, "PreToolUse"),
        ({**CLAUDE, "tool_input": "{"}, "PreToolUse"),
        ({**CLAUDE, "tool_input": 7}, "PreToolUse"),
    ],
)
def test_what_is_not_about_a_command_is_left_alone(payload: dict[str, Any], name: str) -> None:
    assert event_of("claude", name, payload) is None


@pytest.mark.parametrize("directory", ["shop", "", None, 7, "/a\0b", ["/x"], "/\ud800"])
def test_a_directory_that_cannot_be_one_counts_as_unknown(directory: object) -> None:
    assert read({**CLAUDE, "cwd": directory}).directory is None


def test_a_session_has_a_name_that_can_be_spelled() -> None:
    assert read({**CLAUDE, "session_id": "a\ud800"}).session_id == "a?"


def test_cursor_names_its_directory_as_a_root_of_its_workspace() -> None:
    payload = {"workspace_roots": ["/home/ada/shop"], "command": "x"}
    assert read(payload, name="beforeShellExecution").directory == "/home/ada/shop"


@pytest.mark.parametrize(
    ("name", "result", "outcome"),
    [
        ("PostToolUseFailure", {"error": "Exit code 1\nboom"}, "failed"),
        ("PostToolUse", {"tool_response": {"stdout": "boom", "stderr": ""}}, "passed"),
        ("PostToolUse", {"tool_response": "boom"}, "unknown"),
        ("AfterTool", {"tool_response": {"llmContent": "Output: boom\nExit Code: 1"}}, "failed"),
        ("AfterTool", {"tool_response": {"llmContent": "Output: boom"}}, "passed"),
        (
            "postToolUse",
            {"toolResult": {"textResultForLlm": "boom\n<shellId: s1 completed with exit code 1>"}},
            "failed",
        ),
        (
            "PostToolUse",
            {"tool_result": {"text_result_for_llm": "boom\n<s1 completed with exit code 0>"}},
            "passed",
        ),
        ("tool.execute.after", {"output": "boom", "metadata": {"exit": 1}}, "failed"),
        ("tool.execute.after", {"output": {"output": "boom", "metadata": {"exit": 1}}}, "failed"),
        ("tool.execute.after", {"output": "boom", "exit": 1}, "failed"),
        ("postToolUse", {"tool_output": "boom", "exitCode": 2}, "failed"),
        ("postToolUse", {"tool_output": '{"exitCode": 1, "stdout": "boom"}'}, "failed"),
        ("postToolUse", {"tool_output": '{"exitCode": 0, "stdout": "boom"}'}, "passed"),
        ("postToolUse", {"tool_output": '{"boom": true}'}, "unknown"),
        ("postToolUse", {"tool_output": '{"exitCode": boom'}, "unknown"),
        ("postToolUseFailure", {"error_message": "boom", "failure_type": "error"}, "failed"),
    ],
)
def test_an_outcome_is_read_as_the_agent_reports_it(
    name: str, result: dict[str, Any], outcome: Outcome
) -> None:
    event = read({**CLAUDE, **result}, name=name)
    assert "boom" in event.output
    assert event.outcome == outcome


def test_a_status_that_a_command_printed_does_not_hide_the_real_one() -> None:
    text = "Exit Code: 1 is what we test\nExit Code: 0"
    payload = {**CLAUDE, "tool_response": {"llmContent": text}}
    assert read(payload, name="AfterTool").outcome == "passed"


def test_only_the_end_of_a_long_output_is_read() -> None:
    event = read({**CLAUDE, "error": "x" * 100_000 + "the end"}, name="PostToolUseFailure")
    assert event.output.endswith("the end")
    assert len(event.output) == 16 * 1024


@pytest.mark.parametrize(
    ("payload", "agent"),
    [
        ({"session_id": "1", "transcript_path": "/h/.claude/projects/x.jsonl"}, "claude"),
        ({"session_id": "1", "turn_id": "2"}, "codex"),
        ({"session_id": "1", "transcript_path": "/h/rollout-2026.jsonl"}, "codex"),
        ({"session_id": "1", "timestamp": "t", "transcript_path": "/h/x"}, "gemini"),
        ({"session_id": "1", "timestamp": "t", "permission_mode": "yolo"}, "qwen"),
        ({"sessionId": "1", "timestamp": 7}, "copilot"),
        ({"session_id": "1", "timestamp": "t"}, "copilot"),
        ({"sessionID": "1"}, "opencode"),
        ({"cursor_version": "3", "session_id": "1"}, "cursor"),
    ],
)
def test_an_agent_is_recognised_by_what_it_sends(payload: dict[str, Any], agent: str) -> None:
    assert agent_of(payload) == agent
