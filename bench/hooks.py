"""What a coding agent waits for at each of its events: paired and alternating.

The daemon has nothing to say about the command of the payload, as about most commands.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.commands import beside, in_turns
from bench.installation import STYXY, CannotMeasure, Installation
from bench.rows import Row, row, timed

HOOK = str(Path(sys.executable).parent / "styxy-hook")

HOOK_TARGET = 0.42
"""5 ms for a hook on a machine where `python -c pass` costs 12."""

PYTHON_TARGET = 5.0
"""60 ms for the same in Python there."""

PAYLOAD = json.dumps(
    {
        "session_id": "1a224700-e193-4f5c-9a5e-1c0f5d7a1b2c",
        "hook_event_name": "PreToolUse",
        "cwd": "/",
        "tool_name": "Bash",
        "tool_input": {"command": "git status --short && ls -la", "description": "Look around"},
        "tool_use_id": "toolu_01",
    }
).encode()


def measure(installation: Installation) -> Iterator[Row]:
    """Take turns between `python -c pass`, the program in C, and the same in Python."""
    if not Path(HOOK).exists():
        raise CannotMeasure(f"{HOOK} is missing; install a C compiler, then Styxy again")
    words = ["claude", "PreToolUse"]
    turns: dict[str, list[str]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "styxy-hook": [HOOK, *words],
        "styxy hook": [STYXY, "hook", *words],
    }
    times = in_turns(turns, lambda command: seconds(installation, command))
    bare = times["python -c pass"]
    yield row("python -c pass, with a payload", bare)
    for what, target in (("styxy-hook", HOOK_TARGET), ("styxy hook", PYTHON_TARGET)):
        yield row(what, times[what])
        yield beside(f"{what}, times python -c pass", times[what], bare, target=target)


def seconds(installation: Installation, command: list[str]) -> float:
    """Wall time of one hook, from its start to its exit, which has to be silent and well."""
    took, done = timed(
        lambda: subprocess.run(
            command,
            env=installation.env,
            cwd=installation.home,
            input=PAYLOAD,
            capture_output=True,
            check=True,
        )
    )
    if done.stderr:
        raise CannotMeasure(f"a hook complains: {done.stderr.decode(errors='replace').strip()}")
    return took
