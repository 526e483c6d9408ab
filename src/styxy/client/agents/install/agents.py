"""The agents: where each looks for hooks, which events it has, and what it cannot do.

The one table of this knowledge. Installing, status, the plugin files of the repository and the
documents are derived from it or compared with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

SECONDS = 1
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of an agent; `matcher` names its shell tools where it tells tools apart.

    `timeout` is in seconds. The program itself gives up after one at most.
    """

    name: str
    matcher: str | None = None
    timeout: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How an agent spells one hook. Codex drops a file with any key that it does not know."""

    has_groups: bool = True
    """Hooks lie in groups, which have the matcher; otherwise the matcher is the hook's own."""
    command: str = "command"
    takes_args: bool = False
    """The program is started without a shell, its arguments in `args`."""
    timeout: str | None = "timeout"
    timeout_unit: int = SECONDS
    more: Mapping[str, object] = field(default_factory=dict)
    document: Mapping[str, object] = field(default_factory=dict)
    """What a file that holds nothing else begins with."""
    keys: tuple[str, ...] = ()
    """The keys beside which no other may stand at the top, if the agent then reads nothing."""
    types: tuple[str, ...] = ()
    """The types of hooks, if the agent reads nothing of a file with another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent. `file` is relative to its directory, `project_file` to a project."""

    name: str
    title: str
    programs: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    """Variables that move the agent's directory, and where it then is below their value."""
    usual: str
    file: str
    project_file: str
    events: tuple[Event, ...]
    shape: Shape
    limits: tuple[str, ...]
    takes_comments: bool = True
    """Whether it reads a file with comments and trailing commas; otherwise it ignores the file."""
    switch: tuple[tuple[str, ...], bool] | None = None
    """The setting that turns all hooks off, and the value with which it does."""
    has_only_hooks: bool = True
    """The file is for hooks alone, so an empty one may go."""
    notes: tuple[str, ...] = ()
    """What the user has to know after an installation."""

    @property
    def is_script(self) -> bool:
        """Tell whether the agent takes a program in JavaScript instead of a list of hooks."""
        return self.file.endswith(".js")

    def directory(self, env: Mapping[str, str]) -> str:
        """Name the directory that the agent itself reads, by the variables that it honours."""
        for variable, below in self.variables:
            if value := env.get(variable):
                return os.path.abspath(os.path.join(value, below))
        return os.path.join(env.get("HOME") or os.path.expanduser("~"), self.usual)


def _tools(*names: str, matcher: str) -> tuple[Event, ...]:
    return tuple(Event(name=name, matcher=matcher) for name in names)


def _events(*names: str) -> tuple[Event, ...]:
    return tuple(Event(name=name) for name in names)


INHERITS = "cannot move the servers of its commands by itself; start it with: styxy run -- {}"

NO_CONTEXT_BEFORE = (
    "tells the model nothing before a command that runs; the notice follows after it"
)

