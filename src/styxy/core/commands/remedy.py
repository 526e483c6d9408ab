"""The command that starts a server on another port: the one that was typed, with a port in it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from styxy.core.commands.programs import program_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.commands.tools.servers import Match

MANAGERS = ("npm", "pnpm", "yarn", "bun")
"""Programs that start a script of a package by its name: what a person has typed."""

LONGEST = 90
"""Characters of a command that is shown; a longer one would not fit into the notice."""

PLACE = "{port}"


def remedy_for(found: Match, asked: int, parents: Sequence[Sequence[str]]) -> str:
    """Return the command for another port, which `{port}` stands for; "" if none is known.

    `parents` are the command lines of the processes that the tool comes from, nearest first.
    """
    variable = next((each[1:] for each in found.tool.sources if each.startswith("$")), None)
    flag = _flag_of(found)
    script = _script(parents)
    is_flagged = found.server is not None and (found.server.where or "").startswith("-")
    own = shlex.join((found.name, *found.args))
    if is_flagged and script is None:
        command = _replaced(found, asked)
    elif variable is not None and not is_flagged:
        command = f"{variable}={PLACE} {script or own}"
    elif flag is None:
        command = ""
    elif script is None:
        command = f"{own} {flag} {PLACE}"
    else:
        dashes = " --" if script.startswith(("npm ", "bun ")) else ""
        command = f"{script}{dashes} {flag} {PLACE}"
    return command if len(command) <= LONGEST else ""


def _flag_of(found: Match) -> str | None:
    where = found.server.where if found.server is not None else None
    if where is not None and where.startswith("-"):
        return where
    flags = [each for each in found.tool.sources if each.startswith("-")]
    return next((each for each in flags if "port" in each), flags[0] if flags else None)


def _replaced(found: Match, asked: int) -> str:
    number = str(asked)
    words = [
        word.removesuffix(number) + PLACE if word.endswith(number) else shlex.quote(word)
        for word in found.args
    ]
    return " ".join((found.name, *words))


def _script(parents: Sequence[Sequence[str]]) -> str | None:
    """Find the package script that was typed: `npm run dev`, whose process may be titled so."""
    for words in parents:
        name = program_of(words)
        if name not in MANAGERS:
            continue
        typed = words[0].split() if len(words) == 1 else list(words)
        place = next((at for at, word in enumerate(typed) if name in program_of([word])), 0)
        return shlex.join((name, *typed[place + 1 :]))
    return None
