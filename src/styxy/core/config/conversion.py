"""One value of a setting: from JSON, or from a word of the command line or the environment.

A table of one function for each kind. A value that cannot be meant raises `InvalidInput` with the
end of a sentence, which the caller begins with the name of the key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from styxy.core.config.located import parse_quickly
from styxy.core.errors import InvalidInput
from styxy.core.messages import described
from styxy.core.model.ports import FIRST_UNPRIVILEGED, LAST_PORT, Port, PortRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.config.setting import Kind, Setting

LONGEST_TEXT = 500
LONGEST_PATH = 4096
MOST_ITEMS = 1000

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ][0-9:.]{5,15}(Z|[+-]\d{2}:\d{2})?)?")

_WORDS = {"on": True, "yes": True, "off": False, "no": False}


def convert(setting: Setting, value: object) -> object:
    """Check a value of JSON and make of it what the configuration holds.

    Raises `InvalidInput`, whose sentence lacks the name of the key.
    """
    if value is None and setting.may_be_null:
        return None
    return _CONVERTERS[setting.kind](setting, value)


def from_word(setting: Setting, word: str) -> object:
    """Read a value as JSON data from how a person types it; `convert` then judges it."""
    text = word.strip()
    if setting.kind in ("text", "path", "choice", "date"):
        return None if setting.may_be_null and text in ("null", "none", "") else word
    if setting.kind == "boolean" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    span = re.fullmatch(r"(\d{1,5})\s*[-–]\s*(\d{1,5})", text)  # noqa: RUF001 - people paste it
    if setting.kind == "range" and span is not None:
        return [int(span[1]), int(span[2])]
    if setting.kind == "ports" and re.fullmatch(r"\d{1,5}(\s*,\s*\d{1,5})*", text):
        return [int(number) for number in text.split(",")]
    try:
        return parse_quickly(text)
    except ValueError:
        return word


def _refusal(setting: Setting, value: object) -> InvalidInput:
    return InvalidInput(f"must be {setting.expected}, not {described(value)}")


def _boolean(setting: Setting, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _refusal(setting, value)


def _whole_number(setting: Setting, value: object) -> int:
    if isinstance(value, int) and _is_whole(value) and _fits(setting, value):
        return value
    raise _refusal(setting, value)


def _number(setting: Setting, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and _fits(setting, value):
        return float(value)
    raise _refusal(setting, value)


def _port(setting: Setting, value: object) -> Port:
    return Port(_whole_number(setting, value))


def _choice(setting: Setting, value: object) -> str:
    if isinstance(value, str) and value in setting.choices:
        return value
    raise _refusal(setting, value)


def _text(setting: Setting, value: object) -> str:
    if not isinstance(value, str):
        raise _refusal(setting, value)
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise InvalidInput(f"must be one line of at most {LONGEST_TEXT} characters")
    return value


def _path(setting: Setting, value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise _refusal(setting, value)
    if len(value) > LONGEST_PATH or not value.isprintable():
        raise InvalidInput(f"must be a printable path of at most {LONGEST_PATH} characters")
    return value


def _date(setting: Setting, value: object) -> str:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return value
    raise _refusal(setting, value)


def _range(setting: Setting, value: object) -> PortRange:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_whole, value)):
        raise _refusal(setting, value)
    first, last = value
    for port in (first, last):
        _check_bounds(port)
    if first > last:
        raise InvalidInput(f"must begin before it ends, not [{first}, {last}]")
    return PortRange(Port(first), Port(last))


def _ranges(setting: Setting, value: object) -> list[PortRange]:
    if not isinstance(value, list) or len(value) > MOST_ITEMS:
        raise _refusal(setting, value)
    return [_range(setting, each) for each in value]


def _ports(setting: Setting, value: object) -> list[Port]:
    if not isinstance(value, list) or len(value) > MOST_ITEMS or not all(map(_is_whole, value)):
        raise _refusal(setting, value)
    for port in value:
        _check_bounds(port)
    if len(set(value)) < len(value):
        raise InvalidInput("names a port twice")
    return [Port(port) for port in value]


def _object(setting: Setting, value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise _refusal(setting, value)


def _fits(setting: Setting, number: float) -> bool:
    return setting.lowest <= number <= setting.highest  # false for NaN, which JSON has not


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_bounds(port: int) -> None:
    if not FIRST_UNPRIVILEGED <= port <= LAST_PORT:
        limits = f"{FIRST_UNPRIVILEGED} to {LAST_PORT}"
        raise InvalidInput(f"must keep to ports from {limits}, not {described(port)}")


_CONVERTERS: dict[Kind, Callable[[Setting, object], object]] = {
    "object": _object,
    "boolean": _boolean,
    "whole number": _whole_number,
    "number": _number,
    "port": _port,
    "choice": _choice,
    "text": _text,
    "path": _path,
    "date": _date,
    "range": _range,
    "ranges": _ranges,
    "ports": _ports,
}
