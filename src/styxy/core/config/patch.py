"""Changes to `config.json` as data: what is changed is put in place, the rest stays as it is.

A change is a merge patch (RFC 7396): an object that holds the new values alone; null takes a key
away. The file keeps its order, its comments and its spellings.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from styxy.core.config.settings_table import (
    ANY_NAME,
    COMMENT,
    ROOT,
    SETTINGS,
    Setting,
    child,
    children,
)
from styxy.core.errors import InvalidInput
from styxy.core.json_data import NotJson, parse
from styxy.core.messages import echo, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def merged(data: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Make the data that a patch leads to; keys are matched by meaning, not by spelling."""
    return _merged(ROOT, data, patch)


def _merged(
    setting: Setting | None, data: Mapping[str, object], patch: Mapping[str, object]
) -> dict[str, object]:
    result = dict(data)
    for key, value in patch.items():
        meant = child(setting.path, key) if setting else None
        there = _spelling(meant, setting, data, key)
        if value is None:
            result.pop(there, None)
        elif isinstance(value, dict):
            old = result.get(there)
            result[there] = _merged(meant, old if isinstance(old, dict) else {}, value)
        else:
            result[there] = value
    return result


def _spelling(
    meant: Setting | None, setting: Setting | None, data: Mapping[str, object], key: str
) -> str:
    """Find the key of the data that a patch means; only a setting has several spellings."""
    if meant is None or meant.name == ANY_NAME:
        return key
    return next((each for each in data if _is_same(setting, each, key)), key)


def _is_same(setting: Setting | None, one: str, two: str) -> bool:
    if one == two or setting is None:
        return one == two
    meant = child(setting.path, one)
    return meant is not None and meant.name != ANY_NAME and meant is child(setting.path, two)


def find_setting(key: str) -> tuple[Setting, tuple[str, ...]]:
    """Find the setting of a dotted key, spelled with - or _, and the names on the way to it.

    Raises `InvalidInput`, which names the nearest key.
    """
    setting, names = ROOT, tuple[str, ...]()
    for word in key.strip().split("."):
        found = child(setting.path, word) or child(setting.path, word.replace("-", "_"))
        if found is None:
            raise _unknown(key)
        names = (*names, word.lower() if found.name == ANY_NAME else found.name)
        setting = found
    return setting, names


def patch_of(key: str, word: str | None) -> dict[str, object]:
    """Make the patch that gives a key the value that a person typed; None takes the key away.

    Raises `InvalidInput`.
    """
    setting, names = find_setting(key)
    if setting.is_object and word is not None:
        inner = [each.shown for each in children(setting.path)]
        raise InvalidInput(
            f"{'.'.join(names)} holds settings; set one of them: {', '.join(inner)}", known=inner
        )
    value = None if word is None else from_word(setting, word)
    patch: dict[str, object] = {names[-1]: value}
    for name in reversed(names[:-1]):
        patch = {name: patch}
    return patch


_WORDS = {"on": True, "yes": True, "off": False, "no": False, "none": None, "": None}


def from_word(setting: Setting, word: str) -> object:
    """Read a value as JSON data from how a person types it; validation then judges it.

    The first reading that the setting takes: the word itself, a word for a truth value or for
    null, `9500-9510`, `9500, 9501`, JSON.
    """
    text = word.strip()
    readings: list[object] = [word]
    if text.lower() in _WORDS:
        readings.append(_WORDS[text.lower()])
    if span := re.fullmatch(r"(\d{1,5})\s*[-–]\s*(\d{1,5})", text):  # noqa: RUF001 - people paste it
        readings.append([int(span[1]), int(span[2])])
    if re.fullmatch(r"\d{1,5}(\s*,\s*\d{1,5})*", text):
        readings.append([int(number) for number in text.split(",")])
    try:
        readings.append(parse(text)[0])
    except NotJson:
        readings.append(word)
    return next((each for each in readings if setting.takes(each)), readings[-1])


def spelled(data: object, indent: str = "") -> str:
    """Write JSON as a person would: an object over several lines, a short list on one.

    The result is ASCII, so that any text survives.
    """
    deeper = indent + "  "
    if isinstance(data, dict) and data:
        members = (f"{deeper}{json.dumps(k)}: {spelled(v, deeper)}" for k, v in data.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(data, list) and any(isinstance(each, dict) for each in data):
        items = (f"{deeper}{spelled(each, deeper)}" for each in data)
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    return json.dumps(data)


def leaves(data: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Walk the settings that data or a patch names, each with its proper names.

    A service type and a rule are walked into as far as they are objects; what is no setting is
    passed over.
    """
    yield from _leaves(ROOT, (), data)


def _leaves(
    setting: Setting, names: tuple[str, ...], data: Mapping[str, object]
) -> Iterator[tuple[tuple[str, ...], Setting]]:
    for key, value in data.items():
        found = child(setting.path, key)
        if found is None or key.startswith(COMMENT):
            continue
        inner = (*names, key if found.name == ANY_NAME else found.name)
        if isinstance(value, dict) and found.is_object:
            yield from _leaves(found, inner, value)
        else:
            yield inner, found


def _unknown(key: str) -> InvalidInput:
    by_path = {each.path: each for each in SETTINGS if not each.is_object}
    by_name = {each.name: each for each in by_path.values()}
    word = key.replace("-", "_")
    near = by_path.get(nearest(word, by_path) or "") or by_name.get(nearest(word, by_name) or "")
    if near is None:
        return InvalidInput(f"there is no setting {echo(key)}; see: styxy config show")
    return InvalidInput(
        f"there is no setting {echo(key)}; did you mean {near.shown!r}?", nearest=near.shown
    )
