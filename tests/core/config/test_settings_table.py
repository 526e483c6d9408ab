"""The one table of settings against what holds them."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass

import pytest

from styxy.core.config.configuration import AllocationRule, Configuration
from styxy.core.config.environment import VARIABLES
from styxy.core.config.settings_table import BY_PATH, SETTINGS, Setting, children
from styxy.core.config.validation import convert
from styxy.core.errors import InvalidInput


def dataclass_paths(value: object, prefix: str = "") -> set[str]:
    """Name every field of a configuration by its path."""
    paths: set[str] = set()
    assert is_dataclass(value)
    for each in fields(value):
        path = f"{prefix}{each.name}"
        paths.add(path)
        inner = getattr(value, each.name)
        if is_dataclass(inner):
            paths |= dataclass_paths(inner, f"{path}.")
    return paths


def test_the_table_has_each_field_of_the_configuration_and_no_more() -> None:
    chosen = {each.path for each in SETTINGS if "*" in each.path}
    assert {each.path for each in SETTINGS} - chosen == dataclass_paths(Configuration())
    rule = {each.name for each in fields(AllocationRule)} - {"pattern"}
    assert {each.name for each in children("auto_allocation_rules.*")} == rule


def test_each_path_and_each_spelling_is_there_once() -> None:
    assert len(BY_PATH) == len(SETTINGS)
    for parent in {each.parent for each in SETTINGS}:
        spellings = [word for each in children(parent) for word in each.spellings]
        assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize(
    "setting", [each for each in SETTINGS if "*" not in each.path], ids=lambda each: each.path
)
def test_each_default_is_a_value_that_the_setting_takes(setting: Setting) -> None:
    value: object = asdict(Configuration())
    for part in setting.path.split("."):
        assert isinstance(value, dict)
        value = value[part]
    if not setting.is_object:
        assert setting.default == value
    default = {} if setting.default is None and setting.is_object else setting.default
    assert convert(setting, default) == default


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.path)
def test_each_setting_says_what_it_is(setting: Setting) -> None:
    assert len(setting.meaning) > 5
    assert not setting.meaning.endswith(".")
    with pytest.raises(InvalidInput, match="must be"):
        convert(setting, [5.5])


def test_variables_and_settings_name_each_other() -> None:
    named = {each.variable: each.path for each in SETTINGS if each.variable}
    assert named == {each.name: each.setting for each in VARIABLES if each.setting}


def test_a_list_of_ports_has_at_most_a_thousand() -> None:
    setting = BY_PATH["service_types.*.preferred_ports"]
    ports = list(range(2000, 3000))
    assert convert(setting, ports) == ports
    with pytest.raises(InvalidInput):
        convert(setting, [*ports, 1999])


@pytest.mark.parametrize("value", [3000, "3000", {"3000": 1}, [3000, "3001"], [3000, 3001.5]])
def test_what_is_no_list_of_whole_numbers_is_no_list_of_ports(value: object) -> None:
    with pytest.raises(InvalidInput):
        convert(BY_PATH["service_types.*.preferred_ports"], value)
