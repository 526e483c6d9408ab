"""The ports of debuggers, where a command line or a variable names the number.

A debugger that is attached to the wrong worktree's program is worse than none, so such a port is
not moved. A number that nobody has named (`node --inspect`) is a default like any other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from styxy.core.commands.programs import program_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTION_VARIABLES = ("NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
"""Variables whose words count as if they were typed (node(1), java(1))."""

_WHOLE = re.compile(
    r"(?P<flag>--inspect(?:-brk|-wait|-port)?=(?:[^ =]*:)?"
    r"|-(?:agentlib:jdwp|Xrunjdwp)[=:].*\baddress=(?:[^ ,]*:)?)(?P<port>\d+)\b"
)
"""Flags of node and java, whatever program they start."""

_LISTENING = {
    "debugpy": ("--listen", "--port"), "adapter": ("--port",), "dlv": ("--listen", "-l"),
    "gdbserver": ("",),
}  # fmt: skip
"""Debuggers, and the flags behind which their own address stands; "" is any word."""

_FOR_SERVER = "--for-server"
"""What `debugpy --listen` starts its adapter with, which listens in its place."""


def debugger_option(asked: int, words: Sequence[str], variables: Mapping[str, str]) -> str | None:
    """Return the option that makes `asked` a debugger's port, `{port}` for the number, or None."""
    typed = [*words, *(word for name in OPTION_VARIABLES for word in _split(variables, name))]
    for word in typed:
        found = _WHOLE.match(word)
        if found is not None and found["port"] == str(asked):
            return _escaped(found["flag"]) + "{port}" + _escaped(word[found.end() :])
    names = {program_of([word]) for word in words[:4]}
    for name in sorted(names & _LISTENING.keys()):
        option = _listening(name, asked, words)
        if option is not None:
            return option
    return None


def _listening(name: str, asked: int, words: Sequence[str]) -> str | None:
    for flag in _LISTENING[name]:
        for before, word in zip(["", *words], words, strict=False):
            text = word.removeprefix(f"{flag}=") if flag else word
            is_value = before == flag or (flag and word.startswith(f"{flag}=")) or not flag
            if is_value and re.fullmatch(rf"(?:[^ ]*:)?{asked}", text):
                start = _escaped(text.removesuffix(str(asked)))
                typed = "--listen" if _FOR_SERVER in words else flag
                return f"{typed} {start}{{port}}".strip()
    return None


def _split(variables: Mapping[str, str], name: str) -> list[str]:
    return variables.get(name, "").split()


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
