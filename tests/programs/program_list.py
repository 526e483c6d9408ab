"""The list of programs: which ran, which could not, and what each did in each conflict."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_LONGEST_LINE = 90  # characters of a line that a table shows


class Subject(Protocol):
    """What servers and clients have in common."""

    @property
    def name(self) -> str:
        """Return its unique name."""

    def missing(self) -> str | None:
        """Return why it is not available on this machine."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of a program: the backend that reached it, and what it printed."""

    backend: str
    prints: tuple[str, ...]


@dataclass(slots=True)
class ProgramList:
    """Records which programs ran and which could not, in which conflicts, with what result."""

    ran: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    tried: dict[str, set[str]] = field(default_factory=dict)
    found: dict[str, dict[str, Found]] = field(default_factory=dict)
    compared: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The cells of each program that was compared with itself without Styxy."""

    def require(self, subject: Subject, kind: str = "") -> None:
        """Skip the test, with the program's name, if the program is not available."""
        reason = subject.missing()
        if reason:
            self.skip(subject.name, reason)
        self.add(subject.name)
        self.tried.setdefault(subject.name, set()).add(kind)

    def add(self, name: str) -> None:
        """Record a program that runs."""
        self.ran.add(name)

    def skip(self, name: str, reason: str) -> NoReturn:
        """Record a program that is not available, and skip the test."""
        self.skipped[name] = reason
        pytest.skip(f"{name}: {reason}")

    def record(self, subject: Subject, kind: str, found: Found) -> None:
        """Record that a program did everything that is promised in a conflict."""
        self.found.setdefault(subject.name, {})[kind] = found


PROGRAM_LIST = pytest.StashKey[ProgramList]()
"""Where pytest's configuration keeps the program_list of this process."""


def backend_of(pid: int) -> str:
    """Return the backend that reaches a process: a supervisor adds a seccomp filter to our own."""
    return "seccomp" if _filters(pid) > _filters("self") else "preload"


def _filters(pid: int | str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^Seccomp_filters:\s+(\d+)$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def port_lines(
    output: str, *, asked: int, got: int, settled: Callable[[str], str]
) -> tuple[str, ...]:
    """Extract the lines that name a port, as ASKED or NEW, each once, without varying parts."""
    lines = []
    for line in _COLOUR.sub("", output).splitlines():
        told = re.sub(rf"\b{asked}\b", "ASKED", re.sub(rf"\b{got}\b", "NEW", line))
        if told != line and "STYXY" not in line:
            lines.append(settled(told).strip()[:_LONGEST_LINE])
    return tuple(dict.fromkeys(lines))
