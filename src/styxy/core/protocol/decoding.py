"""What comes in, checked against a shape; what does not fit it is refused in one plain sentence,
which goes out in the one shape that every error has.

The one place that translates what the decoder says. Its own words speak of Python's types and of
patterns, so they are not read: once it has refused, the fields are tried one by one, and the first
that does not fit is named, with what was given and what is allowed. What is allowed is told by the
field's type, or by the `description` that its type carries.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect

from styxy.core.errors import InvalidInput
from styxy.core.json_data import MISFITS, NotJson, expected, fits, parse, words_of
from styxy.core.messages import LONGEST_SHOWN, described, echo, guess, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape = TypeVar("Shape", bound=msgspec.Struct)

_ESCAPED_BYTE = re.compile(rb"\\ud[cC][89a-fA-F]", re.IGNORECASE)
"""A byte of a path that is not UTF-8 (os.fsdecode), which msgspec's own parser refuses."""


class ErrorAnswer(msgspec.Struct, kw_only=True):
    """Every error; `code` is stable, `error` is for people."""

    error: str
    code: str
    context: dict[str, Any]
    success: bool = False


def read_body(raw: bytes, shape: type[Shape]) -> Shape:
    """Read a JSON document; an empty one is an object without fields. Raises `InvalidInput`."""
    if not raw.strip():
        raw = b"{}"
    try:
        body = _decoded(raw, shape)
        json.loads(raw, object_pairs_hook=_unique)
        return body
    except MISFITS:
        data = _plain(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise _no_json(raw) from None
    raise _misfit(data, shape, "the body", strict=True)


def _decoded(raw: bytes, shape: type[Shape]) -> Shape:
    if _ESCAPED_BYTE.search(raw):
        return msgspec.convert(json.loads(raw), type=shape)
    return msgspec.json.decode(raw, type=shape)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object; which of two fields with one name counts would depend on the reader."""
    values = dict(pairs)
    if len(values) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        double = next(name for name, count in counts.items() if count > 1)
        raise InvalidInput(
            f"the body has the field {echo(double)} more than once; send it once",
            field=double[:LONGEST_SHOWN],
        )
    return values


def _plain(raw: bytes) -> object:
    """Decode a body with an unsuitable field; whatever follows that field may not even be JSON."""
    try:
        data: object = json.loads(raw)
    except (ValueError, RecursionError):
        raise _no_json(raw) from None
    return data


def read_query(values: Mapping[str, str], shape: type[Shape]) -> Shape:
    """Read query parameters, which are all strings. Raises `InvalidInput`."""
    try:
        return msgspec.convert(values, type=shape, strict=False)
    except MISFITS:
        raise _misfit(dict(values), shape, "the query", strict=False) from None


def _misfit(data: object, shape: type[msgspec.Struct], where: str, *, strict: bool) -> InvalidInput:
    """Build the error for the first thing in `data` that does not fit, in the order written."""
    if not isinstance(data, dict):
        return InvalidInput(f"{where} must be a JSON object, not {described(data)}")
    fields = {each.encode_name: each for each in msgspec.structs.fields(shape)}
    for name, value in data.items():
        if name not in fields:
            return _unknown(name, list(fields), where)
        if not fits(value, fields[name].type, strict=strict):
            return _wrong(name, value, fields[name].type, strict=strict)
    for name, field in fields.items():
        if field.required and name not in data:
            return InvalidInput(
                f"{where} is missing {name}, which must be {expected(field.type)}", field=name
            )
    # The parser sees both of two fields with one name, but a dictionary keeps only the last.
    return InvalidInput(f"{where} has a duplicate field; send each field once")


def _unknown(name: str, known: list[str], where: str) -> InvalidInput:
    near = nearest(name, known)
    return InvalidInput(
        f"{where} has an unknown field {echo(name)}; {guess(name, known)}",
        field=name[:LONGEST_SHOWN],
        **({"nearest": near} if near is not None else {}),
        known=known,
    )


def _wrong(name: str, value: object, kind: Any, *, strict: bool) -> InvalidInput:
    sentence = f"{name} must be {expected(kind)}, not {described(value)}"
    words = words_of(inspect.type_info(kind))
    near = nearest(value, words) if isinstance(value, str) else None
    if near is not None:
        sentence += f"; did you mean {near!r}?"
    elif strict and isinstance(value, str) and fits(value, kind, strict=False):
        sentence += "; send it without the quotes"
    context: dict[str, object] = {"known": list(words)} if words else {}
    return InvalidInput(sentence, field=name, **context)


def _no_json(raw: bytes) -> InvalidInput:
    try:
        parse(raw.decode())
    except UnicodeDecodeError as error:
        why = f"byte {error.start + 1} is not UTF-8"
    except NotJson as error:
        where = f" (line {error.line}, column {error.column})" if error.line else ""
        why = f"{error.sentence}{where}"
    else:
        why = "a string has an unpaired surrogate"  # the standard parser accepts it
    return InvalidInput(f"the body is not JSON: {why}")
