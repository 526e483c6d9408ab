"""Identify a running program by the words of its command line: its name and its service type.

Only what /proc shows is used, so interpreters are looked through: the script or module that they
run names the program. The service type comes from the table of tools.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERPRETERS = ("bun", "deno", "node", "nodejs", "perl", "php", "pypy", "python", "ruby")
"""Interpreters, which are identified by their script; a version may follow (`python3.11`)."""

RUNTIMES = (
    "beam.smp", "busybox", "dotnet", "electron", "java", "julia", "lua", "luajit", "mono",
    "Rscript", "tclsh",
)  # fmt: skip
"""Programs that run others, which the words of their command line do not tell here."""

CODE_FLAGS = ("-c", "-e", "--eval")
"""Flags of interpreters behind which the code itself stands, which is no name."""

TELLING_ROWS = ("<node>", "<php>")
"""Rows whose service type holds for every script of the interpreter that binds a port."""

_ENDINGS = re.compile(r"\.(js|cjs|mjs|ts|py|rb|sh|exe)$")
_VERSION = re.compile(r"[\d.]+$")


def program_of(words: Sequence[str]) -> str:
    """Name a program as people do: `npm` for `node /usr/lib/npm-cli.js`, `bash` for `-bash`."""
    names = [_stem(word) for word in _titled(words)]
    if not names:
        return ""
    if _is_interpreter(names[0]):
        flags = list(takewhile(lambda name: name.startswith("-"), names[1:]))
        if any(flag in CODE_FLAGS for flag in flags):
            return names[0]
        script = next(iter(names[1 + len(flags) :]), names[0])
        return script.removesuffix("-cli")
    return names[0].removeprefix("-")


def service_type_of_program(words: Sequence[str]) -> str | None:
    """Return the service type of a server started with this command line, or None if unknown.

    A program that binds a port is a server: if no row of the table applies to its arguments, the
    first row with its name gives the type.
    """
    return _service_type(tuple(words))


@lru_cache(maxsize=256)
def _service_type(words: tuple[str, ...]) -> str | None:
    # Imported here so that callers that only want a program's name do not load the table.
    from styxy.core.commands.tools.servers import server_of

    first, *rest = _titled(words) or [""]
    started = [first.partition(" ")[0].rstrip(":"), *rest]
    served = server_of(started, {})
    if served is not None:
        return served.service_type
    return _type_of_script(started) or _type_by_name(started)


def _type_of_script(words: Sequence[str]) -> str | None:
    from styxy.core.commands.project.scripts import promised, script_calls
    from styxy.core.commands.shell.fields import Field, Invocation
    from styxy.core.commands.tools.identity import program_name

    program, rest = program_name(words[0]), list(words[1:])
    if _is_interpreter(program):  # node /usr/lib/node_modules/npm/bin/npm-cli.js run dev
        while rest and rest[0].startswith("-"):
            rest.pop(0)
        program = _stem(rest.pop(0)).removesuffix("-cli") if rest else program
    fields = tuple(Field(word) for word in (program, *rest))
    calls = script_calls(program, Invocation(words=fields, variables={}))
    servers = (promised(call, {}) for call in calls)
    return next((server.service_type for server in servers if server is not None), None)


def _type_by_name(words: Sequence[str]) -> str | None:
    from styxy.core.commands.tools.identity import INTERPRETERS as SCRIPTED
    from styxy.core.commands.tools.identity import candidates, program_name
    from styxy.core.commands.tools.table import tools_by_name

    names = [name for name, _ in candidates(words)]
    interpreter = SCRIPTED.get(program_name(words[0]))
    if interpreter is not None:
        names.append(interpreter.row)
    rows = (
        row
        for name in names
        if not name.startswith("<") or name in TELLING_ROWS
        for row in tools_by_name().get(name, ())
    )
    return next((row.service_type for row in rows if row.service_type != "-"), None)


def script_of(words: Sequence[str]) -> tuple[str, ...]:
    """Return what an interpreter runs: a script's path, or the flag and a module, jar or code.

    Nothing for any other program, which its executable tells.
    """
    from styxy.core.commands.tools.identity import INTERPRETERS as SCRIPTED
    from styxy.core.commands.tools.identity import program_name

    name = _stem(words[0]) if words else ""
    if not _is_interpreter(name) and name != "java":
        return ()
    interpreter = SCRIPTED.get(program_name(words[0]))
    with_value = interpreter.value_flags if interpreter is not None else ()
    place = 1
    while place < len(words):
        word = words[place]
        is_flagged = word in ("-r", "-S") and word not in with_value
        if is_flagged or word in (*CODE_FLAGS, "-m", "-jar"):
            return (word, *words[place + 1 : place + 2])
        if not word.startswith("-"):
            return ("-main", word) if name == "java" else (word,)
        place += 2 if word in with_value else 1
    return ()


def runs_scripts(executable: str) -> bool:
    """Return whether a program is known by what it runs, and says nothing by its own name."""
    name = _stem(executable)
    return _is_interpreter(name) or name in RUNTIMES


def _titled(words: Sequence[str]) -> list[str]:
    # A program that sets its title writes one long word: "npm run dev".
    if len(words) == 1 and " " in words[0] and not words[0].startswith("/"):
        return words[0].split()
    return list(words)


def _stem(word: str) -> str:
    return _ENDINGS.sub("", word.rpartition("/")[2])


def _is_interpreter(name: str) -> bool:
    return _VERSION.sub("", name) in INTERPRETERS
