"""Read what a hook sends on standard input into a `HookEvent`.

Agents use different names for the same thing. One table holds all of them, because no name means
different things to two agents. A payload is somebody else's: whatever is missing or of an
unexpected type counts as not sent.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from styxy.core.agents.events import HookEvent
from styxy.core.agents.outcomes import outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.core.agents.events import Kind

KINDS: dict[str, Kind] = {
    "sessionstart": "session start",
    "sessioncreated": "session start",
    "userpromptsubmit": "prompt",
    "userpromptsubmitted": "prompt",
    "beforeagent": "prompt",
    "pretooluse": "before command",
    "beforetool": "before command",
    "beforeshellexecution": "before command",
    "toolexecutebefore": "before command",
    "posttooluse": "after command",
    "posttoolusefailure": "after command",
    "aftertool": "after command",
    "aftershellexecution": "after command",
    "toolexecuteafter": "after command",
    "shellenv": "environment",
    "experimentalchatsystemtransform": "system prompt",
    "chatsystemtransform": "system prompt",
    "sessionend": "session end",
    "sessiondeleted": "session end",
}
"""What each event is, by its name in lower case without punctuation."""

SHELLS = frozenset(
    {"bash", "monitor", "powershell", "run_shell_command", "shell", "execute", "runterminalcommand",
     "exec_command", "shell_command", "local_shell", "run_in_terminal"}
)  # fmt: skip
"""Tools that run a command line, in lower case."""

READERS = frozenset({"read_bash", "read_powershell"})
"""Tools that read what a command in the background has printed since."""

CURSOR = "cursor_version"

_SESSION = ("session_id", "sessionId", "sessionID", "conversation_id")
_DIRECTORY = ("cwd", "directory")
_TOOL = ("tool_name", "toolName", "tool")
_INPUT = ("tool_input", "toolArgs", "toolInput", "args")
_COMMAND = ("command", "cmd", "command_line")
_SHELL = ("shellId", "shell_id")
_CALL = ("tool_use_id", "tool_call_id", "toolCallId", "callID", "call_id")
_EVENT = ("hook_event_name", "hookEventName", "hookName")


def event_of(agent: str, name: str, payload: Mapping[str, Any]) -> HookEvent | None:
    """Read a payload; None if it is about something that Styxy has no part in.

    `name` is the event as it was given on the command line; an empty one is looked up in the
    payload.
    """
    name = name or _text(payload, _EVENT)
    kind = KINDS.get("".join(filter(str.isalnum, name)).lower())
    if kind is None:
        return None
    tool_input = _input(payload)
    command = _command(tool_input) or _command(payload)
    tool = _text(payload, _TOOL)
    shell_id = _text(tool_input, _SHELL)
    is_read = kind == "after command" and tool.lower() in READERS and bool(shell_id)
    is_run = bool(command) and (not tool or tool.lower() in SHELLS)
    if kind in ("before command", "after command") and not (is_run or is_read):
        return None
    output, outcome = outcome_of(name, payload)
    return HookEvent(
        agent=agent,
        speaker="cursor" if CURSOR in payload else agent,
        name=name,
        kind=kind,
        session_id=_text(payload, _SESSION).encode("utf-8", "replace").decode(),
        directory=_directory(payload),
        command="" if is_read else command,
        call_id=_text(payload, _CALL),
        shell_id=shell_id,
        tool_input=tool_input,
        output=output,
        outcome=outcome,
        prompt=_text(payload, ("prompt",)),
    )


def agent_of(payload: Mapping[str, Any]) -> str:
    """Recognise the agent by what it sends, where one hook file serves several."""
    transcript = _text(payload, ("transcript_path",))
    if CURSOR in payload:
        return "cursor"
    if "sessionId" in payload:
        return "copilot"
    if "sessionID" in payload or "callID" in payload:
        return "opencode"
    if "timestamp" in payload:
        if "permission_mode" in payload:
            return "qwen"
        return "gemini" if transcript else "copilot"
    if "turn_id" in payload or transcript.rpartition("/")[2].startswith("rollout-"):
        return "codex"
    return "claude"


def _text(payload: Mapping[str, Any], names: tuple[str, ...]) -> str:
    values = (payload.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value), "")


def _input(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in _INPUT:
        value = payload.get(name)
        if isinstance(value, str):  # some versions send the arguments as JSON text
            value = _decoded(value)
        if isinstance(value, dict):
            return value
    return {}


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _command(values: Mapping[str, Any]) -> str:
    for name in _COMMAND:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            return shlex.join(value)  # an argument list: ["bash", "-lc", "npm run dev"]
    return ""


def _directory(payload: Mapping[str, Any]) -> str | None:
    found = _text(payload, _DIRECTORY)
    roots = payload.get("workspace_roots")
    if not found and isinstance(roots, list) and roots and isinstance(roots[0], str):
        found = roots[0]
    return found if found.startswith("/") and _is_path(found) else None


def _is_path(text: str) -> bool:
    """Return whether a path can be spelled; half a surrogate pair stands for no byte (PEP 383)."""
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
