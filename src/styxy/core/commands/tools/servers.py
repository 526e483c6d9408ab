"""Which server a command starts, by the table of tools: type, port, and where that is set.

A command serves if one of its names has a row whose condition holds, unless it only asks for help
or the version.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import HOLE
from styxy.core.commands.tools.identity import candidates, is_named_like_a_server
from styxy.core.commands.tools.table import tools_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.commands.shell.fields import Field
    from styxy.core.commands.tools.table import Conflict, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that a command starts. `port` is None if it is unknown.

    `where` is what sets the port: a flag, a variable, `argument`, `default`, or `compose file`.
    """

    service_type: str
    port: int | None = None
    program: str = ""
    where: str | None = None
    conflict: Conflict = "unknown"
    is_background: bool = False
    """Whether the line continues while it runs."""


@dataclass(frozen=True, slots=True)
class _Call:
    """The arguments of a tool; an operand is certain if it cannot be a flag's value."""

    args: tuple[str, ...]
    operands: tuple[tuple[str, bool], ...]
    start: int = 0

    @property
    def positions(self) -> tuple[str, ...]:
        """The operands after the subcommand."""
        return tuple(word for word, _ in self.operands[self.start :])


INFORMATION = frozenset({"--help", "--version", "-?", "--dry-run", "--help-all", "-help"})
NO_PORT_PREFIXES = ("unix:", "unix//", "fd://", "/", "ipc:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The row of the table that a command falls under, by which name, and the tool's arguments."""

    tool: Tool
    name: str
    args: tuple[str, ...]
    server: Server | None


def server_of(words: Sequence[str], variables: Mapping[str, Field]) -> Server | None:
    """Return the server that a command starts; `variables` are those that the line sets."""
    found = match_of(words, variables)
    return found.server if found is not None else None


def match_of(words: Sequence[str], variables: Mapping[str, Field]) -> Match | None:
    """Return the first row of the table that applies to a command."""
    for name, args in candidates(words):
        for tool in tools_by_name().get(name, ()):
            call = _applied(tool, args)
            if call is not None:
                server = _served(tool, name, call, variables)
                return Match(tool=tool, name=name, args=call.args, server=server)
    return None


def match_by_name(name: str) -> Match | None:
    """Return the first row with a name that serves, for a process that shows no arguments."""
    for tool in tools_by_name().get(name, ()):
        server = _served(tool, name, _Call((), ()), {})
        if server is not None:
            return Match(tool=tool, name=name, args=(), server=server)
    return None


def asks_for_information(args: Sequence[str]) -> bool:
    """Return whether a program is only asked for help or its version."""
    known = args[: args.index("--")] if "--" in args else args
    if any(word in INFORMATION for word in known) or args[:1] in (["help"], ("help",)):
        return True
    if len(args) == 1 and args[0] in ("-v", "-V", "-h", "version"):
        return True
    # `-h` names a host for some programs: `flask run -h 0.0.0.0`.
    return any(
        word == "-h" and (place + 1 == len(args) or args[place + 1].startswith("-"))
        for place, word in enumerate(args)
    )


def _served(tool: Tool, name: str, call: _Call, variables: Mapping[str, Field]) -> Server | None:
    if tool.service_type == "-":
        return None
    port, where = tool.port, "default" if tool.port else None
    is_explicit = False
    if any(each[0] == "?" and _has_no_port(each, tool, call) for each in tool.sources):
        return None
    for source in tool.sources:
        value = _value(source.lstrip("~"), call, variables)
        if value is not None and source.startswith("~"):
            port = port_in(value)
        elif value is not None:
            port, where = port_in(value), _origin(source)
            is_explicit = True
            break
    return Server(
        service_type=tool.service_type,
        port=port,
        program=_shown(name, call),
        where=where,
        conflict=_conflict(tool, call, is_explicit=is_explicit),
    )


def _conflict(tool: Tool, call: _Call, *, is_explicit: bool) -> Conflict:
    for flag, conflict in tool.flag_conflicts:
        if _has_flag(flag, call.args):
            return conflict
    return tool.explicit_conflict if is_explicit else tool.conflict


def _shown(name: str, call: _Call) -> str:
    if name.startswith("<"):
        return call.operands[0][0] if call.operands else name.strip("<>")
    return name


def _origin(source: str) -> str:
    if source.startswith(("#", ":")):
        return "argument"
    return source.lstrip("$=@")


def _has_no_port(source: str, tool: Tool, call: _Call) -> bool:
    """Return whether it listens on a Unix socket or an inherited one instead of a port."""
    if source != "?unix":
        return _flag_value(source[1:], call.args) is not None or source[1:] in call.args
    values = [_flag_value(flag, call.args) for flag in tool.sources if flag.startswith("-")]
    return any(value.startswith(NO_PORT_PREFIXES) for value in values if value)


def _applied(tool: Tool, args: tuple[str, ...]) -> _Call | None:
    """Read the arguments for a row, or return None if its condition does not hold."""
    if asks_for_information(args) and not set(args) <= set(tool.wanted):
        return None
    call = _Call(args, tuple(_operands(args, tool.sources)))
    if any(_holds(word, call) is not None for word in tool.refused):
        return None
    if not tool.wanted:
        return call
    starts = [start for word in tool.wanted if (start := _holds(word, call)) is not None]
    return _Call(args, call.operands, max(starts)) if starts else None


def _operands(args: Sequence[str], sources: Sequence[str]) -> Iterator[tuple[str, bool]]:
    is_certain = True
    skips = False
    for word in args:
        if skips:
            skips, is_certain = False, True
            continue
        if word == "--":
            is_certain = True
        elif word.startswith("-") and len(word) > 1:
            skips = word in sources and word != "-l"  # nc -l 8080, and pelican -l
            is_certain = "=" in word
        else:
            yield word, is_certain
            is_certain = True


def _holds(condition: str, call: _Call) -> int | None:
    """Return after how many operands a condition is met, or None if it is not."""
    if condition == "alone":
        return None if any(certain for _, certain in call.operands) else 0
    if condition == "operand":
        return 0 if call.operands else None
    if condition == "named":
        return 0 if is_named_like_a_server([word for word, _ in call.operands]) else None
    if condition.startswith("~") and not condition.startswith("~-"):
        return 0 if _is_anywhere(condition[1:], call) else None
    if condition.lstrip("~").startswith("-") and "+" not in condition:
        return 0 if _has_flag(condition.lstrip("~"), call.args) else None
    first, *more = condition.split("+")
    for place, (word, is_certain) in enumerate(call.operands):
        if word == first:
            return _sequel(more, call, place + 1)
        if is_certain:
            return None
    return None


def _sequel(more: Sequence[str], call: _Call, place: int) -> int | None:
    for each in more:
        if each.startswith("-"):
            if not _has_flag(each, call.args) and each not in call.args:
                return None
        elif each == "named":
            if not is_named_like_a_server([word for word, _ in call.operands[place:]]):
                return None
        else:
            words = [word for word, _ in call.operands[place : place + 2]]
            if each not in words:
                return None
            place += words.index(each) + 1
    return place


def _is_anywhere(word: str, call: _Call) -> bool:
    return any(
        operand == word
        or operand.startswith(f"{word}:")
        or (":" not in word and operand.rpartition(":")[2] == word)
        for operand, _ in call.operands
    )


def _has_flag(flag: str, args: Sequence[str]) -> bool:
    flag, equals, value = flag.partition("=")
    for word in args:
        if word == "--":
            return False
        if word == flag and not equals:
            return True
        if word.startswith(f"{flag}=") and (not equals or value in word.split("=")[1].split(",")):
            return True
        if len(flag) == 2 and 2 < len(word) <= 5 and word[0] == "-" and word[1:].isalpha():
            if flag[1] in word:  # several flags in one word: -lk
                return True
        elif len(flag) == 2 and word.startswith(flag) and word[2:3].isdigit():
            return True
    if equals:
        return any(one == flag and value in two.split(",") for one, two in pairwise(args))
    return False


def _value(source: str, call: _Call, variables: Mapping[str, Field]) -> str | None:
    """Return what a source says about the port, or None."""
    kind, rest = source[0], source[1:]
    if kind == "?":
        return None
    if kind == "$":
        return variables[rest].text if rest in variables else None
    if kind == "#":
        return _positional(rest, call)
    if kind == "=":
        return _assigned(rest, call.args)
    if kind == "@":
        nested = _flag_value(rest, call.args)
        words = nested.split() if nested else []
        return _assigned("server.port", words) or next(
            (found for flag in ("-p", "--port") if (found := _flag_value(flag, words))), None
        )
    if kind == ":":  # TCP-LISTEN:8080,fork
        return next(
            (word.partition(":")[2].partition(",")[0] for word, _ in call.operands
             if word.upper().partition(":")[0].endswith(("LISTEN", "-L"))),
            None,
        )  # fmt: skip
    return _flag_value(source, call.args)


def _positional(which: str, call: _Call) -> str | None:
    words = call.positions
    if which == "last":
        return words[-1] if words and port_in(words[-1]) else None
    # A hole, `runserver $PORT`, is taken for a port of unknown value.
    return next((word for word in words[int(which) - 1 :] if word == HOLE or port_in(word)), None)


def _assigned(key: str, args: Sequence[str]) -> str | None:
    for word in args:
        name, equals, value = word.lstrip("-").partition("=")
        if equals and name in (key, f"D{key}", f"E{key}", f"P{key}"):
            return value
    return None


def _flag_value(flag: str, args: Sequence[str]) -> str | None:
    """Return the last value of a flag, as `-p 1`, `-p1`, `-p=1` or at the end of `-dp 1`."""
    found: str | None = None
    for place, word in enumerate(args):
        following = args[place + 1] if place + 1 < len(args) else ""
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word[len(flag) + 1 :]
        elif len(flag) != 2 or word[:1] != "-" or word[1:2] == "-":
            continue
        elif word.startswith(flag) and port_in(word[2:]):
            found = word[2:]
        elif len(word) <= 5 and word[1:].isalpha() and word.endswith(flag[1]):
            found = following if port_in(following) else found
    return found


def port_in(value: str) -> int | None:
    """Return the port of `8000`, `:8000`, `host:8000`, `8080:80` or a URL, or None.

    Of several, the first counts. 0 gives None: it lets the kernel choose (ip(7)).
    """
    for piece in value.split(","):
        for part in piece.strip("'\"").split(":"):
            digits = _leading_digits(part)
            ends = part[len(digits) :][:1] in ("", "/", ";", "?")
            if digits and ends and len(digits) <= 5 and 0 < int(digits) < 65536:
                return int(digits)
    return None


def _leading_digits(text: str) -> str:
    if HOLE in text:
        return ""
    place = 0
    while place < len(text) and text[place] in "0123456789":
        place += 1
    return text[:place]
