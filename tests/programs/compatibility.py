"""docs/compatibility.md: two tables of servers and one of clients, made of what `make compat` saw.

A row is replaced where its program was tried in all that the table has, and only then. Where a
program is not installed, or was not tried, the row of an earlier run stays, with its date; without
one, the row says why the program did not run. So a machine with few programs takes no knowledge
away.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.programs.conflicts import KINDS
from tests.programs.developing.comparison import COLUMNS
from tests.programs.program_list import ProgramList, Subject
from tests.programs.sources import ROOT, Source

PAGE = ROOT / "docs" / "compatibility.md"

_HEAD = """\
<!-- Made by: make compat. Do not edit; tests/programs has the programs. -->

# Compatibility

After this page you know whether a server, a client or a tool was tried with Styxy, and what it did.

Real programs under `styxy run`, each on a port that it cannot have: another project's server
listens there on `127.0.0.1`, on `::`, or on `::1`, or the port is promised to another project and
nobody listens.
"""

_COMPARED = """\
## On a taken port

What web, data and mobile developers start, each on a port that a stranger's server has on
`127.0.0.1`: *by itself*, without Styxy; then *under Styxy*; there once more after its end
(*restart*: ✓ where it has the same port as before); and in *two worktrees* at once, which ask for
one free port (✓ where the first has it, without a word of Styxy, and the second serves beside it).
None has a terminal, so what would ask its user ends. *Prints and opens* has the lines of the run
under Styxy that name a port: NEW is the one that the program has, ASKED the one that it was started
with; *opens* is the address that it sent a browser to. *Told what to type* is by intention where
moving does not help: a debugger must not meet the program of another worktree, and some programs
end when they are not at the very port.
"""

_SERVERS = """\
## In every kind of conflict

✓ means all of this: one notice and not a word more, a lease and a line in the log, the program
answers at the new port on every address that it serves, whoever has the asked port is still met
there, and the lease ends with the program. *Backend* is what reached the process that listens. In
what a program prints, NEW is the port of the notice, and ASKED the one that it was started with:
where it prints that one, the notice is the line to trust. The same run starts each in two worktrees
at once, ends and kills the second, and finds it at its place again; and it compares, byte for byte,
what each prints on a free port with what it prints without Styxy, and compares its exit status and
what signals mean to it.
"""

_CLIENTS = """\
## Clients

Each asks for `http://localhost:PORT/`. ✓ means: in the project whose server was moved away from
PORT the client reaches that one; elsewhere it reaches the one at PORT itself, or nobody where the
port is only promised. Cypress is not tried: npm has its launcher alone, and that fetches the
browser from its maker's own host.
"""

_ROW = re.compile(r"^\| (?P<name>[^|]+?) \|.*\| (?P<day>\d{4}-\d\d-\d\d|-) \|$", re.MULTILINE)
_MACHINE = re.compile(r"^- (?P<day>\d{4}-\d\d-\d\d): (?P<kind>.*)$", re.MULTILINE)
_NEVER = "-"


class Listed(Subject, Protocol):
    """What a row is made of."""

    @property
    def source(self) -> Source:
        """Tell where it comes from."""

    @property
    def way(self) -> str:
        """Spell how it is run."""


@dataclass(frozen=True, slots=True)
class Run:
    """Say when and on what kind of machine the programs ran."""

    day: str
    machine: str


def this_run() -> Run:
    """Describe this machine, without its name, today."""
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    release = ".".join(platform.release().split(".")[:2])
    processors = os.cpu_count()
    machine = f"{system}, Linux {release}, {platform.machine()}, {processors} processors"
    return Run(time.strftime("%Y-%m-%d"), machine)


def page(
    old: str,
    *,
    servers: Sequence[Listed],
    compared: Sequence[Listed],
    clients: Sequence[Listed],
    program_list: ProgramList,
    run: Run,
) -> str:
    """Write the page anew, from what was seen now and from the rows of the old page."""
    kept = _kept(old)

    def row(words: str, subject: Listed, *last: str) -> str:
        if program_list.tried.get(subject.name, set()) >= set(KINDS):
            return _row(subject, program_list, run, last)
        return other(words, subject, 1 + len(KINDS) + len(last))

    def seen(subject: Listed) -> str:
        cells = program_list.compared.get(subject.name)
        if cells is None:
            return other(_COMPARED, subject, len(COLUMNS))
        return _line([*_what(subject), *cells, run.day])

    def other(words: str, subject: Listed, cells: int) -> str:
        reason = program_list.skipped.get(subject.name, "never run")
        return kept.get((_heading(words), subject.name)) or _empty_row(subject, reason, cells)

    kinds = [kind if kind == "promised" else _code(kind) for kind in KINDS]
    tables = [
        _table(_COMPARED, [seen(each) for each in compared], columns=COLUMNS),
        _table(
            _SERVERS,
            [row(_SERVERS, each, _printed(each, program_list)) for each in servers],
            columns=["backend", *kinds, "prints"],
        ),
        _table(_CLIENTS, [row(_CLIENTS, each) for each in clients], columns=["backend", *kinds]),
    ]
    machines = {each["day"]: each["kind"] for each in _MACHINE.finditer(old)}
    machines[run.day] = run.machine
    return "\n".join([_HEAD, *tables, _machines(machines, "".join(tables))])


def rows_of(text: str) -> list[str]:
    """Name the programs that a page has a row for."""
    return [row["name"] for row in _ROW.finditer(text)]


def _kept(old: str) -> dict[tuple[str, str], str]:
    """Read the rows of a page, by the heading of their table and the name of their program."""
    _, *tables = re.split(r"^(?=## )", old, flags=re.MULTILINE)
    return {
        (_heading(table), row["name"]): row[0] for table in tables for row in _ROW.finditer(table)
    }


def _heading(table: str) -> str:
    return table.partition("\n")[0]


def _table(words: str, rows: Sequence[str], *, columns: Sequence[str]) -> str:
    cells = ["program", "version", "run as", *columns, "run on"]
    head = f"{_line(cells)}\n|{' --- |' * len(cells)}"
    return "\n".join([words, head, *rows, ""])


def _printed(subject: Listed, program_list: ProgramList) -> str:
    """Quote what a server prints of its port."""
    found = program_list.found.get(subject.name, {})
    lines = dict.fromkeys(line for each in found.values() for line in each.prints)
    return "<br>".join(map(_code, lines)) or "nothing of it"


def _row(subject: Listed, program_list: ProgramList, run: Run, last: Sequence[str]) -> str:
    """Write the row of a program that was tried in every conflict."""
    found = program_list.found.get(subject.name, {})
    backends = sorted({each.backend for each in found.values()})
    stood = ["✓" if kind in found else "**fails**" for kind in KINDS]
    return _line([*_what(subject), ", ".join(backends) or _NEVER, *stood, *last, run.day])


def _what(subject: Listed) -> list[str]:
    return [subject.name, subject.source.version(), _code(subject.way)]


def _empty_row(subject: Listed, reason: str, cells: int) -> str:
    """Write the row of a program that never ran."""
    return _line([subject.name, reason, _code(subject.way), *[_NEVER] * (cells + 1)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(each.replace('|', '/') for each in cells)} |"


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`"


def _machines(machines: Mapping[str, str], tables: str) -> str:
    days = sorted(day for day in machines if f"| {day} |" in tables)
    lines = [f"- {day}: {machines[day]}" for day in days]
    return "\n".join(["## Machines", "", *lines, ""])
