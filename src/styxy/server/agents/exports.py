"""The variables that turn interception on for the commands of a session.

They are what `styxy env` prints in the agent's environment: the library is installed and tested by
the same code as in a shell. Claude Code reads further variables from a file that it names.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import stat
import sys
from typing import TYPE_CHECKING

from styxy.adapters.paths import Paths
from styxy.core.advice.rewriting import STYXY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.adapters.processes import Processes
    from styxy.server.agents.sessions import Session

log = logging.getLogger(__name__)

ENV_FILE = "CLAUDE_ENV_FILE"
LIBRARY = "/libstyxy.so"

RELEVANT = ("HOME", "PATH", "LD_PRELOAD", "STYXY_HOME", "STYXY_SOCKET", "XDG_RUNTIME_DIR")

PATIENCE = 5.0
"""Seconds for `styxy env`, which takes a tenth of one; the agent has long stopped waiting then."""


class Exports:
    """Makes the variables of sessions; each environment is asked about once. `answers` tells
    whether a look at a path comes back."""

    def __init__(self, *, answers: Callable[[str], bool]) -> None:
        self._answers = answers
        self._known: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}

    async def write(self, session: Session, processes: Processes, peer: int) -> bool:
        """Write the variables to the file that a session's hook, `peer`, names.

        Return whether they stand in it; most agents have no such file.
        """
        path = processes.variable(peer, ENV_FILE)
        if path is None or not self._answers(path):
            return False
        return _append(path, await self.of(session, processes, peer))

    async def of(self, session: Session, processes: Processes, peer: int) -> Mapping[str, str]:
        """Return the variables for a session whose hook is `peer`; none if they are unknown."""
        surroundings = processes.variables(peer, *RELEVANT)
        key = tuple(sorted(surroundings.items()))
        if key not in self._known:
            found = await _asked(surroundings)
            if found is None:
                return {}
            self._known[key] = found
        return {**self._known[key], "STYXY_INSTANCE_ID": session.instance_id}


def command_path() -> str:
    """Return a path at which `styxy` is, whatever PATH is; its name if no such path is known.

    The link in the home comes first: it stays when the environment goes that this daemon runs from.
    """
    beside = os.path.join(os.path.dirname(sys.executable), STYXY)
    paths = (Paths(os.environ).in_home("bin", STYXY), beside)
    return next((each for each in paths if os.access(each, os.X_OK)), STYXY)


def is_intercepted(processes: Processes, peer: int) -> bool:
    """Return whether an agent itself runs under interception, which its commands inherit."""
    return LIBRARY in (processes.variable(peer, "LD_PRELOAD") or "")


async def _asked(surroundings: Mapping[str, str]) -> Mapping[str, str] | None:
    command = [sys.executable, "-P", "-m", "styxy", "env", "--format", "json"]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"HOME": os.environ.get("HOME", "/"), **surroundings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        values = json.loads(output) if process.returncode == 0 else None
    except (OSError, ValueError, TimeoutError) as error:
        log.warning("cannot find out the variables for an agent session: %s", error)
        return None
    return values if isinstance(values, dict) else None


def _append(path: str, values: Mapping[str, str]) -> bool:
    """Append exports to an agent's file, once. Return whether they stand in it."""
    if not values:
        return False
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    except (OSError, ValueError) as error:
        log.warning("cannot write the agent's environment file: %s", error)
        return False
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return False
        if text.encode() not in (file.read() or b""):
            file.write(text.encode())
    return True
