"""What is known and was learned of programs whose port is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from styxy.core.messages import echo
from styxy.core.protocol.scalars import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from styxy.core.model.programs import Evidence, Program

LONGEST_NAME = 4096
"""Bytes of a path: PATH_MAX of limits.h(0p)."""


class ForgetQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of DELETE /programs: the name of a program, or the path of its script."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]


class Comparison(msgspec.Struct, kw_only=True):
    """One piece of evidence: the program was moved from `asked` to `port`, read that port, closed
    the socket, and then did what `sign` says; `number` is the other port, or the exit status.
    """

    sign: str
    number: int
    asked: int
    port: int
    project: str | None
    at: str


class LearnedProgram(msgspec.Struct, kw_only=True):
    """One program of which something was learned.

    `conduct`: steered (it is told that its port is taken), moved (it was, and failed), or null
    while there is too little evidence. `script` is "" if the executable says it all.
    """

    program: str
    executable: str
    script: str
    conduct: str | None
    evidence: list[Comparison]


class KnownTool(msgspec.Struct, kw_only=True):
    """What a tool of the built-in table does if its port is taken, in some of its command lines:
    steps, asks, compares, fails, shared.
    """

    program: str
    conflicts: list[str]


class ProgramsAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /programs."""

    programs: list[LearnedProgram]
    known: list[KnownTool]


class ForgetAnswer(msgspec.Struct, kw_only=True):
    """The answer of DELETE /programs."""

    success: bool
    programs: list[LearnedProgram]
    message: str


def learned_program(program: Program) -> LearnedProgram:
    """Convert what was learned of a program to the API's shape."""
    return LearnedProgram(
        program=program.name,
        executable=program.id.executable,
        script=program.id.script,
        conduct=program.learned,
        evidence=[_observation(each) for each in program.evidence],
    )


def known_tools() -> list[KnownTool]:
    """List what the table of tools says, by name."""
    from styxy.core.commands.tools.table import tools

    conflicts: dict[str, set[str]] = {}
    for tool in tools():
        flags = (conflict for _, conflict in tool.flag_conflicts)
        told = {tool.conflict, tool.explicit_conflict, *flags} - {"unknown"}
        for name in tool.names:
            if told and not name.startswith("<"):
                conflicts.setdefault(name, set()).update(told)
    return [
        KnownTool(program=name, conflicts=sorted(told)) for name, told in sorted(conflicts.items())
    ]


def forgotten_programs(programs: Iterable[Program], *, name: str) -> ForgetAnswer:
    """Say which programs of a name were forgotten."""
    shown = [learned_program(each) for each in programs]
    names = ", ".join(dict.fromkeys(each.program for each in shown))
    said = f"forgot what was learned of {names}" if shown else nothing_learned(name)
    return ForgetAnswer(success=True, programs=shown, message=said)


def nothing_learned(name: str) -> str:
    """Say that there is nothing to forget."""
    return f"nothing was learned of {echo(name)}; see: styxy programs"


def _observation(evidence: Evidence) -> Comparison:
    return Comparison(
        sign=evidence.sign,
        number=evidence.number,
        asked=evidence.asked,
        port=evidence.got,
        project=evidence.project,
        at=rfc3339(evidence.at),
    )
