"""Write advice as each agent's protocol allows it: one row for each agent.

An answer has only fields that the agent knows: Codex, for one, ignores an answer with any other.
Advice that an event cannot carry is left out, and the caller knows from the row what arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.core.agents.events import Advice, HookEvent

Answer = dict[str, Any]


class Protocol(Struct, frozen=True, kw_only=True):
    """How an agent is answered.

    `shows_before`: its model sees what is said before a command that is allowed. `can_rewrite`: a
    command can be replaced. `runs_login_shell`: its commands run with the PATH that /etc/profile
    sets, which need not lead to what the agent itself finds.
    """

    write: Callable[[HookEvent, Advice], Answer]
    shows_before: bool = True
    can_rewrite: bool = True
    runs_login_shell: bool = False


def _claude(event: HookEvent, advice: Advice) -> Answer:
    # No decision beside `updatedInput`: it would skip the question to the user.
    return _specific(event, advice, with_decision=False)


def _codex(event: HookEvent, advice: Advice) -> Answer:
    return _specific(event, advice, with_decision=True)


def _qwen(event: HookEvent, advice: Advice) -> Answer:
    return _specific(event, advice, with_decision=False)


def _gemini(event: HookEvent, advice: Advice) -> Answer:
    if advice.denial:
        return {"decision": "deny", "reason": advice.denial}
    specific: Answer = {"hookEventName": event.name}
    if advice.command:
        specific["tool_input"] = _replaced(event, advice)
    if advice.context:
        specific["additionalContext"] = advice.context
    return {"hookSpecificOutput": specific} if len(specific) > 1 else {}


def _copilot(event: HookEvent, advice: Advice) -> Answer:
    if event.name[:1].isupper():  # its hook file spoke Claude's dialect
        return _specific(event, advice, with_decision=True)
    answer: Answer = {}
    if advice.denial:
        return {"permissionDecision": "deny", "permissionDecisionReason": advice.denial}
    if advice.command:
        answer |= {"permissionDecision": "allow", "modifiedArgs": _replaced(event, advice)}
    if advice.context:
        answer["additionalContext"] = advice.context
    return answer


def _opencode(_event: HookEvent, advice: Advice) -> Answer:
    answer = {"deny": advice.denial, "context": advice.context, "command": advice.command}
    variables = {"env": dict(advice.variables)} if advice.variables else {}
    return {key: value for key, value in answer.items() if value} | variables


def _cursor(event: HookEvent, advice: Advice) -> Answer:
    if advice.denial:
        return {
            "permission": "deny",
            "user_message": advice.denial,
            "agent_message": advice.denial,
        }
    answer: Answer = {}
    if advice.command and event.name == "preToolUse":
        answer["updated_input"] = _replaced(event, advice)
    if advice.context and event.kind != "before command":
        answer["additional_context"] = advice.context
    return answer


def _specific(event: HookEvent, advice: Advice, *, with_decision: bool) -> Answer:
    """Write the answer of Claude Code, whose form several agents have taken over."""
    specific: Answer = {"hookEventName": event.name}
    if advice.denial:
        specific["permissionDecision"] = "deny"
        specific["permissionDecisionReason"] = advice.denial
    elif advice.command:
        specific["updatedInput"] = _replaced(event, advice)
        if with_decision:
            specific["permissionDecision"] = "allow"
    if advice.context and not advice.denial:
        specific["additionalContext"] = advice.context
    return {"hookSpecificOutput": specific} if len(specific) > 1 else {}


def _replaced(event: HookEvent, advice: Advice) -> Mapping[str, Any]:
    # The new input replaces the whole: what is not copied would be lost.
    key = next((key for key in ("command", "cmd") if key in event.tool_input), "command")
    return {**event.tool_input, key: advice.command}


PROTOCOLS: dict[str, Protocol] = {
    "claude": Protocol(write=_claude),
    "codex": Protocol(write=_codex, runs_login_shell=True),
    "gemini": Protocol(write=_gemini, shows_before=False),
    "qwen": Protocol(write=_qwen, shows_before=False, can_rewrite=False),
    "copilot": Protocol(write=_copilot),
    "opencode": Protocol(write=_opencode, shows_before=False),
    "cursor": Protocol(write=_cursor, shows_before=False),
}
"""Every agent that Styxy speaks with."""
