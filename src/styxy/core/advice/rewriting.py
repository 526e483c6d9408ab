"""Put `styxy run --` in front of the commands of a shell line that start servers.

Only these few characters are inserted, each time before the first word of a simple command, so
assignments, redirections, operators, quoting and here-documents stay as they are.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from styxy.core.commands.classify import starts_of
from styxy.core.commands.shell.fields import HOLE
from styxy.core.commands.shell.parser import LONGEST, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from styxy.core.commands.classify import Start
    from styxy.core.commands.project.files import Project
    from styxy.core.commands.shell.syntax import Simple

STYXY = "styxy"
RUN = f"{STYXY} run -- "
PRECOMMANDS = ("exec", "command")
"""Builtins that run a program; what they run must stay a program, so the prefix follows them."""


def rewritten(line: str, *, project: Project | None = None, program: str = STYXY) -> str | None:
    """Return a line with each server that it starts under `styxy run`; None if nothing changes.

    `program` is what `styxy` is called by: its path where PATH may not lead to it.

    A server stays as it is where the prefix would not reach it or could change what the line does:
    in the text of `eval` or of backquotes, under `sudo`, in a container, after `exec -a`. `project`
    gives access to the files of the directory in which the line runs.
    """
    if not is_editable(line):
        return None
    places = {place_of_prefix(start) for start in starts_of(line, project=project)} - {None}
    prefix = f"{shlex.quote(program)} run -- "
    known = [place for place in places if place is not None]
    return inserted(line, known, prefix) if known else None


def is_editable(line: str) -> bool:
    """Return whether places in the line are known: it is shell syntax, and all of it was read."""
    return HOLE not in line and len(line) <= LONGEST and parse(line).is_whole


def place_of_prefix(start: Start) -> int | None:
    """Return where in the line `styxy run --` belongs for a server, or None if nowhere."""
    if start.is_apart or start.source is None:
        return None
    command = start.source.command
    if _hides_programs(command):
        return None
    for word in command.words:
        if word.literal not in PRECOMMANDS:
            is_flag = word.start != start.source.start and (word.literal or "-").startswith("-")
            return None if is_flag or word.literal == "builtin" else word.start
    return None


def _hides_programs(command: Simple) -> bool:
    """Return whether a new PATH is set for the command, so that `styxy` may not be found."""
    return any(
        each.name == "PATH" and "PATH" not in _parameters(each.values[0].parts)
        for each in command.assignments
        if each.values
    )


def _parameters(parts: Iterable[object]) -> set[str]:
    from styxy.core.commands.shell.syntax import Parameter, Quoted

    names: set[str] = set()
    for part in parts:
        if isinstance(part, Parameter):
            names.add(part.name)
        elif isinstance(part, Quoted):
            names |= _parameters(part.parts)
    return names


def inserted(line: str, places: Iterable[int], text: str = RUN) -> str:
    """Return a line with a text inserted at places."""
    for place in sorted(places, reverse=True):
        line = line[:place] + text + line[place:]
    return line
