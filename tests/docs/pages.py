"""The documents as tests see them: their sections, and in these the examples that can be run.

Every ```console block is an example: `$ ` begins a line that is typed, `> ` goes on with it, and
what follows is what it says. Comments in the source steer it, unseen by readers:

    <!-- ports: 8000 -->             8000 is free where the test has no network of its own
    <!-- before each section -->     the next block is typed first in every section of the page
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (
    "docs/index.md",
    "docs/getting-started.md",
    "docs/worktrees.md",
    "docs/test-suites.md",
    "docs/compose.md",
    "docs/names.md",
    "docs/ci.md",
    "docs/usage.md",
    "docs/page.md",
    "docs/interception.md",
    "docs/http-api.md",
    "docs/configuration.md",
    "docs/troubleshooting.md",
    "docs/upgrading.md",
    "docs/agents.md",
    "docs/service.md",
    "docs/iana.md",
)

_PORTS = re.compile(r"<!-- ports: ([0-9 ]+) -->")
_BEFORE = "<!-- before each section -->"


@dataclass(slots=True)
class Example:
    """Hold one line that is typed, and what it says."""

    line: int
    command: str
    said: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """Hold a part of a page, from one `## ` to the next, with its examples."""

    page: str
    title: str
    lines: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)

    @property
    def begins_with_run(self) -> bool:
        """Tell whether `styxy run` is the first command that starts a daemon where none runs."""
        ours = (
            each.command for each in self.examples if re.search(r"\bstyxy (?!wait )", each.command)
        )
        return "styxy run " in next(ours, "")

    @property
    def text(self) -> str:
        """The words of the section, without those that only steer tests."""
        return "\n".join(self.lines)


def text_of(name: str) -> str:
    """Read one document."""
    return Path(ROOT, name).read_text(encoding="utf-8")


def sections(page: str) -> list[Section]:
    """Take a page apart."""
    found = [Section(page, "")]
    before: list[Example] = []
    fence, is_before = "", False
    for number, line in enumerate(text_of(page).splitlines(), start=1):
        here = found[-1]
        here.lines.append(line)
        if line.startswith("```"):
            fence = line[3:].strip() or "text" if not fence else ""
            is_before = is_before and bool(fence)
        elif fence == "console":
            _read(line, number, before if is_before else here.examples)
        elif not fence and line.startswith("## "):
            found.append(Section(page, line[3:]))
        elif line == _BEFORE:
            is_before = True
        elif steering := _PORTS.fullmatch(line):
            here.ports += steering[1].split()
    for each in found:
        each.examples[:0] = [Example(one.line, one.command, list(one.said)) for one in before]
    return found


def _read(line: str, number: int, examples: list[Example]) -> None:
    if line.startswith("$ "):
        examples.append(Example(number, line[2:]))
    elif line.startswith("> ") and not examples[-1].said:
        examples[-1].command += "\n" + line[2:]
    else:
        examples[-1].said.append(line)


def parts(page: str, mark: str = "### ") -> Iterator[tuple[str, str]]:
    """Walk the parts of a page under headings of one depth: the heading and its words."""
    for piece in re.split(rf"^{mark}", text_of(page), flags=re.MULTILINE)[1:]:
        heading, _, words = piece.partition("\n")
        yield heading, re.split(r"^#{1,3} ", words, flags=re.MULTILINE)[0]
