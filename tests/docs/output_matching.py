"""Compares the output in an example with real output: words and numbers must agree.

A pid, which the documents write as 4711 and the like, and an id of 32 hex digits is a name: the
first time that a document uses one, it stands for what is there, and from then on for nothing else.
Every other number is itself, for the examples run in a network in which all ports are free: a
document says `auto-assigned port 8001` only where that is the port. Where no such network can be
had, a number above 1023 is a name, too, as `3000` may be 3002 where 3000 is taken; there a port
that is unlike the document's goes unseen. Moments only have to look alike. `...` is any words in a
line, any number of lines where it stands alone, and in JSON any value, any further keys or any
further items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

ANYTHING = "..."

Token = tuple[str, str]
Refuse = Callable[[str, str], bool]

_TOKEN = re.compile(
    r"(?P<anything>\.\.\.(?=\s|$))"
    r"|(?P<id>\b[0-9a-f]{32}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?|\b\d{8}T\d{6}\.\d+Z)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d\b)"
    r"|(?P<range>\b\d+-\d+\b|\[\d+, ?\d+\])"
    r"|(?P<number>(?<![\w.])\d+(?![\w]|\.\d))"
    r"|(?P<word>\w+|[^\w\s])"
)
_NAMED = re.compile(r"\b[0-9a-f]{32}\b|(?<![\w.-])\d{4,7}(?![\w-]|\.\d)")


class OutputMatcher:
    """Matches output, remembering what each name in a page stands for.

    `home` replaces its ~; with `is_exact`, its ports are the ports here.
    """

    def __init__(self, home: str, *, is_exact: bool = True) -> None:
        self._stands_for: dict[str, str] = {}
        self._home = home
        self._is_exact = is_exact

    def name(self, written: str, meant: str) -> bool:
        """Let a name stand for something; False if either already has another counterpart."""
        known = self._stands_for.setdefault(written, meant)
        others = (
            each
            for name, each in self._stands_for.items()
            if name != written and _is_pid(name) == _is_pid(written)
        )
        return known == meant and meant not in others

    def _number(self, written: str, meant: str) -> bool:
        if self._is_exact and not _is_pid(written) and written not in self._stands_for:
            return written == meant
        return self.name(written, meant)

    def command(self, written: str) -> str:
        """Return a command with its names replaced by what they stand for here."""
        here = written.replace("/home/ada", self._home)
        return _NAMED.sub(lambda found: self._stands_for.get(found[0], found[0]), here)

    def agrees(self, written: list[str], said: list[str]) -> bool:
        """Return whether the output is what the document shows."""
        expected = [line.replace("/home/ada", self._home) for line in written]
        text = "\n".join(expected)
        if text.lstrip()[:1] in ("{", "["):
            try:
                return self._same(json.loads(text), json.loads("\n".join(said)))
            except json.JSONDecodeError:
                return False
        return self._lines(expected, [line for line in said if line.strip()])

    def _lines(self, written: list[str], said: list[str]) -> bool:
        if not written:
            return not said
        first, *rest = written
        if not first.strip():
            return self._lines(rest, said)
        if first.strip() == ANYTHING:
            kept = dict(self._stands_for)
            for skipped in range(len(said) + 1):
                if self._lines(rest, said[skipped:]):
                    return True
                self._stands_for = dict(kept)
            return False
        return bool(said) and self._line(first, said[0]) and self._lines(rest, said[1:])

    def _line(self, written: str, said: str) -> bool:
        return self._tokens(_tokens(written), _tokens(said))

    def _tokens(self, written: list[Token], said: list[Token]) -> bool:
        for place, token in enumerate(written):
            if token[0] == "anything":
                return self._some(written[place + 1 :], said[place:])
            if place >= len(said) or not self._token(token, said[place]):
                return False
        return len(written) == len(said)

    def _some(self, rest: list[Token], said: list[Token]) -> bool:
        if not rest:
            return True
        kept = dict(self._stands_for)
        for skipped in range(len(said)):
            if self._tokens(rest, said[skipped:]):
                return True
            self._stands_for = dict(kept)
        return False

    def _token(self, written: Token, said: Token) -> bool:
        if written[0] != said[0]:
            return False
        match written[0]:
            case "time" | "date":
                return True
            case "range" if written[1] != said[1]:
                ends = (re.findall(r"\d+", each[1]) for each in (written, said))
                return all(map(self._number, *ends))
            case "id":
                return self.name(written[1], said[1])
            case "number" if int(written[1]) > 1023:
                return self._number(written[1], said[1])
        return written[1] == said[1]

    def _same(self, written: object, said: object) -> bool:
        if written == ANYTHING:
            return True
        if isinstance(written, dict) and isinstance(said, dict):
            wanted = {key: each for key, each in written.items() if key != ANYTHING}
            if ANYTHING not in written and set(wanted) != set(said):
                return False
            return all(key in said and self._same(each, said[key]) for key, each in wanted.items())
        if isinstance(written, list) and isinstance(said, list):
            if written and written[-1] == ANYTHING:
                written = written[:-1]
                said = said[: len(written)]
            return len(written) == len(said) and all(map(self._same, written, said))
        if isinstance(written, float) and isinstance(said, int | float):
            return True
        if type(written) is not type(said):
            return False
        return written == said or self._line(str(written), str(said))


def _is_pid(name: str) -> bool:
    return re.fullmatch(r"47\d\d", name) is not None


def _tokens(line: str) -> list[Token]:
    return [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(line)]