AGENTS = (
    Agent(
        name="claude",
        title="Claude Code",
        programs=("claude",),
        variables=(("CLAUDE_CONFIG_DIR", ""),),
        usual=".claude",
        file="settings.json",
        project_file=".claude/settings.json",
        events=(
            *_events("SessionStart", "UserPromptSubmit"),
            *_tools(
                "PreToolUse",
                "PostToolUse",
                "PostToolUseFailure",
                matcher="Bash|Monitor|PowerShell",
            ),
            *_events("SessionEnd"),
        ),
        shape=Shape(takes_args=True, more={"type": "command"}),
        takes_comments=False,
        switch=(("disableAllHooks",), True),
        has_only_hooks=False,
        limits=("a server that fails in the background is explained with the next prompt",),
    ),
    Agent(
        name="codex",
        title="Codex",
        programs=("codex",),
        variables=(("CODEX_HOME", ""),),
        usual=".codex",
        file="hooks.json",
        project_file=".codex/hooks.json",
        events=(
            *_events("SessionStart"),
            *_tools("PreToolUse", "PostToolUse", matcher="Bash"),
            Event(name="SessionEnd", timeout=3),  # the most that Codex gives to this one
        ),
        shape=Shape(
            more={"type": "command"},
            keys=("description", "hooks"),
            types=("command", "mcp_tool", "prompt", "agent"),
        ),
        takes_comments=False,
        limits=(
            "runs no hook that is not trusted, and does not say so",
            INHERITS.format("codex"),
            "explains a long command only when it looks at its end",
            "its sandbox keeps commands from every socket",
        ),
        notes=(
            "Codex skips the hooks until they are trusted: styxy agent install codex --trust, "
            "or start codex and type /hooks",
        ),
    ),
    Agent(
        name="gemini",
        title="Gemini CLI",
        programs=("gemini",),
        variables=(("GEMINI_CLI_HOME", ".gemini"),),
        usual=".gemini",
        file="settings.json",
        project_file=".gemini/settings.json",
        events=(
            *_events("SessionStart"),
            *_tools("BeforeTool", "AfterTool", matcher="run_shell_command"),
            *_events("SessionEnd"),
        ),
        shape=Shape(timeout_unit=MILLISECONDS, more={"name": "styxy", "type": "command"}),
        switch=(("hooksConfig", "enabled"), False),
        has_only_hooks=False,
        limits=(
            NO_CONTEXT_BEFORE,
            INHERITS.format("gemini"),
            "does not wait for the hook of a session's end",
        ),
    ),
    Agent(
        name="qwen",
        title="Qwen Code",
        programs=("qwen",),
        variables=(("QWEN_HOME", ""),),
        usual=".qwen",
        file="settings.json",
        project_file=".qwen/settings.json",
        events=(
            *_events("SessionStart"),
            *_tools("PreToolUse", "PostToolUse", "PostToolUseFailure", matcher="run_shell_command"),
            *_events("SessionEnd"),
        ),
        # Its versions disagree whether a timeout is in seconds or in milliseconds.
        shape=Shape(timeout=None, more={"type": "command"}),
        switch=(("disableAllHooks",), True),
        has_only_hooks=False,
        limits=(NO_CONTEXT_BEFORE, "cannot rewrite a command", INHERITS.format("qwen")),
    ),
    Agent(
        name="copilot",
        title="Copilot CLI",
        programs=("copilot",),
        variables=(("COPILOT_HOME", ""),),
        usual=".copilot",
        file="hooks/styxy.json",
        project_file=".github/hooks/styxy.json",
        events=_events("sessionStart", "preToolUse", "postToolUse", "sessionEnd"),
        shape=Shape(
            has_groups=False,
            command="bash",
            timeout="timeoutSec",
            more={"type": "command"},
            document={"version": 1},
        ),
        limits=(
            INHERITS.format("copilot"),
            "denies every tool if a hook fails, so ours never does, not even without Styxy",
        ),
    ),
    Agent(
        name="opencode",
        title="opencode",
        programs=("opencode",),
        variables=(("OPENCODE_CONFIG_DIR", ""), ("XDG_CONFIG_HOME", "opencode")),
        usual=".config/opencode",
        file="plugins/styxy.js",
        project_file=".opencode/plugins/styxy.js",
        events=_events(
            "session.created",
            "tool.execute.before",
            "tool.execute.after",
            "shell.env",
            "experimental.chat.system.transform",
        ),
        shape=Shape(),
        limits=(
            NO_CONTEXT_BEFORE,
            "reads plugins when it starts, so that a running session has to be started again",
        ),
    ),
    Agent(
        name="cursor",
        title="Cursor",
        programs=("cursor-agent", "cursor"),
        variables=(),
        usual=".cursor",
        file="hooks.json",
        project_file=".cursor/hooks.json",
        events=(
            *_events("sessionStart"),
            *_tools("preToolUse", "postToolUse", "postToolUseFailure", matcher="Shell"),
            *_events("sessionEnd"),
        ),
        shape=Shape(has_groups=False, document={"version": 1}),
        limits=(
            "untested: written from its documentation",
            NO_CONTEXT_BEFORE,
            "ends a session only when the whole editor ends",
            INHERITS.format("cursor"),
        ),
    ),
)

BY_NAME = {agent.name: agent for agent in AGENTS}
