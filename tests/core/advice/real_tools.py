"""Read `real_tools.txt`: real tools that are started where they cannot have their port.

A block is a tool: the command, in which `{port}` and `{directory}` are filled in; a command that
tells the version and fails where the tool is absent; variables; `stays`, if the tool goes on until
it is ended; and files, indented by four spaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

LIST = Path(__file__).parent / "real_tools.txt"
INDENT = "    "


@dataclass(slots=True, kw_only=True)
class Tool:
    """A command that serves on `{port}`, and what it needs."""

    name: str
    command: str = ""
    version: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    is_patient: bool = False


def real_tools() -> list[Tool]:
    """Every tool of the list, in its order."""
    return [_tool(block) for block in LIST.read_text(encoding="utf-8").split("%%% ")[1:]]


def _tool(block: str) -> Tool:
    name, *lines = block.rstrip("\n").split("\n")
    tool = Tool(name=name)
    path = ""
    for line in lines:
        key, _, value = line.partition(": ")
        if line.startswith(INDENT) or not line:
            tool.files[path] += line.removeprefix(INDENT) + "\n"
        elif key == "file":
            path = value
            tool.files[path] = ""
        elif key == "variable":
            variable, _, told = value.partition("=")
            tool.variables[variable] = told
        elif key == "stays":
            tool.is_patient = True
        elif key == "command":
            tool.command = value
        else:
            tool.version = value
    return tool
