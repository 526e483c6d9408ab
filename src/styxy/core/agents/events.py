"""What a hook reports and what it is answered, whichever agent called it. Values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal[
    "session start",
    "prompt",
    "before command",
    "after command",
    "environment",
    "system prompt",
    "session end",
]
"""What happened. `environment`: the agent asks for the variables of a command. `system prompt`: it
asks what to add to its instructions."""

Outcome = Literal["passed", "failed", "unknown"]


class HookEvent(Struct, frozen=True, kw_only=True):
    """One call of a hook.

    `agent` is whose protocol the hook speaks, and `speaker` the agent that called it: Cursor calls
    the hooks of Claude Code as well as its own. `name` is the agent's own word for what happened,
    and `tool_input` is the input of its tool as it was sent. `call_id` identifies the tool call; it
    is empty where the agent has no ids. `shell_id` is what the agent calls the shell of a command
    that may go on in the background. `directory` is absolute, or None.
    """

    agent: str
    speaker: str = ""
    name: str
    kind: Kind
    session_id: str = ""
    directory: str | None = None
    command: str = ""
    call_id: str = ""
    shell_id: str = ""
    tool_input: Mapping[str, Any] = field(default_factory=dict)
    output: str = ""
    outcome: Outcome = "unknown"
    prompt: str = ""


class Advice(Struct, frozen=True, kw_only=True):
    """What an agent is told; nothing, usually.

    `denial` stops the command and says why. `context` reaches the model. `command` replaces the
    command that was about to run. `variables` are added to the environment of a command.
    """

    denial: str = ""
    context: str = ""
    command: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.denial or self.context or self.command or self.variables)


SILENCE = Advice()
