"""Read the table of tools: a row says what a program serves, when, and on which port.

Columns of a row, between `|`:

- **names** of the program; `<node>` stands for any script of that interpreter.
- **condition**, one of several: `word` is the subcommand (`a+b`: two in a row; `~word`: anywhere);
  `-flag` is there; `alone`: there is no operand; `operand`: there is one; `named`: the script has
  a server's name. `!` excludes. No condition: it always serves.
- **service type** (`-`: none) and **default port** (`-`: unknown).
- **sources** of the port, the first one counts: `-p` a flag; `$PORT` a variable (`~$PORT`: it sets
  another default, from which the tool still goes on by itself); `#1` an operand
  after the subcommand; `=key` a word `key=value`, perhaps after `-D` or dashes; `@--args` a flag
  whose value has words of its own; `?unix` and `?--uds` mean that it serves no port.
- **conflict**: what the tool does if its port is taken; after `/`, if the port was given. A
  `-flag:conflict` after that says what it does if the flag is there.
- **outside**, where it is not empty: who looks for the asked port from outside of the project even
  if the tool was moved (its pages, devices), and the flag that tells them another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

Conflict = Literal["steps", "asks", "compares", "fails", "shared", "unknown"]
"""It tries other ports, asks the user, binds and compares, exits, is shared by all; or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that serves, in one form of its command line."""

    names: tuple[str, ...]
    wanted: tuple[str, ...]
    refused: tuple[str, ...]
    service_type: str
    port: int | None
    sources: tuple[str, ...]
    conflict: Conflict
    explicit_conflict: Conflict
    flag_conflicts: tuple[tuple[str, Conflict], ...] = ()
    outside: str = ""


@cache
def tools() -> tuple[Tool, ...]:
    """Return every row, in order: of those with one name, the first that applies counts."""
    from styxy.core.commands.tools import backends, frontends, platforms, stores

    texts = (frontends.ROWS, backends.ROWS, stores.ROWS, platforms.ROWS)
    return tuple(_tool(line) for text in texts for line in text.splitlines() if "|" in line)


@cache
def tools_by_name() -> dict[str, tuple[Tool, ...]]:
    """Return the rows of each program."""
    found: dict[str, tuple[Tool, ...]] = {}
    for tool in tools():
        for name in tool.names:
            found[name] = (*found.get(name, ()), tool)
    return found


def _tool(line: str) -> Tool:
    names, when, kind, port, sources, conflict, *more = (cell.strip() for cell in line.split("|"))
    usual, *flags = conflict.split() or [""]
    first, _, explicit = usual.partition("/")
    return Tool(
        names=tuple(names.split()),
        wanted=tuple(word for word in when.split() if not word.startswith("!")),
        refused=tuple(word[1:] for word in when.split() if word.startswith("!")),
        service_type=kind,
        port=None if port == "-" else int(port),
        sources=tuple(sources.split()),
        conflict=_conflict(first),
        explicit_conflict=_conflict(explicit or first),
        flag_conflicts=tuple(
            (flag, _conflict(word)) for flag, _, word in (each.rpartition(":") for each in flags)
        ),
        outside="".join(more),
    )


def _conflict(word: str) -> Conflict:
    return next((each for each in get_args(Conflict) if each == word), "unknown")
