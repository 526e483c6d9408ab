"""The state of a shell while a line is walked: variables, functions, directory.

Only what the line itself sets is known; a variable from outside is a hole. A budget limits the
work, because nested loops are short to write.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import HOLE, UNKNOWN, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.commands.shell.fields import Output
    from styxy.core.commands.shell.syntax import Command

LONGEST_VALUE = 8192
"""Characters of a value that is kept; thirty words suffice to double one thirty times."""


class Budget:
    """The work that one line may cost."""

    __slots__ = ("left",)

    def __init__(self, work: int) -> None:
        self.left = work

    def spend(self, work: int = 1) -> bool:
        """Take from the budget; return False if it is used up."""
        self.left -= work
        return self.left >= 0


class Scope:
    """The state of one shell; a subshell gets a copy."""

    __slots__ = ("allexport", "directory", "exported", "functions", "positional", "typed", "values")

    def __init__(self, directory: str | None = "") -> None:
        self.values: dict[str, tuple[Field, ...]] = {}
        self.exported: set[str] = set()
        self.functions: dict[str, Command] = {}
        self.positional: tuple[Field, ...] = ()
        self.directory = directory
        self.typed: Output = UNKNOWN
        self.allexport = False

    def copy(self) -> Scope:
        """Return the scope of a subshell."""
        other = Scope(self.directory)
        other.values = dict(self.values)
        other.exported = set(self.exported)
        other.functions = dict(self.functions)
        other.positional = self.positional
        other.typed = self.typed
        other.allexport = self.allexport
        return other

    def set(self, name: str, fields: Sequence[Field]) -> None:
        """Set a variable to one field, or an array to several; too long a value becomes unknown."""
        if sum(len(each.text) for each in fields) > LONGEST_VALUE:
            self.values.pop(name, None)
            return
        self.values[name] = tuple(fields)
        if self.allexport:
            self.exported.add(name)

    def environment(self) -> dict[str, Field]:
        """Return the variables set by the line that a command inherits."""
        return {
            name: self.values[name][0]
            for name in self.exported
            if len(self.values.get(name, ())) == 1
        }

    def go(self, path: str | None) -> None:
        """Change the directory; None or a path with a hole makes it unknown."""
        self.directory = joined(self.directory, path)


def joined(directory: str | None, path: str | None) -> str | None:
    """Return where `path` leads from `directory`, or None if that is unknown."""
    if path is None or HOLE in path or path.startswith("~"):
        return None
    if path.startswith("/"):
        return posixpath.normpath(path)
    return None if directory is None else posixpath.normpath(posixpath.join(directory, path))


def planted(text: Field, scope: Scope) -> str:
    """Return a field as shell text: each hole becomes a variable of the scope."""
    line = text.text
    for output in text.outputs:
        name = f"_HOLE{len(scope.values)}"
        scope.set(name, (Field(HOLE, (output,)),))
        line = line.replace(HOLE, "${%s}" % name, 1)  # noqa: UP031 - braces of both kinds
    return line.replace(HOLE, "${_UNKNOWN}")
