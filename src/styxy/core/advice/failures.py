"""Recognise in a program's output that a server could not have its port, and which port that is.

Lines are judged one by one: does it say that an address is taken, or that a permission is missing;
and is it what a program says of itself, not source code, a document or the title of a test? The
port is the one in that line, else the nearest in the lines around it. Each line is cut to a length
and looked at a limited number of times, so the time is linear in the output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from styxy.core.advice import failure_words as words
from styxy.core.advice.failure_ports import port_around, port_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["conflict", "permission"]

MOST_OUTPUT = 1 << 20
"""Characters at the end of the output that are read."""

SHORTEST_LINE = 6
LONGEST_LINE = 2000
"""Characters of a line that are read, around the wording; a line of JSON may have thousands."""

MOST_OF_LINE = 1 << 14
"""Characters of a line in which a wording is looked for."""

MOST_STATEMENTS = 16
"""Lines that say that something failed; a program that tries again writes the same ones."""

UNPRIVILEGED = 1024
"""The lowest port that everybody may bind; net.ipv4.ip_unprivileged_port_start in ip(7)."""

BEFORE = 12
"""Lines above a bare `Permission denied` in which the call that failed is looked for."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|[\x00-\x08\x0e-\x1f]")
_CALLS = re.compile(
    r"\.(?:server_)?(?:bind|listen)\(|\bbind\(|\blisten\b|start_server|create_server"
    r"|socket\.socket|shared_socket|Serving Flask"
)
_NUMBERS = re.compile(r"(?<![\d.])\d{2,5}(?![\d.]*\d)")
_BARE_QUOTE = re.compile(r"""['"](?:eaddrinuse|eacces|eperm)['"]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A server that could not have its port; `port` is None if the output does not tell it.

    A conflict: somebody else has the port. A permission error: this user, or a sandbox, may not
    listen there, whoever has the port. `line` is the line that says so.
    """

    kind: Kind
    port: int | None
    line: str

    @property
    def is_of_sandbox(self) -> bool:
        """Return whether a sandbox forbids it (EPERM), as opposed to a low port (EACCES)."""
        line = self.line.lower()
        return self.kind == "permission" and ("not permitted" in line or "eperm" in line)


def find_failure(
    output: str, *, is_known_to_have_failed: bool = True, is_of_server: bool = True
) -> Failure | None:
    """Find the first failure to listen on a port in a command's output; never raises.

    Without an exit status, only a command that starts a server is believed, and its output must
    have the wording as an error line; so must that of a command that failed but starts none.
    """
    if not is_known_to_have_failed and not is_of_server:
        return None
    is_strict = not (is_known_to_have_failed and is_of_server)
    lines = _lines(output)
    first: Failure | None = None
    served = _announced(lines)
    for place, line, kind in _statements(lines, is_strict=is_strict):
        port = port_of(line.lower(), near=_wording(line.lower()))
        if port is None:
            port = port_around(lines, place)
        if port is not None and served.get(port, -1) > place:
            continue  # it took that port at last
        found = Failure(kind=kind, port=port, line=line.strip())
        if port is not None and (first is None or first.kind == kind):
            return found
        first = first or found
    return first


def _lines(output: str) -> list[str]:
    """Return the lines of an output, without colours and other control sequences."""
    return _ESCAPES.sub("", output[-MOST_OUTPUT:]).splitlines()


def _statements(lines: Sequence[str], *, is_strict: bool) -> Iterator[tuple[int, str, Kind]]:
    """Iterate over the lines that say that a port could not be had."""
    left = MOST_STATEMENTS
    for place, whole in enumerate(lines):
        if len(whole) < SHORTEST_LINE:
            continue
        found = words.TRIGGER.search(whole[:MOST_OF_LINE].lower())
        if found is None or left == 0:
            continue
        line = whole[max(0, found.start() - LONGEST_LINE // 2) : found.end() + LONGEST_LINE // 2]
        kind = _kind(line.lower(), lines, place)
        if kind is not None and not _is_quotation(line.lower(), is_strict=is_strict):
            left -= 1
            yield place, line, kind


def _kind(line: str, lines: Sequence[str], place: int) -> Kind | None:
    if any(word in line for word in words.PERMISSIONS):
        return "permission" if _is_of_bind(line, lines, place) else None
    if words.MOVED.search(line):
        return None
    if any(word in line for word in words.CONFLICTS):
        return "conflict"
    if any(word in line for word in words.TAKEN) and port_of(line, near=0, is_named=True):
        return "conflict"
    if any(word in line for word in words.UNAVAILABLE):
        port = port_of(line, near=0, is_named=True)
        return "conflict" if port and port >= UNPRIVILEGED else None
    return None


def _is_of_bind(line: str, lines: Sequence[str], place: int) -> bool:
    """Return whether it was bind(2) or listen(2) that lacked a permission."""
    if words.OF_FILE.search(line):
        return False
    if words.OF_BIND.search(line.replace("errno", "")):
        return True
    above = lines[max(0, place - BEFORE) : place]
    return any(_CALLS.search(each[:LONGEST_LINE]) for each in above)


def _is_quotation(line: str, *, is_strict: bool) -> bool:
    """Return whether a line only quotes the wording: code, a document, a title, a search result."""
    start = line.lstrip()
    if start.startswith(words.MARKS) and "[error]" not in line:
        return True
    if words.LISTED.search(line) or words.QUOTED_FILE.search(start):
        return True
    if words.CODE.search(line) or words.PROSE.search(line):
        return True
    if words.PROSE_BEFORE.search(line, 0, _wording(line)):
        return True
    return is_strict and (not words.ERROR.search(line) or _BARE_QUOTE.search(line) is not None)


def _wording(line: str) -> int:
    found = words.TRIGGER.search(line)
    return found.start() if found else 0


def _announced(lines: Sequence[str]) -> dict[int, int]:
    """Return for each number in an announcement the last line that has it."""
    found: dict[int, int] = {}
    for place, whole in enumerate(lines):
        if len(whole) < SHORTEST_LINE:
            continue
        line = whole[:LONGEST_LINE].lower()
        if words.ANNOUNCED.search(line) and not words.REFUSED.search(line):
            for number in _NUMBERS.findall(line):
                found[int(number)] = place
    return found
