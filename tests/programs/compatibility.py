"""docs/compatibility.md: a table of servers and one of clients, made of what `make compat` saw.

A row is replaced where its program was tried in every conflict, and only then. Where a program is
not installed, or was not tried, the row of an earlier run stays, with its date; without one, the
row says why the program did not run. So a machine with few programs takes no knowledge away.
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
from tests.programs.program_list import ProgramList, Subject
from tests.programs.sources import ROOT, Source

PAGE = ROOT / "docs" / "compatibility.md"

_HEAD = """\
<!-- Made by: make compat. Do not edit; tests/programs has the programs. -->

# Compatibility

Real programs under `styxy run`, each on a port that it cannot have: another project's server
listens there on `127.0.0.1`, on `::`, or on `::1`, or the port is promised to another project and
nobody listens.
"""

_SERVERS = """\
## Servers

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
    clients: Sequence[Listed],
    program_list: ProgramList,
    run: Run,
) -> str:
    """Write the page anew, from what was seen now and from the rows of the old page."""
    kept = {row["name"]: row[0] for row in _ROW.finditer(old)}

    def row(subject: Listed, *last: str) -> str:
        if program_list.tried.get(subject.name, set()) >= set(KINDS):
            return _row(subject, program_list, run, last)
        reason = program_list.skipped.get(subject.name, "never run")
        return kept.get(subject.name) or _empty_row(subject, reason, last)

    tables = [
        _table(
            _SERVERS, [row(each, _printed(each, program_list)) for each in servers], last=["prints"]
        ),
        _table(_CLIENTS, [row(each) for each in clients], last=[]),
    ]
    machines = {each["day"]: each["kind"] for each in _MACHINE.finditer(old)}
    machines[run.day] = run.machine
    return "\n".join([_HEAD, *tables, _machines(machines, "".join(tables))])


def rows_of(text: str) -> list[str]:
    """Name the programs that a page has a row for."""
    return [row["name"] for row in _ROW.finditer(text)]


def _table(words: str, rows: Sequence[str], *, last: Sequence[str]) -> str:
    kinds = [kind if kind == "promised" else _code(kind) for kind in KINDS]
    cells = ["program", "version", "run as", "backend", *kinds, *last, "run on"]
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
    what = [subject.name, subject.source.version(), _code(subject.way)]
    return _line([*what, ", ".join(backends) or _NEVER, *stood, *last, run.day])


def _empty_row(subject: Listed, reason: str, last: Sequence[str]) -> str:
    """Write the row of a program that never ran."""
    nothing = [_NEVER] * (1 + len(KINDS) + len(last) + 1)
    return _line([subject.name, reason, _code(subject.way), *nothing])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(each.replace('|', '/') for each in cells)} |"


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`"


def _machines(machines: Mapping[str, str], tables: str) -> str:
    days = sorted(day for day in machines if f"| {day} |" in tables)
    lines = [f"- {day}: {machines[day]}" for day in days]
    return "\n".join(["## Machines", "", *lines, ""])
