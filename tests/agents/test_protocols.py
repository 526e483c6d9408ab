"""The table of what agents accept notices an answer that one of them would drop."""

from __future__ import annotations

import json

import pytest

from tests.agents.protocols import faults

CONTEXT = {"hookEventName": "PreToolUse", "additionalContext": "port 3000 is taken"}
DENIAL = {
    "hookEventName": "PreToolUse",
    "permissionDecision": "deny",
    "permissionDecisionReason": "port 3000 is not yours",
}
REWRITE = {"hookEventName": "PreToolUse", "updatedInput": {"command": "true"}}


def own(output: object) -> bytes:
    """Spell an answer in Claude's dialect."""
    return json.dumps({"hookSpecificOutput": output}).encode()


@pytest.mark.parametrize(
    ("agent", "event", "answer"),
    [
        ("claude", "PreToolUse", b""),
        ("claude", "Stop", b""),
        ("claude", "PreToolUse", own(CONTEXT)),
        ("claude", "PreToolUse", own(DENIAL | CONTEXT)),
        ("claude", "PreToolUse", own(REWRITE)),
        ("codex", "PreToolUse", own(REWRITE | {"permissionDecision": "allow"})),
        ("gemini", "BeforeTool", b'{"decision": "deny", "reason": "not yours"}'),
        ("qwen", "PreToolUse", own(DENIAL)),
        ("copilot", "preToolUse", b'{"permissionDecision": "allow", "modifiedArgs": {"a": 1}}'),
        ("cursor", "preToolUse", b'{"permission": "deny", "agent_message": "not yours"}'),
    ],
)
def test_an_answer_that_the_agent_takes_has_no_fault(agent: str, event: str, answer: bytes) -> None:
    assert faults(agent, event, answer) == []


@pytest.mark.parametrize(
    ("agent", "event", "answer"),
    [
        ("claude", "PreToolUse", b"null"),
        ("claude", "PreToolUse", b"{}"),
        ("claude", "PreToolUse", b"plain words"),
        ("claude", "Stop", own(CONTEXT | {"hookEventName": "Stop"})),
        ("claude", "PostToolUse", own(CONTEXT)),
        ("claude", "PreToolUse", own(REWRITE | {"permissionDecision": "allow"})),
        ("claude", "PreToolUse", own(DENIAL | {"permissionDecision": "ask"})),
        ("codex", "PreToolUse", b'{"suppressOutput": true}'),
        ("codex", "PreToolUse", own(REWRITE)),
        ("codex", "PreToolUse", own({**CONTEXT, "permissionDecision": "allow"})),
        ("codex", "PreToolUse", own({**CONTEXT, "permissionDecisionReason": "alone"})),
        ("gemini", "BeforeTool", own(DENIAL | {"hookEventName": "BeforeTool"})),
        ("qwen", "PreToolUse", own(CONTEXT)),
        ("qwen", "PreToolUse", own(REWRITE)),
        ("copilot", "preToolUse", own(DENIAL)),
        ("copilot", "preToolUse", b'{"modifiedArgs": {"command": "true"}}'),
        ("cursor", "preToolUse", b'{"permission": "deny"}'),
    ],
)
def test_an_answer_that_the_agent_drops_has_a_fault(agent: str, event: str, answer: bytes) -> None:
    assert faults(agent, event, answer) != []
