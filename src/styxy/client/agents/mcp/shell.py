"""The command that does in a shell what a tool does, with the tool's arguments.

Every failure ends in one: a model that cannot go on with a tool has the command line as well.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMANDS: dict[str, tuple[str, dict[str, str]]] = {
    "check": ("check", {"port": ""}),
    "who": ("who", {"port": ""}),
    "list": ("list", {"service_type": "--service", "project": "--project"}),
    "suggest": ("suggest", {"service_type": "", "count": "--count"}),
    "wait": ("wait", {"port": "", "own": "--owner here", "timeout": "--timeout"}),
    "status": ("daemon status", {}),
    "daemon_log": ("daemon logs", {"lines": "--lines"}),
    "config": ("config show", {}),
    "metrics": ("daemon status", {}),
    "allocate": (
        "allocate",
        {
            "service_type": "-s",
            "name": "-n",
            "preferred_port": "-p",
            "dry_run": "--dry-run",
            "yes": "--yes",
            "project": "--project",
        },
    ),
    "release": ("release", {"port": "--port", "lock_id": "", "project": "--project"}),
    "stop": ("stop", {"port": "", "timeout": "--timeout"}),
    "cleanup": ("cleanup", {"unused": "-f", "project": "--project"}),
}
"""For each tool its command, and the option for each argument; "" for one without an option."""


def in_shell(tool: str, arguments: Mapping[str, object]) -> str:
    """Spell the command for a call; an argument that is not one of the tool's is left out."""
    command, options = _COMMANDS[tool]
    words = ["styxy", command]
    for name, option in options.items():
        value = arguments.get(name)
        if value is None or value is False:
            continue
        words += [option] if option else []
        if value is not True:
            words.append(shlex.quote(str(value)))
    return " ".join(words)


def help_of(tool: str) -> str:
    """Spell the command that explains what a tool takes."""
    return f"styxy {_COMMANDS[tool][0]} --help"
