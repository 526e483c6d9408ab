"""JSON text whose every key knows its line: what the standard parser does not tell.

Scalars are read by the standard library; objects and lists are walked here, so that a complaint
about a value can name line and column, and a key that is there twice is seen.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NoReturn

DEEPEST = 32
"""Levels of nesting; the deepest honest file has five, and the parser below calls itself."""

Path = tuple[str | int, ...]
"""The way to a value: keys of objects and positions in lists, outermost first."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Name a place in a text; both numbers begin at 1."""

    line: int
    column: int


class NotJson(Exception):
    """Say what is no JSON, and where."""

    def __init__(self, sentence: str, spot: Spot) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.spot = spot


@dataclass(slots=True)
class Located:
    """Hold plain data, where each value stands, and the keys that an object has twice."""

    data: object = None
    spots: dict[Path, Spot] = field(default_factory=dict)
    doubles: list[tuple[Path, Spot]] = field(default_factory=list)


def parse(text: str) -> Located:
    """Read a JSON document (RFC 8259). Raises `NotJson`, and nothing else for any text."""
    return _Parser(text).document()


def parse_quickly(text: str) -> object:
    """Read a document that is in order, ten times as fast, without the lines.

    Raises `ValueError` where `parse` would refuse or complain, or might.
    """
    try:
        data: object = json.loads(
            text,
            object_pairs_hook=_single_keys,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    if is_too_deep(data):
        raise ValueError("nested too deep")
    return data


def is_too_deep(data: object) -> bool:
    """Tell whether data is nested deeper than a file may be, whatever its depth."""
    level: list[dict[str, object] | list[object]] = [data] if isinstance(data, dict | list) else []
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for group in inner for each in group if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def _single_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:  # infinite, and that could not be written again
        raise ValueError("the number is too large")
    return number


_BLANK = re.compile(r"[ \t\n\r]*")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [each.start() for each in re.finditer("\n", text)]
        self._found = Located()
        self._scalars = json.JSONDecoder(
            parse_constant=self._refuse_constant, parse_float=self._float
        )

    def document(self) -> Located:
        self._skip()
        self._found.data = self._value(())
        if self._at < len(self._text):
            self._fail("there is more after the end of the document")
        return self._found

    def _value(self, path: Path) -> object:
        if len(path) > DEEPEST:
            self._fail(f"values are nested more than {DEEPEST} levels deep")
        match self._peek():
            case "{":
                return self._object(path)
            case "[":
                return self._list(path)
            case _:
                return self._scalar("a value is missing or is no JSON")

    def _object(self, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        self._step()
        while self._peek() != "}":
            if self._peek() != '"':
                self._fail('a key in double quotes or a "}" is missing')
            spot = self._spot()
            key = str(self._scalar("the key is no JSON text"))
            here = (*path, key)
            if key in result:
                self._found.doubles.append((here, spot))
            self._found.spots[here] = spot
            self._expect(":", f"a colon is missing after {key!r}")
            result[key] = self._value(here)
            self._separate("}")
        self._step()
        return result

    def _list(self, path: Path) -> list[object]:
        result: list[object] = []
        self._step()
        while self._peek() != "]":
            here = (*path, len(result))
            self._found.spots[here] = self._spot()
            result.append(self._value(here))
            self._separate("]")
        self._step()
        return result

    def _scalar(self, complaint: str) -> object:
        try:
            value, self._at = self._scalars.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._fail(complaint, at=max(error.pos, self._at))
        except ValueError:
            self._fail("the number has too many digits")  # int(), beyond 4,300 of them
        self._skip()
        return value

    def _separate(self, closing: str) -> None:
        """Pass a comma that is followed by a member, or stop at the end."""
        if self._peek() == closing:
            return
        at = self._at
        self._expect(",", f'a comma or a "{closing}" is missing')
        if self._peek() == closing:
            self._fail(f'there is a comma before "{closing}"', at=at)

    def _expect(self, mark: str, complaint: str) -> None:
        if self._peek() != mark:
            self._fail(complaint)
        self._step()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _step(self) -> None:
        self._at += 1
        self._skip()

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        assert blank is not None
        self._at = blank.end()

    def _spot(self, at: int | None = None) -> Spot:
        at = self._at if at is None else at
        line = bisect_right(self._newlines, at - 1)
        start = self._newlines[line - 1] + 1 if line else 0
        return Spot(line + 1, at - start + 1)

    def _fail(self, complaint: str, *, at: int | None = None) -> NoReturn:
        raise NotJson(complaint, self._spot(at))

    def _float(self, digits: str) -> float:
        try:
            return _finite(digits)
        except ValueError as error:
            self._fail(str(error))

    def _refuse_constant(self, name: str) -> NoReturn:
        self._fail(f"{name} is no JSON number")
