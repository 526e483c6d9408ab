"""One setting: what a key of `config.json` is called, what it may hold, and where else it comes
from. The rows are in `core.config.settings_table`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "object", "boolean", "whole number", "number", "port", "choice", "text", "path", "date",
    "range", "ranges", "ports",
]  # fmt: skip

ANY_NAME = "*"

COMMENT = "//"
"""A key that begins so is a comment, since JSON has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Describe one key. Bounds include both ends; `unit` says what a number counts.

    `needs_restart`: a running daemon keeps the old value. `variable` overrides the file.
    """

    path: str
    kind: Kind
    meaning: str
    unit: str = ""
    lowest: float = 0
    highest: float = 0
    choices: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    variable: str | None = None
    may_be_null: bool = False
    needs_restart: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def parent(self) -> str:
        """The path of the object that holds the key; empty for the whole file."""
        return self.path.rpartition(".")[0]

    @property
    def shown(self) -> str:
        """The path for people: NAME for a service type, PATTERN for a rule."""
        chosen = "PATTERN" if self.path.startswith("auto_allocation_rules") else "NAME"
        return self.path.replace(ANY_NAME, chosen)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every accepted spelling of the name, the proper one first."""
        plain = (self.name, *self.others)
        return tuple(dict.fromkeys((*plain, *(camel_case(each) for each in plain))))

    @property
    def expected(self) -> str:
        """What a value must be, to follow "must be"."""
        if self.kind in ("whole number", "number", "port"):
            noun = "port" if self.kind == "port" else self.kind
            unit = f" of {self.unit}" if self.unit else ""
            text = f"a {noun}{unit} from {self.lowest:g} to {self.highest:.9g}"
        elif self.kind == "choice":
            text = f"one of {', '.join(self.choices)}"
        else:
            text = _EXPECTED[self.kind]
        return f"{text}, or null" if self.may_be_null else text


_EXPECTED: dict[Kind, str] = {
    "object": "an object",
    "boolean": "true or false",
    "text": "a text",
    "path": "an absolute path",
    "date": "a date like 2026-01-31",
    "range": "a range [first port, last port]",
    "ranges": "a list of ranges [[first port, last port], ...]",
    "ports": "a list of ports",
}


def camel_case(name: str) -> str:
    """Spell a snake_case name in camelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
