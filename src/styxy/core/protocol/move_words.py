"""Why a bind was moved, in the words that the notice and the API share.

The daemon chooses the words, because it knows the projects; the native library prints them. A name
is somebody's path and goes to a terminal, so it has no character that a terminal obeys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from styxy.core.model.leases import CauseKind

LONGEST_NAME = 60
"""Bytes of a name: the library has room for 63 (`WIRE_NAME`)."""


class MoveWords(Struct, frozen=True, kw_only=True):
    """Hold why a bind was moved: whose the port is or was, and until what local time (`14:03`).
    Of a port that was in use, `name` is who had it, or empty.

    `tool` is the program that found another port by itself, and `asked` the one that it wanted.
    `outside` says who still looks for it from outside of the project, and what to pass.
    `is_probe`: the first socket that listens at the new place is probably only a probe.
    """

    kind: CauseKind
    name: str
    until: str = ""
    tool: str = ""
    asked: int = 0
    outside: str = ""
    is_probe: bool = False


def move_sentence(words: MoveWords | None, *, requested: int, port: int) -> str:
    """Say a move in the words of the notice; None: something listens on the requested port."""
    if words is None:
        return f"Port {requested} was in use, auto-assigned port {port}"
    if words.outside:
        plain = move_sentence(replace(words, outside=""), requested=requested, port=port)
        return f"{plain}; {words.outside}"
    if words.tool:
        used = f"was in use by {words.name}" if words.name else "was in use"
        why = f"is promised to {words.name}" if words.kind == "promised" else used
        return f"Port {requested} {why}, {words.tool} took {port}"
    match words.kind:
        case "in use":
            plain = move_sentence(None, requested=requested, port=port)
            return plain.replace("in use", f"in use by {words.name}") if words.name else plain
        case "promised":
            return f"Port {requested} is promised to {words.name}, auto-assigned port {port}"
        case "left":
            return f"Port {requested} was {words.name}'s until {words.until}, back on port {port}"
        case _:
            assert_never(words.kind)


def printable_name(name: str) -> str:
    """Make a name fit for one line of a terminal; the end of a long one tells more."""
    shown = "".join(each if each.isprintable() else "?" for each in name)
    if len(shown.encode()) <= LONGEST_NAME:
        return shown
    room = LONGEST_NAME - len("…".encode())
    return "…" + shown.encode()[-room:].decode("utf-8", "ignore")
