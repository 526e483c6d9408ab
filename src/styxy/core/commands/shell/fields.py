"""What is known of a command's words before it runs: text with holes.

A hole records what fills it if that is a list of process ids: those on a port, with a name, or in a
file. That is enough to understand a kill.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOLE = "\0"
"""A placeholder for unknown text; no argument can contain this character (execve(2))."""

Value = TypeVar("Value")
Listing = Literal["", "sockets", "processes", "java"]

ConditionKind = Literal["user", "parent", "group", "session", "terminal", "group of"]
Condition = tuple[ConditionKind, str]
"""What a process has to be, of which: the user, a child of the process, a member of the group. Of
several conditions of one kind, one suffices. `group of`: a group is named by any of its members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """A selection of processes: by port, by id as written, by name pattern.

    `listing` is what a command has listed if nothing has been selected from it yet. `has_clients`:
    the processes on a port include clients that are connected to it. `in_arguments`: the names are
    searched for in whole command lines. `is_whole`: a name must match all of what is searched,
    `ignores_case`: upper and lower case are one, `are_patterns`: names are regular expressions
    where they usually are not. `only` are conditions that each of the processes meets as well, see
    `Condition`.
    """

    ports: tuple[int, ...] = ()
    pids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    listing: Listing = ""
    has_clients: bool = False
    in_arguments: bool = False
    is_whole: bool = False
    ignores_case: bool = False
    are_patterns: bool = False
    only: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ports or self.pids or self.names or self.listing)

    def joined(self, other: Processes) -> Processes:
        """Return the processes of both."""
        return Processes(
            ports=unique(self.ports + other.ports),
            pids=unique(self.pids + other.pids),
            names=unique(self.names + other.names),
            listing=self.listing or other.listing,
            has_clients=self.has_clients or other.has_clients,
            in_arguments=self.in_arguments or other.in_arguments,
            is_whole=all(each.is_whole for each in (self, other) if each.names),
            ignores_case=self.ignores_case or other.ignores_case,
            are_patterns=self.are_patterns or other.are_patterns,
            only=self._common(other),
        )

    def _common(self, other: Processes) -> tuple[Condition, ...]:
        """Return the conditions that the processes of both meet."""
        if not (self and other):
            return self.only if self else other.only
        return self.only if self.only == other.only else ()


def unique(values: Iterable[Value]) -> tuple[Value, ...]:
    """Return the values without duplicates, in order."""
    return tuple(dict.fromkeys(values))


@dataclass(frozen=True, slots=True)
class Output:
    """What is known of a command's output: its text, or the processes whose ids it lists.

    `verb` is the command before each id if commands are written: `awk '{print "kill " $2}'`.
    """

    text: str | None = None
    processes: Processes = field(default_factory=Processes)
    verb: str = ""

    def followed_by(self, other: Output) -> Output:
        """Return the output of both, one after the other."""
        processes = self.processes.joined(other.processes)
        if self.text is None or other.text is None:
            return Output(None, processes)
        return Output(self.text + other.text, processes)


UNKNOWN = Output()
SILENT = Output("")


@dataclass(frozen=True, slots=True)
class Field:
    """One argument; `outputs` has what fills each `HOLE` in its text, in order."""

    text: str
    outputs: tuple[Output, ...] = ()

    @property
    def is_known(self) -> bool:
        """Return whether the text has no hole."""
        return HOLE not in self.text

    def processes(self) -> Processes:
        """Return the processes whose ids fill the holes."""
        found = Processes()
        for output in self.outputs:
            found = found.joined(output.processes)
        return found


NOTHING_KNOWN = Field(HOLE, (UNKNOWN,))


def field_of(output: Output) -> Field:
    """Return a command's output as an argument, without trailing newlines (POSIX 2.6.3)."""
    if output.text is not None:
        return Field(output.text.rstrip("\n"))
    return Field(HOLE, (output,))


def texts(fields: Iterable[Field]) -> list[str]:
    """Return the texts of arguments, holes included."""
    return [each.text for each in fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A simple command that runs: its words, and what the line sets in its environment.

    `directory` is relative to where the line runs, or None if it is unknown. `typed` is what it
    reads on standard input.
    """

    words: tuple[Field, ...]
    variables: Mapping[str, Field]
    directory: str | None = ""
    typed: Output = UNKNOWN
    is_background: bool = False

    @property
    def texts(self) -> list[str]:
        """The words as text."""
        return texts(self.words)

    def with_words(
        self, words: Iterable[Field], variables: Mapping[str, Field] | None = None
    ) -> Invocation:
        """Return the invocation of another command in the same environment."""
        merged = {**self.variables, **variables} if variables else self.variables
        return replace(self, words=tuple(words), variables=merged)
