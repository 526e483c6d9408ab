"""The configuration for people: data goes in, text comes out; nothing is printed or read here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from styxy.client.text.layout import Blocks
from styxy.client.text.render import objects, plain, table
from styxy.core.config.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILT_IN = "built-in"


def shown(answer: Mapping[str, object]) -> str:
    """Format every setting with its value and source, then types and rules."""
    origins = _object(answer.get("origins"))
    rows = [
        (each.path, _value(_at(answer, each.path)), origins.get(each.path, BUILT_IN))
        for each in SETTINGS
        if not each.is_object and "*" not in each.path
    ]
    rules = [
        (pattern, *(_value(_object(rule).get(key)) for key in _RULE_KEYS))
        for pattern, rule in _object(answer.get("auto_allocation_rules")).items()
    ]
    return Blocks(
        table(("SETTING", "VALUE", "FROM"), rows),
        table(("TYPE", "RANGE", "PREFERRED", "BEHAVIOR", "FROM"), _type_rows(answer, origins)),
        table(("RULE", "CHUNK", "PLACEMENT", "START"), rules),
        f"file: {plain(answer.get('file'))}",
    )


_RULE_KEYS = ("chunk_size", "placement", "preferred_range_start")


def _type_rows(
    answer: Mapping[str, object], origins: Mapping[str, object]
) -> list[tuple[object, ...]]:
    types = _object(answer.get("service_types"))
    rows: list[tuple[object, ...]] = []
    for name, kind in types.items():
        entry = _object(kind)
        is_told = any(key.startswith(f"service_types.{name}.") for key in origins)
        origin = str(answer.get("source")) if is_told else BUILT_IN
        if entry.get("auto_allocated"):
            origin = f"made {entry['auto_allocated']}"
        more = entry.get("additional_ranges")
        ranges = [entry.get("range"), *(more if isinstance(more, list) else [])]
        row = (
            name,
            ", ".join(_span(each) for each in ranges),
            _value(entry.get("preferred_ports")),
            entry.get("instance_behavior"),
            origin,
        )
        rows.append(row)
    return rows


def templates(answer: Mapping[str, object]) -> str:
    """Format the instance templates: a row for each service type, a column for each template."""
    found = _object(answer.get("instance_templates"))
    ports = {name: _object(_object(each).get("ports")) for name, each in found.items()}
    types = dict.fromkeys(kind for each in ports.values() for kind in each)
    titles = ["TYPE", *(f"{name.upper()} (+{_offset(each)})" for name, each in found.items())]
    return table(titles, ([kind, *(each.get(kind) for each in ports.values())] for kind in types))


def looked_up(answer: Mapping[str, object], names: Sequence[str]) -> tuple[bool, object]:
    """Find the value at a path; False and None if there is none."""
    value: object = answer
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def origin_of(answer: Mapping[str, object], names: Sequence[str]) -> str:
    """Tell where the value at a path comes from."""
    path = ".".join(names)
    for key, origin in _object(answer.get("origins")).items():
        if key == path or key.startswith(f"{path}."):
            return str(origin)
    return BUILT_IN


def value(found: object) -> str:
    """Format one value: a text as it is, anything else as JSON."""
    return plain(found) if isinstance(found, str) else json.dumps(as_written(found))


def as_written(found: object) -> object:
    """Return a value with its whole numbers as people write them: 77, where the API has 77.0."""
    match found:
        case dict():
            return {key: as_written(each) for key, each in found.items()}
        case list():
            return [as_written(each) for each in found]
        case float() if found.is_integer():
            return int(found)
        case _:
            return found


def problems(answer: Mapping[str, object]) -> list[str]:
    """Format each problem as `file: sentence`, with line and column where the file is not JSON."""
    lines = []
    for each in objects(answer.get("problems")):
        paths = (each.get("file"), each.get("line"), each.get("column"))
        where = ":".join(str(place) for place in paths if place is not None)
        lines.append(plain(f"{where}: {each.get('message')}" if where else each.get("message")))
    return lines


def changed(answer: Mapping[str, object]) -> str:
    """Format the result of a change."""
    lines = [plain(answer.get("message"))]
    if answer.get("copy"):
        lines.append(f"previous version: {plain(answer['copy'])}")
    return "\n".join(lines)


def _offset(template: object) -> object:
    return _object(template).get("offset")


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _at(answer: Mapping[str, object], path: str) -> object:
    value: object = answer
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _value(value: object) -> str:
    if isinstance(value, str) or value is None:
        return plain(value)
    if isinstance(value, list):
        return " ".join(_value(each) for each in value)
    return json.dumps(as_written(value))


def _span(value: object) -> str:
    return "-".join(str(port) for port in value) if isinstance(value, list) else plain(value)
