"""JSON with the place of each value in its text, so that a part can be edited and the rest kept.

Comments and trailing commas are accepted, as editors and several agents accept them (JSONC). What
is read here is never written again as a whole: who edits cuts and pastes at the places given.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

DEEPEST = 100
"""Levels of nesting. Settings have less than ten, and deeper text must not exhaust the stack."""

_SCALAR = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
    r"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null"
)
_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_MARK = "\ufeff"


class NotReadable(Exception):
    """Say why a text is not JSON, and where; lines and columns begin at 1."""

    def __init__(self, sentence: str, *, line: int, column: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its text is `text[start:end]`. Only an object and a list have parts."""

    start: int
    end: int
    data: object
    parts: tuple[Part, ...] = ()

    @property
    def is_object(self) -> bool:
        """Tell whether it is an object."""
        return isinstance(self.data, dict)

    @property
    def is_list(self) -> bool:
        """Tell whether it is a list."""
        return isinstance(self.data, list)

    def get(self, key: str) -> Part | None:
        """Find a member of an object; of repeated keys the last, which is the one that counts."""
        return next((part for part in reversed(self.parts) if part.key == key), None)


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a list, or one member of an object, which begins with its key."""

    start: int
    value: Value
    key: str | None = None

    @property
    def end(self) -> int:
        """Where it ends, without a comma."""
        return self.value.end


@lru_cache(maxsize=4)  # an edit asks for the same text several times
def parse(text: str) -> Value:
    """Read a document. Raises `NotReadable`, and nothing else for any text."""
    reader = _Reader(text)
    root = reader.value(reader.skipped(len(_MARK) if text.startswith(_MARK) else 0), depth=0)
    end = reader.skipped(root.end)
    if end != len(text):
        raise reader.fault(end, "there is more behind the end of the document")
    return root


def comments_end(text: str, start: int, end: int) -> int:
    """Find where the last comment between two places ends; `start` where there is none."""
    comments = list(_COMMENT.finditer(text, start, end))
    return comments[-1].end() if comments else start


def skip(text: str, at: int) -> int:
    """Go past white space and comments."""
    found = _TRIVIA.match(text, at)
    return found.end() if found else at


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def fault(self, at: int, sentence: str) -> NotReadable:
        line = self.text.count("\n", 0, at) + 1
        return NotReadable(sentence, line=line, column=at - self.text.rfind("\n", 0, at))

    def skipped(self, at: int) -> int:
        return skip(self.text, at)

    def value(self, at: int, *, depth: int) -> Value:
        if depth > DEEPEST:
            raise self.fault(at, f"values are nested more than {DEEPEST} levels deep")
        if self._is_at(at, "{"):
            return self._object(at, depth=depth)
        if self._is_at(at, "["):
            return self._list(at, depth=depth)
        return self._scalar(at, "a value")

    def _scalar(self, at: int, wanted: str) -> Value:
        found = _SCALAR.match(self.text, at)
        if found is None:
            shown = repr(self.text[at]) if at < len(self.text) else "the end of the file"
            raise self.fault(at, f"expected {wanted}, not {shown}")
        try:
            return Value(at, found.end(), json.loads(found[0]))
        except ValueError:  # int() takes 4,300 digits at most
            raise self.fault(at, "a number has too many digits") from None

    def _object(self, start: int, *, depth: int) -> Value:
        parts: list[Part] = []
        at = self.skipped(start + 1)
        while not self._is_at(at, "}"):
            key = self._scalar(at, "a key in quotes or '}'")
            if not isinstance(key.data, str):
                raise self.fault(at, "a key must be in quotes")
            colon = self.skipped(key.end)
            if not self._is_at(colon, ":"):
                raise self.fault(colon, "expected ':'")
            value = self.value(self.skipped(colon + 1), depth=depth + 1)
            parts.append(Part(at, value, key.data))
            at = self._after_comma(value.end, "}")
        data = {part.key: part.value.data for part in parts}
        return Value(start, at + 1, data, tuple(parts))

    def _list(self, start: int, *, depth: int) -> Value:
        parts: list[Part] = []
        at = self.skipped(start + 1)
        while not self._is_at(at, "]"):
            value = self.value(at, depth=depth + 1)
            parts.append(Part(at, value))
            at = self._after_comma(value.end, "]")
        return Value(start, at + 1, [part.value.data for part in parts], tuple(parts))

    def _is_at(self, at: int, mark: str) -> bool:
        return self.text[at : at + 1] == mark

    def _after_comma(self, at: int, closing: str) -> int:
        at = self.skipped(at)
        if self._is_at(at, ","):
            return self.skipped(at + 1)
        if not self._is_at(at, closing):
            raise self.fault(at, f"expected ',' or {closing!r}")
        return at
