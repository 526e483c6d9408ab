"""Changes to the data of `config.json`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from styxy.core.config.patch import leaves, merged, patch_of, spelled
from styxy.core.errors import InvalidInput
from tests.core.strategies import json_objects


def test_what_a_change_does_not_name_stays_with_its_order_and_comments() -> None:
    data = {"//": "mine", "log_level": "info", "auto_allocation": {"enabled": True, "gap_size": 3}}
    changed = merged(data, {"auto_allocation": {"gap_size": 5}, "enforce_ranges": True})
    assert list(changed) == ["//", "log_level", "auto_allocation", "enforce_ranges"]
    assert changed["auto_allocation"] == {"enabled": True, "gap_size": 5}
    assert data["auto_allocation"] == {"enabled": True, "gap_size": 3}


def test_a_key_keeps_the_spelling_of_the_file() -> None:
    data = {"autoAllocation": {"gapSize": 3}, "service_types": {"x": {"port_range": [2000, 2010]}}}
    patch = {"auto_allocation": {"gap_size": 4}, "service_types": {"x": {"range": [2000, 2020]}}}
    assert merged(data, patch) == {
        "autoAllocation": {"gapSize": 4},
        "service_types": {"x": {"port_range": [2000, 2020]}},
    }


def test_null_takes_a_key_away() -> None:
    data = {"service_types": {"x": {"range": [1, 2]}, "y": {}}, "portDocument": "/a"}
    assert merged(data, {"service_types": {"x": None}, "port_document": None}) == {
        "service_types": {"y": {}}
    }


@given(json_objects, json_objects)
def test_a_change_that_is_made_twice_changes_nothing_more(
    data: dict[str, object], patch: dict[str, object]
) -> None:
    once = merged(data, patch)
    assert merged(once, patch) == once


TYPES = "service_types"
AUTO = "auto_allocation"


@pytest.mark.parametrize(
    ("key", "word", "patch"),
    [
        ("auto-allocation.require-confirmation", "true", (AUTO, "require_confirmation", True)),
        ("auto_allocation.enabled", "off", (AUTO, "enabled", False)),
        ("listen-port", "9000", ("listen_port", 9000)),
        ("listen-port", "many", ("listen_port", "many")),
        ("listen-port", "1e999", ("listen_port", "1e999")),
        ("listen-port", "NaN", ("listen_port", "NaN")),
        ("listen-port", "[" * 5000, ("listen_port", "[" * 5000)),
        ("cleanup_interval", "2.5", ("cleanup_interval", 2.5)),
        ("port-document", "null", ("port_document", None)),
        ("service-types.my-type.range", "9500-9510", (TYPES, "my-type", "range", [9500, 9510])),
        ("service_types.My.preferred-ports", "9500, 9501",
         (TYPES, "my", "preferred_ports", [9500, 9501])),
        ("service_types.x.description", "true", (TYPES, "x", "description", "true")),
        ("service_types.x.range", "[9500, 9510]", (TYPES, "x", "range", [9500, 9510])),
        ("autoAllocation.gapSize", "3", (AUTO, "gap_size", 3)),
    ],
)  # fmt: skip
def test_a_typed_value_becomes_a_change(key: str, word: str, patch: tuple[object, ...]) -> None:
    *names, value = patch
    wanted: object = value
    for name in reversed(names):
        wanted = {name: wanted}
    assert patch_of(key, word) == wanted


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("auto-alocation.enabled", "did you mean 'auto_allocation.enabled'"),
        ("listen_port.x", "there is no setting"),
        ("gap-siez", "did you mean 'auto_allocation.gap_size'"),
        ("zork", "there is no setting 'zork'; see: styxy config show"),
        (AUTO, "holds settings; set one of them: auto_allocation.enabled"),
        ("", "there is no setting ''"),
    ],
)
def test_a_key_that_is_none_is_refused_with_the_nearest(key: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words.replace("(", "\\(")):
        patch_of(key, "1")


def test_a_change_knows_which_settings_it_names() -> None:
    patch = {
        "listenPort": 1,
        "service_types": {"x": {"range": [1, 2]}, "y": None, "// z": {"range": 1}},
        "unknown": 5,
    }
    assert [(".".join(names), each.path) for names, each in leaves(patch)] == [
        ("listen_port", "listen_port"),
        ("service_types.x.range", "service_types.*.range"),
        ("service_types.y", "service_types.*"),
    ]


def test_what_is_written_is_for_people() -> None:
    data = {"a": {"range": [1, 2], "": []}, "b": [{"c": None}], "d": {}}
    assert spelled(data) == (
        '{\n  "a": {\n    "range": [1, 2],\n    "": []\n  },\n'
        '  "b": [\n    {\n      "c": null\n    }\n  ],\n  "d": {}\n}'
    )


@given(json_objects)
def test_what_is_written_is_read_again(data: dict[str, object]) -> None:
    text = spelled(data)
    assert json.loads(text) == data
    assert list(json.loads(text)) == list(data)
