"""A complete example of `config.json`: every setting with its built-in value and what it means.

JSON has no comments, so each key has a neighbour `// key` that says what it is; those are ignored.
"""

from __future__ import annotations

from styxy.core.config.settings_table import ANY_NAME, COMMENT, Setting, children

SAMPLE_TYPE: dict[str, object] = {
    "range": [9500, 9599],
    "preferred_ports": [9500],
    "description": "what the type is for",
    "instance_behavior": "multi",
}


def example() -> dict[str, object]:
    """Make the data of the example; it means exactly what no file at all means."""
    data: dict[str, object] = {
        COMMENT: "Keys that begin with // are comments. Every value here is the built-in one: "
        "keep what you want to change, the rest may go."
    }
    for setting in children(""):
        data[f"{COMMENT} {setting.name}"] = _explained(setting)
        data[setting.name] = _value(setting)
    return data


def _value(setting: Setting) -> object:
    if setting.path == "service_types":
        notes = {f"{COMMENT} {each.name}": _explained(each) for each in _of_chosen(setting)}
        return {f"{COMMENT} custom": {**notes, **SAMPLE_TYPE}}
    if setting.path == "programs":
        notes = {f"{COMMENT} {each.name}": _explained(each) for each in _of_chosen(setting)}
        return {f"{COMMENT} my-server": {**notes, "on_conflict": "steer"}}
    if setting.path == "auto_allocation_rules":
        notes = {f"{COMMENT} {each.name}": _explained(each) for each in _of_chosen(setting)}
        assert isinstance(setting.default, dict)
        return {**notes, **setting.default}
    if not setting.is_object:
        return setting.default
    inner: dict[str, object] = {}
    for each in children(setting.path):
        inner[f"{COMMENT} {each.name}"] = _explained(each)
        inner[each.name] = _value(each)
    return inner


def _of_chosen(setting: Setting) -> tuple[Setting, ...]:
    return children(f"{setting.path}.{ANY_NAME}")


def _explained(setting: Setting) -> str:
    if setting.is_object:
        return setting.meaning
    return f"{setting.meaning} ({setting.expected})"
