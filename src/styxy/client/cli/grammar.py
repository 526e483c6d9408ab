"""The command line as data: every command with its options, read from the parsers themselves.

Completion and the man page are made of it, so that neither can name what is not there. argparse
keeps what was declared in `_actions`, which has been stable since it was written.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from styxy.client.cli.main import all_commands
from styxy.core.model.service_types import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.client.cli.command import Command

Kind = Literal["none", "any", "words", "file", "directory", "command"]
"""What a value is: there is none, nobody knows, one of some words, or something on the disk."""

KINDS: dict[str, Kind] = {
    "DIR": "directory",
    "FILE": "file",
    "FILE.md": "file",
    "CMD": "command",
}
"""What the usual names of values mean."""

TYPES = tuple(each.name for each in BUILT_IN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Describe what an option or an operand takes."""

    kind: Kind
    name: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Describe an option with all its spellings."""

    flags: tuple[str, ...]
    meaning: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """Describe a word that stands for itself."""

    value: Value
    meaning: str
    is_optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Describe one command: `name` is one word or two."""

    name: str
    summary: str
    example: str
    options: tuple[Option, ...]
    operands: tuple[Operand, ...]


def spellings() -> tuple[Spelling, ...]:
    """Describe every command, in the order of the table."""
    return tuple(_spelling(command) for command in all_commands())


def groups(commands: Sequence[Spelling]) -> tuple[str, ...]:
    """Name the first words that need a second one."""
    firsts = (each.name.partition(" ") for each in commands)
    return tuple(dict.fromkeys(first for first, space, _ in firsts if space))


def first_words(commands: Sequence[Spelling]) -> dict[str, str]:
    """Name the first word of each command, with what it does."""
    found: dict[str, str] = {}
    for each in commands:
        first, space, rest = each.name.partition(" ")
        if space:
            found[first] = f"{found[first]}, {rest}" if first in found else rest
        else:
            found[first] = each.summary
    return found


def _spelling(command: Command) -> Spelling:
    actions = command.parser()._actions
    return Spelling(
        name=command.name,
        summary=command.summary,
        example=command.example,
        options=tuple(_option(each) for each in actions if each.option_strings),
        operands=tuple(_operand(each) for each in actions if not each.option_strings),
    )


def _option(action: argparse.Action) -> Option:
    value = Value(kind="none") if action.nargs == 0 else _value(action)
    return Option(flags=tuple(action.option_strings), meaning=_meaning(action), value=value)


def _operand(action: argparse.Action) -> Operand:
    return Operand(
        value=_value(action),
        meaning=_meaning(action),
        is_optional=action.nargs in ("?", "*"),
    )


def _value(action: argparse.Action) -> Value:
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None:
        return Value(kind="words", name=name, words=tuple(str(each) for each in action.choices))
    if name in ("TYPE", "T"):
        return Value(kind="words", name=name, words=TYPES)
    return Value(kind=KINDS.get(name, "any"), name=name)


def _meaning(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")
