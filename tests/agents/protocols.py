"""What each agent accepts as the answer of a hook: the fields of each event, and which go together.

An agent drops, or worse, an answer with a field that it does not know (Codex runs the command as if
nothing had been said), so the tests hold every answer against this table. It was found by running
the agents; Cursor's is from its documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

OUTPUT = "hookSpecificOutput"

_CONTEXT = frozenset({f"{OUTPUT}.hookEventName", f"{OUTPUT}.additionalContext"})
_DECISION = frozenset(
    {
        f"{OUTPUT}.hookEventName",
        f"{OUTPUT}.permissionDecision",
        f"{OUTPUT}.permissionDecisionReason",
    }
)
_REWRITE = frozenset({f"{OUTPUT}.updatedInput.*"})
_COPILOT_DECISION = frozenset({"permissionDecision", "permissionDecisionReason"})

FIELDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "claude": {
        "SessionStart": _CONTEXT,
        "UserPromptSubmit": _CONTEXT,
        "PreToolUse": _CONTEXT | _DECISION | _REWRITE,
        "PostToolUse": _CONTEXT,
        "PostToolUseFailure": _CONTEXT,
    },
    "codex": {
        "SessionStart": _CONTEXT,
        "PreToolUse": _CONTEXT | _DECISION | _REWRITE,
        "PostToolUse": _CONTEXT,
    },
    "gemini": {
        "SessionStart": _CONTEXT,
        "BeforeTool": frozenset(
            {"decision", "reason", f"{OUTPUT}.hookEventName", f"{OUTPUT}.tool_input.*"}
        ),
        "AfterTool": _CONTEXT,
    },
    "qwen": {
        "SessionStart": _CONTEXT,
        "PreToolUse": _DECISION,
        "PostToolUse": _CONTEXT,
        "PostToolUseFailure": _CONTEXT,
    },
    "copilot": {
        "sessionStart": frozenset({"additionalContext"}),
        "preToolUse": _COPILOT_DECISION | {"additionalContext", "modifiedArgs.*"},
        "postToolUse": frozenset({"additionalContext"}),
        "SessionStart": _CONTEXT,
        "PreToolUse": _CONTEXT | _DECISION | _REWRITE,
        "PostToolUse": _CONTEXT,
    },
    "opencode": {
        "session.created": frozenset({"context"}),
        "experimental.chat.system.transform": frozenset({"context"}),
        "tool.execute.before": frozenset({"deny", "command"}),
        "tool.execute.after": frozenset({"context"}),
        "shell.env": frozenset({"env.*"}),
    },
    "cursor": {
        "sessionStart": frozenset({"additional_context", "env.*"}),
        "preToolUse": frozenset({"permission", "user_message", "agent_message", "updated_input.*"}),
        "postToolUse": frozenset({"additional_context"}),
        "postToolUseFailure": frozenset({"additional_context"}),
    },
}
"""By agent and event, the fields as dotted paths; `.*` stands for anything below. An event that is
not here has to be answered with nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an agent refuses a command and how it hears of a failure, as dotted paths.

    Where `decision` is None, the reason alone refuses.
    """

    before: str
    decision: str | None
    reason: str
    after: str
    context: str


_CLAUDE = Manner(
    before="PreToolUse",
    decision=f"{OUTPUT}.permissionDecision",
    reason=f"{OUTPUT}.permissionDecisionReason",
    after="PostToolUseFailure",
    context=f"{OUTPUT}.additionalContext",
)

MANNERS: Mapping[str, Manner] = {
    "claude": _CLAUDE,
    "codex": Manner(
        before=_CLAUDE.before, decision=_CLAUDE.decision, reason=_CLAUDE.reason,
        after="PostToolUse", context=_CLAUDE.context,
    ),
    "gemini": Manner(
        before="BeforeTool", decision="decision", reason="reason",
        after="AfterTool", context=_CLAUDE.context,
    ),
    "qwen": _CLAUDE,
    "copilot": Manner(
        before="preToolUse", decision="permissionDecision", reason="permissionDecisionReason",
        after="postToolUse", context="additionalContext",
    ),
    "opencode": Manner(
        before="tool.execute.before", decision=None, reason="deny",
        after="tool.execute.after", context="context",
    ),
    "cursor": Manner(
        before="preToolUse", decision="permission", reason="agent_message",
        after="postToolUseFailure", context="additional_context",
    ),
}  # fmt: skip
"""By agent."""


def faults(agent: str, event: str, answer: bytes) -> list[str]:
    """List what an agent would not accept of an answer; none where it is empty or right."""
    if not answer:
        return []
    try:
        document = json.loads(answer)
    except ValueError:
        return ["not JSON"]
    if not isinstance(document, dict) or not document:
        return ["not an object with something in it"]
    allowed = FIELDS[agent].get(event, frozenset())
    unknown = [f"has {path}" for path in sorted(paths(document)) if not _is_in(path, allowed)]
    return [*unknown, *_contradictions(agent, event, document)]


def paths(document: Mapping[str, object], before: str = "") -> Iterator[str]:
    """Yield the dotted path of every value that holds no other."""
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def field(document: Mapping[str, object], path: str) -> object:
    """Take the value at a dotted path; None where there is none."""
    value: object = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_in(path: str, allowed: frozenset[str]) -> bool:
    wild = (each.removesuffix("*") for each in allowed if each.endswith(".*"))
    return path in allowed or path.startswith(tuple(wild))


def _contradictions(agent: str, event: str, document: Mapping[str, object]) -> Iterator[str]:
    """Yield what is wrong though every field is known."""
    own = document.get(OUTPUT)
    if isinstance(own, dict) and own.get("hookEventName") != event:
        yield f"hookEventName is {own.get('hookEventName')}, not {event}"
    if event != MANNERS[agent].before and event != "PreToolUse":
        return
    manner = _CLAUDE if event == "PreToolUse" else MANNERS[agent]
    if manner.decision is None:
        return
    decision, reason = field(document, manner.decision), field(document, manner.reason)
    rewrites = any("updatedInput." in path or "modifiedArgs." in path for path in paths(document))
    if (decision == "deny") != bool(reason):
        yield f"the decision is {decision}, its reason {reason!r}"
    if rewrites and (decision == "allow") != (agent in ("codex", "copilot")):
        yield f"rewrites with the decision {decision}"
    if decision == "allow" and not rewrites and agent != "cursor":
        yield "allows, and changes nothing"
    if decision not in (None, "deny", "allow"):
        yield f"decides {decision}"
