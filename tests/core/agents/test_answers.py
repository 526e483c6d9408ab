"""What each agent is answered: the fields of its protocol, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from styxy.core.agents.answers import PROTOCOLS
from styxy.core.agents.events import Advice, HookEvent

INPUT = {"command": "npm run dev", "timeout": 5000, "run_in_background": True}


def before(agent: str, name: str = "PreToolUse") -> HookEvent:
    return HookEvent(
        agent=agent, name=name, kind="before command", command="npm run dev", tool_input=INPUT
    )


def answer(event: HookEvent, advice: Advice) -> dict[str, Any]:
    return PROTOCOLS[event.agent].write(event, advice)


CLAUDES_WAY = [
    ("claude", "PreToolUse"),
    ("codex", "PreToolUse"),
    ("qwen", "PreToolUse"),
    ("copilot", "PreToolUse"),
]
DENIALS: list[tuple[str, str, dict[str, Any]]] = [
    *(
        (
            agent,
            name,
            {
                "hookSpecificOutput": {
                    "hookEventName": name,
                    "permissionDecision": "deny",
                    "permissionDecisionReason": "no",
                }
            },
        )
        for agent, name in CLAUDES_WAY
    ),
    ("gemini", "BeforeTool", {"decision": "deny", "reason": "no"}),
    (
        "copilot",
        "preToolUse",
        {"permissionDecision": "deny", "permissionDecisionReason": "no"},
    ),
    ("opencode", "tool.execute.before", {"deny": "no"}),
    (
        "cursor",
        "preToolUse",
        {"permission": "deny", "user_message": "no", "agent_message": "no"},
    ),
]


@pytest.mark.parametrize(("agent", "name", "expected"), DENIALS)
def test_a_denial_has_the_form_of_the_agent(
    agent: str, name: str, expected: dict[str, Any]
) -> None:
    assert answer(before(agent, name), Advice(denial="no")) == expected


def test_a_denial_is_delivered_alone() -> None:
    said = answer(before("claude"), Advice(denial="no", context="more", command="x"))
    assert "more" not in str(said)
    assert "updatedInput" not in str(said)


COMMAND = "styxy run -- npm run dev"
REWRITTEN = {**INPUT, "command": COMMAND}


@pytest.mark.parametrize(
    ("agent", "name", "expected"),
    [
        ("claude", "PreToolUse", {"updatedInput": REWRITTEN}),
        ("codex", "PreToolUse", {"updatedInput": REWRITTEN, "permissionDecision": "allow"}),
        ("copilot", "PreToolUse", {"updatedInput": REWRITTEN, "permissionDecision": "allow"}),
        ("gemini", "BeforeTool", {"tool_input": REWRITTEN}),
    ],
)
def test_a_rewritten_command_keeps_all_other_input(
    agent: str, name: str, expected: dict[str, Any]
) -> None:
    advice = Advice(command=COMMAND, context="rewritten")
    assert answer(before(agent, name), advice) == {
        "hookSpecificOutput": {
            "hookEventName": name,
            **expected,
            "additionalContext": "rewritten",
        }
    }


def test_agents_with_forms_of_their_own_get_a_rewritten_command_as_well() -> None:
    advice = Advice(command=COMMAND)
    assert answer(before("copilot", "preToolUse"), advice) == {
        "permissionDecision": "allow",
        "modifiedArgs": REWRITTEN,
    }
    assert answer(before("cursor", "preToolUse"), advice) == {"updated_input": REWRITTEN}
    assert answer(before("cursor", "beforeShellExecution"), advice) == {}
    opencode = answer(before("opencode", "tool.execute.before"), advice)
    assert opencode == {"command": COMMAND}


@pytest.mark.parametrize("agent", PROTOCOLS)
def test_context_reaches_every_agent_after_a_command(agent: str) -> None:
    event = HookEvent(agent=agent, name="PostToolUse", kind="after command")
    said = answer(event, Advice(context="Port 3000 is taken"))
    assert "Port 3000 is taken" in str(said)


@pytest.mark.parametrize("agent", PROTOCOLS)
def test_variables_alone_are_nothing_but_for_opencode(agent: str) -> None:
    event = HookEvent(agent=agent, name="shell.env", kind="environment")
    said = answer(event, Advice(variables={"A": "b"}))
    assert said == ({"env": {"A": "b"}} if agent == "opencode" else {})
