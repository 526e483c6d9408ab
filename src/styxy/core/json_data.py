"""Data from outside: JSON read strictly, and what a msgspec type accepts, said in words.

The configuration and the HTTP API share it, so that both refuse the same JSON and word a refusal
alike. msgspec's own messages speak of Python's types and of patterns and are not passed on. A type
that is described on its own, as in MCP, has a JSON Schema.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEEPEST = 32
"""Levels of nesting; the deepest honest document has five."""

TOO_DEEP = f"values are nested more than {DEEPEST} levels deep"

Path = tuple[str | int, ...]
"""The way to a value: keys of objects and positions in lists, outermost first."""

MISFITS = (msgspec.ValidationError, UnicodeEncodeError)
"""How msgspec refuses a value; the second stands for bytes that are not text (os.fsdecode)."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity|[\d.eE+-]+)', re.DOTALL)

_OWN_DEFINITIONS = "#/$defs/"


class NotJson(Exception):
    """Say why a text is not JSON, and where; `line` and `column` begin at 1, None is unknown."""

    def __init__(self, sentence: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line
        self.column = column


def parse(text: str) -> tuple[object, list[Path]]:
    """Read a JSON document (RFC 8259), and list the keys that an object has more than once.

    The last value of such a key counts. Raises `NotJson`, and nothing else for any text.
    """
    repeated: list[tuple[object, str]] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated.extend((found, key) for key in found if counts[key] > 1)
        return found

    try:
        data: object = json.loads(
            text, object_pairs_hook=members, parse_constant=_refuse, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise NotJson(error.msg[:1].lower() + error.msg[1:], error.lineno, error.colno) from None
    except RecursionError:
        raise NotJson(TOO_DEEP) from None
    except _Refused as error:
        raise NotJson(str(error), *_place(text, error.number)) from None
    except ValueError:
        raise NotJson("a number has too many digits") from None  # int(), beyond 4,300 of them
    if is_too_deep(data):
        raise NotJson(TOO_DEEP)
    return data, list(_paths(data, (), repeated)) if repeated else []


def is_too_deep(data: object) -> bool:
    """Tell whether data is nested deeper than a document may be, whatever its depth."""
    level: list[dict[str, object] | list[object]] = [data] if isinstance(data, dict | list) else []
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for group in inner for each in group if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def _paths(data: object, path: Path, repeated: list[tuple[object, str]]) -> Iterator[Path]:
    """Find the way to each repeated key; the parser knows the object and not where it stands."""
    if isinstance(data, dict):
        yield from ((*path, key) for owner, key in repeated if owner is data)
        members = iter(data.items())
    else:
        members = enumerate(data) if isinstance(data, list) else iter(())
    for key, value in members:
        yield from _paths(value, (*path, key), repeated)


class _Refused(ValueError):
    """Carry a number that the standard parser would let pass, and what is wrong with it."""

    def __init__(self, number: str, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


def _refuse(name: str) -> NoReturn:
    raise _Refused(name, f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:  # infinite, and that could not be written again
        raise _Refused(digits, "a number is too large")
    return number


def _place(text: str, number: str) -> tuple[int, int]:
    """Find line and column of a number; the same characters in a string are passed over."""
    at = next(each.start() for each in _TOKEN.finditer(text) if each[0] == number)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def fits(value: object, kind: Any, *, strict: bool = True) -> bool:
    """Tell whether a type accepts a value; text stands for numbers only where not `strict`."""
    try:
        msgspec.convert(value, type=kind, strict=strict)
    except MISFITS:
        return False
    return True


def words_of(kind: inspect.Type) -> tuple[str, ...]:
    """List the words that a value may be; none where it may be more than some words."""
    match kind:
        case inspect.LiteralType(values=values):
            return tuple(str(each) for each in values)
        case inspect.UnionType(types=types):
            return tuple(word for each in types for word in words_of(each))
        case _:
            return ()


def expected(kind: Any) -> str:
    """Say what a value must be, to follow "must be": the description of its type, if it has one."""
    return _expectation(inspect.type_info(kind))


def _expectation(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            description = (schema or {}).get("description")
            return str(description) if description else _expectation(inner)
        case inspect.UnionType(types=types):
            # Nothing is said of null: whoever means it leaves the field out.
            real = (each for each in types if not isinstance(each, inspect.NoneType))
            return " or ".join(_expectation(each) for each in real)
        case inspect.LiteralType():
            return f"one of {', '.join(words_of(kind))}"
        case inspect.IntType():
            return f"a whole number{_bounds(kind)}"
        case inspect.FloatType():
            return f"a number{_bounds(kind)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "a string"
        case inspect.DictType():
            return "an object"
        case _:
            raise TypeError(f"no words for {kind!r}; give its type a description")


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.gt is not None:
        return f" above {kind.gt} up to {kind.le}"
    return f" from {kind.ge} to {kind.le}"


def object_schema(shape: type) -> dict[str, Any]:
    """Return the schema of a struct or dataclass, with `"type": "object"` at the root.

    msgspec puts the shape itself among the definitions and refers to it; MCP requires an object at
    the root of an `outputSchema` (revision 2025-06-18, Tools). The root has no title and no
    description: the tool has its own.
    """
    schema = msgspec.json.schema(shape, schema_hook=_anything)
    definitions = cast("dict[str, dict[str, Any]]", dict(schema["$defs"]))
    name = str(schema["$ref"]).removeprefix(_OWN_DEFINITIONS)
    root = definitions.pop(name)
    for word in ("title", "description"):
        root.pop(word, None)
    return {**root, **({"$defs": _described(definitions)} if definitions else {})}


def _described(definitions: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Join the lines of each description, which come from indented docstrings."""
    return {
        name: {
            key: " ".join(value.split()) if key == "description" else value
            for key, value in each.items()
        }
        for name, each in definitions.items()
    }


def _anything(kind: type) -> dict[str, Any]:
    """Return the schema of `object`, which may be anything. Raises for every other unknown type."""
    if kind is object:
        return {"description": "any value"}  # an empty schema counts as none at all
    raise NotImplementedError(kind)
