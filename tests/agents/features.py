"""What Styxy does for an agent, and which agent has less of it, with the reason.

The tests of the real agents take from these tables what they have to see, and docs/agents.md what
it says. Where an agent cannot have a feature, the tests see that, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that an agent's user has from Styxy; `title` heads a column, `meaning` a part."""

    name: str
    title: str
    meaning: str


FEATURES = (
    Feature("ports", "ports at start", "A session starts."),
    Feature("again", "already running", "It starts its server while that is running."),
    Feature("taken", "taken port", "It starts a server on a port that another project serves on."),
    Feature("moved", "moved", "The same, and the server moves to a free port."),
    Feature("failure", "failure", "A server that Styxy cannot move fails on that port."),
    Feature("background", "background failure", "The same for a server in the background."),
    Feature("guard", "guard", "It tries to kill what listens on that port."),
    Feature("own", "own server", "It kills its own server in the same way."),
    Feature("rewrite", "rewrite", "With `rewrite` on, it starts a server on a taken port."),
    Feature("removed", "Styxy removed", "Styxy's home is deleted, its hooks are not."),
)

BY_NAME = {each.name: each for each in FEATURES}


@dataclass(frozen=True, slots=True)
class Limit:
    """Say what an agent has instead of a feature, in a word for a table, and why."""

    word: str
    reason: str


NO = "no"
AFTER = "✓ after"
UNDER_RUN = "✓ under run"

_UNTOLD = Limit(NO, "no hook is called when a command in the background ends")
_IN_ITS_WAY = Limit(
    UNDER_RUN, "hooks cannot reach the environment of commands; try: styxy run -- {}"
)
_PIPED = Limit("✓ piped", "the agent itself refuses every command with $(...) in it")
BY_ID = Limit("✓ by id", "the agent itself refuses kill without the number of a process")
MOVED = Limit("✓ moved", "the server moves, and its line with the ✓ says so instead")
"""Of a notice that would come after the command, and that the move has made needless."""

LATER = Limit(AFTER, "before a command that is let through, the model is shown nothing")

LIMITS: Mapping[str, Mapping[str, Limit]] = {
    "claude": {},
    "codex": {
        "moved": _IN_ITS_WAY,
        "background": Limit("✓ when polled", "its hooks run when it looks at the command's end"),
    },
    "gemini": {
        "again": LATER,
        "taken": LATER,
        "moved": _IN_ITS_WAY,
        "background": _UNTOLD,
        "guard": _PIPED,
        "own": _PIPED,
    },
    "qwen": {
        "again": LATER,
        "taken": LATER,
        "moved": _IN_ITS_WAY,
        "background": _UNTOLD,
        "rewrite": Limit(NO, "a changed command is ignored"),
    },
    "copilot": {
        "moved": _IN_ITS_WAY,
        "own": BY_ID,
    },
    "opencode": {"again": MOVED, "taken": MOVED, "background": _UNTOLD},
}
"""By agent and feature."""


def has(agent: str, feature: str) -> bool:
    """Tell whether an agent can have a feature at all."""
    limit = LIMITS[agent].get(feature)
    return limit is None or limit.word != NO


def needs_run(agent: str) -> bool:
    """Tell whether the servers of an agent's commands move only if `styxy run` starts it."""
    return LIMITS[agent].get("moved") == _IN_ITS_WAY
