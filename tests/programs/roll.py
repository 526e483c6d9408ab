"""The roll of the programs: which ran, which could not, and what each did in each conflict."""

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
    """What a server and a client have in common."""

    @property
    def name(self) -> str:
        """Tell its name, which no other has."""

    def missing(self) -> str | None:
        """Say why it cannot be had on this machine."""


@dataclass(frozen=True, slots=True)
class Found:
    """Hold what was seen of a program: the backend that reached it, and what it printed."""

    backend: str
    prints: tuple[str, ...]


@dataclass(slots=True)
class Roll:
    """Note which programs ran and which could not; in which conflicts, and how that went."""

    ran: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    tried: dict[str, set[str]] = field(default_factory=dict)
    found: dict[str, dict[str, Found]] = field(default_factory=dict)

    def call(self, subject: Subject, kind: str = "") -> None:
        """Skip the test, by the program's name, where the program cannot be had."""
        reason = subject.missing()
        if reason:
            self.skip(subject.name, reason)
        self.note(subject.name)
        self.tried.setdefault(subject.name, set()).add(kind)

    def note(self, name: str) -> None:
        """Note a program that runs."""
        self.ran.add(name)

    def skip(self, name: str, reason: str) -> NoReturn:
        """Note a program that cannot be had, and end the test."""
        self.skipped[name] = reason
        pytest.skip(f"{name}: {reason}")

    def passed(self, subject: Subject, kind: str, found: Found) -> None:
        """Note that a program did in a conflict all that is promised."""
        self.found.setdefault(subject.name, {})[kind] = found


ROLL = pytest.StashKey[Roll]()
"""Where pytest's configuration keeps the roll of this process."""


def backend_of(pid: int) -> str:
    """Tell what reaches a process: a supervisor adds a filter to those that we have ourselves."""
    return "seccomp" if _filters(pid) > _filters("self") else "preload"


def _filters(pid: int | str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^Seccomp_filters:\s+(\d+)$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def port_lines(
    output: str, *, asked: int, got: int, settled: Callable[[str], str]
) -> tuple[str, ...]:
    """Take the lines that name a port, as ASKED or NEW, each once, without what varies."""
    lines = []
    for line in _COLOUR.sub("", output).splitlines():
        told = re.sub(rf"\b{asked}\b", "ASKED", re.sub(rf"\b{got}\b", "NEW", line))
        if told != line and "STYXY" not in line:
            lines.append(settled(told).strip()[:_LONGEST_LINE])
    return tuple(dict.fromkeys(lines))
