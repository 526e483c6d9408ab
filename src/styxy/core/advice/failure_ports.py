"""Which number of an output is the port: not the time, the process, the line of a file, the errno.

A port is written after the word, `port 3000`, or after an address, `[::1]:3000`,
`('127.0.0.1', 3000)`. Of several in a line, the one nearest to the wording of the failure counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HIGHEST = 65535

AROUND = 40
"""Lines above and below that are searched; Node's error has its port twelve lines below."""

LONGEST_LINE = 400

_NAMED = re.compile(r"""(?<![\w-])ports?\b[\s:=#"'(]{0,4}(\d{1,5})\b(?![.:]\d)""")
_ADDRESS = re.compile(
    r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.%]{0,45}\]|\blocalhost|::1?|\*|\bany|//[\w.-]{1,80}"
    r"|(?<![\w:.\])])(?<!\w[\x22'])):(\d{2,5})(?!\d|[.:]\d)"
)
_TUPLE = re.compile(r"""['"][\w.:-]{0,80}['"],\s?(\d{1,5})[,)]""")
_CALL = re.compile(r"\b(?:listen\(|bind to \S{0,60}\[)(\d{2,5})\b")
_HASH = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}[# ](\d{2,5})\b")
_CONNECTOR = re.compile(r"\b(?:http|https|ajp)-\w{1,9}-(\d{2,5})\b")  # Tomcat
_HOST = re.compile(
    r"\b(?!(?:line|pid|errno|code|node|error|col)\b)[a-z][\w-]{0,60}:(\d{2,5})\b(?!:\d)"
)

_PATTERNS = (_NAMED, _ADDRESS, _TUPLE, _CALL, _HASH, _CONNECTOR)
_OF_SERVER = re.compile(r"port|listen|bind|bound|address|http|serv|start|socket|running")
_TAG = re.compile(r"^(?:\[[a-zA-Z@][\w:@/ -]{0,30}\] |[\w.-]{1,30} +\| )")
_SOURCE = re.compile(r"\.[a-z]{1,5}:\d")


def port_of(line: str, *, near: int, is_named: bool = False) -> int | None:
    """Return the port in a line (lower case), or None; `is_named`: only after the word `port`.

    `near` is the place of the wording.
    """
    if is_named:
        return _nearest(_NAMED, line, near) or (
            _nearest(_ADDRESS, line, near) if "already " in line else None
        )
    for pattern in _PATTERNS:
        port = _nearest(pattern, line, near)
        if port is not None:
            return port
    return None if _SOURCE.search(line) else _nearest(_HOST, line, near)


def port_around(lines: Sequence[str], place: int) -> int | None:
    """Return the port that the lines around one name, the nearest first, or None.

    Where several programs write into one output, each with its name in front, only the lines of
    the same one are read.
    """
    tag = _TAG.search(lines[place])
    for distance in range(1, AROUND + 1):
        for other in (place - distance, place + distance):
            if not 0 <= other < len(lines):
                continue
            line = lines[other][:LONGEST_LINE]
            if tag is None or line.startswith(tag[0]):
                port = _port_nearby(line.lower())
                if port is not None:
                    return port
    return None


def _port_nearby(line: str) -> int | None:
    if not _OF_SERVER.search(line):
        return None
    for pattern in _PATTERNS:
        port = _nearest(pattern, line, 0)
        if port is not None:
            return port
    return None


def _nearest(pattern: re.Pattern[str], line: str, near: int) -> int | None:
    """Return the match of a pattern that is nearest to a place, or None."""
    found = [each for each in pattern.finditer(line) if 0 < int(each[1]) <= HIGHEST]
    return min((abs(each.start() - near), int(each[1])) for each in found)[1] if found else None
