"""shfmt's reading of a shell line, and ours, in one shape: simple commands, and how many of what.

An outline has every simple command, wherever it stands, as its words with the quotes undone, and
the number of pipes, redirections, subshells, loops and so on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from styxy.core.commands.shell.syntax import (
    Arithmetic,
    Assignment,
    Case,
    For,
    Function,
    Group,
    If,
    Item,
    Literal,
    Loop,
    Parameter,
    Part,
    Pipeline,
    Quoted,
    Redirect,
    Script,
    Simple,
    Substitution,
    Word,
)

Outline = tuple[list[list[str]], dict[str, int]]

DECLARATIONS = ("declare", "export", "local", "readonly", "typeset")


def is_there() -> bool:
    """Whether shfmt is installed."""
    return _program() is not None


def _program() -> str | None:
    beside = Path(sys.executable).parent / "shfmt"
    return str(beside) if beside.exists() else shutil.which("shfmt")


def their_outline(line: str) -> Outline:
    """The outline of a line as shfmt reads it."""
    program = _program()
    assert program is not None
    done = subprocess.run(
        [program, "-ln", "bash", "-tojson"], input=line, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line!r}: {done.stderr}"
    commands: list[list[str]] = []
    counts: Counter[str] = Counter()
    for node in _their_nodes(json.loads(done.stdout)):
        kind = node.get("Type", "")
        counts[kind] += kind in COUNTED
        counts["Pipe"] += kind == "BinaryCmd" and node["Op"] in ("|", "|&")
        counts["Background"] += bool(node.get("Background"))
        counts["Redirect"] += len(node.get("Redirs", ()))
        if kind == "CallExpr":
            commands.append(
                [*map(_assigned, node.get("Assigns", ())), *map(_text, node.get("Args", ()))]
            )
        elif kind == "DeclClause":
            commands.append([node["Variant"]["Value"], *map(_assigned, node.get("Args", ()))])
    return sorted(filter(None, commands)), _positive(counts)


COUNTED = {"IfClause", "ForClause", "WhileClause", "CaseClause", "FuncDecl", "Subshell", "Block"}


def _positive(counts: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in sorted(counts.items()) if number}


def _their_nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for each in node:
            yield from _their_nodes(each)
    elif isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key != "Else" or not isinstance(value, dict):
                yield from _their_nodes(value)
            else:  # elif and else are a clause inside the clause
                yield from (each for each in _their_nodes(value) if each is not value)


def _assigned(node: dict[str, Any]) -> str:
    if node.get("Naked"):
        return _text(node["Value"]) if "Value" in node else str(node["Name"]["Value"])
    sign = "+=" if node.get("Append") else "="
    if "Array" in node:
        values = " ".join(_text(each["Value"]) for each in node["Array"].get("Elems", ()))
        return f"{node['Name']['Value']}{sign}({values})"
    return f"{node['Name']['Value']}{sign}{_text(node['Value']) if 'Value' in node else ''}"


def _text(word: dict[str, Any]) -> str:
    return "".join(_part(each, is_quoted=False) for each in word.get("Parts", ()))


def _part(part: dict[str, Any], *, is_quoted: bool) -> str:
    kind = part["Type"]
    if kind == "Lit":
        return _unescaped(part["Value"], only='$`"\\' if is_quoted else "")
    if kind == "SglQuoted":
        return str(part.get("Value", ""))
    if kind == "DblQuoted":
        return "".join(_part(each, is_quoted=True) for each in part.get("Parts", ()))
    if kind == "ParamExp":
        return f"${{{part['Param']['Value']}}}"
    if kind == "ExtGlob":
        return f"{part['Op']}{part['Pattern']['Value']})"
    return {"CmdSubst": "$()", "ArithmExp": "$(())", "ProcSubst": "<()"}[kind]


def _unescaped(text: str, *, only: str) -> str:
    done, place = "", 0
    while place < len(text):
        following = text[place + 1 : place + 2]
        if text[place] == "\\" and (not only or following in only + "\n"):
            done += "" if following == "\n" else following
            place += 2
        else:
            done += text[place]
            place += 1
    return done


def outline_of(script: Script) -> Outline:
    """The outline of a line as we read it."""
    commands: list[list[str]] = []
    counts: Counter[str] = Counter()
    for node in _our_nodes(script):
        counts[_kind(node)] += 1
        if isinstance(node, Pipeline):
            counts["Pipe"] += len(node.commands) - 1
        if isinstance(node, Simple):
            commands.append([*map(_our_assigned, node.assignments), *map(_our_text, node.words)])
    counts.pop("", None)
    return sorted(filter(None, commands)), _positive(counts)


def _kind(node: object) -> str:
    if isinstance(node, Group):
        return "Subshell" if node.is_subshell else "Block"
    if isinstance(node, Item):
        return "Background" if node.operator == "&" else ""
    if isinstance(node, Loop):
        return "WhileClause"
    kinds = {If: "IfClause", For: "ForClause", Case: "CaseClause", Function: "FuncDecl",
             Redirect: "Redirect"}  # fmt: skip
    return kinds.get(type(node), "")


def _our_nodes(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        for each in node:
            yield from _our_nodes(each)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            yield from _our_nodes(getattr(node, field.name))


def _our_assigned(each: Assignment) -> str:
    sign = "+=" if each.is_appended else "="
    values = " ".join(_our_text(value) for value in each.values)
    return f"{each.name}{sign}" + (f"({values})" if each.is_array else values)


def _our_text(word: Word) -> str:
    return "".join(map(_our_part, word.parts))


def _our_part(part: Part) -> str:
    if isinstance(part, Literal):
        return part.text
    if isinstance(part, Quoted):
        return "".join(map(_our_part, part.parts))
    if isinstance(part, Parameter):
        return f"${{{part.name}}}"
    if isinstance(part, Arithmetic):
        return "$(())"
    return "$()" if isinstance(part, Substitution) else "<()"
