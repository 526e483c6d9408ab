"""JSON read strictly, with the place of what is not JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.json_data import NotJson, Path, is_too_deep, object_schema, parse
from tests.core.strategies import json_values


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('{"a": 1,\n "a": 2}', [("a",)]),
        ('{"a": [{"b": 1, "c": 2, "b": 3, "b": 4}], "d": {"b": 1}}', [("a", 0, "b")]),
        ('{"a": {"x": 1}, "b": {"x": 1, "x": 1}, "a": 1, "b": {"x": 2, "x": 3}}',
         [("a",), ("b",), ("b", "x")]),
        ('{"a": {"b": 1}, "b": {"a": 1}}', []),
    ],
)  # fmt: skip
def test_a_key_that_is_there_twice_is_found(text: str, paths: list[Path]) -> None:
    assert parse(text) == (json.loads(text), paths)


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("", "expecting value", (1, 1)),
        ("{", "expecting property name", (1, 2)),
        ('{"a" 1}', "expecting ':'", (1, 6)),
        ('{"a": 1 "b": 2}', "expecting ','", (1, 9)),
        ("[1\n 2]", "expecting ','", (2, 2)),
        ('{"a":\n  nope}', "expecting value", (2, 3)),
        ("{'a': 1}", "double quotes", (1, 2)),
        ("{} x", "extra data", (1, 4)),
        ('{"a": NaN}', "NaN is not a JSON number", (1, 7)),
        ('{"NaN": "\\"NaN", "é":\n -Infinity}', "-Infinity is not", (2, 2)),
        ("[1e999]", "a number is too large", (1, 2)),
        ("1" * 5000, "too many digits", (None, None)),
        ("[" * 5000, "nested more than 32 levels deep", (None, None)),
        ("[" * 33 + "]" * 33, "nested more than 32 levels deep", (None, None)),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(
    text: str, words: str, place: tuple[int | None, int | None]
) -> None:
    with pytest.raises(NotJson, match=words) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == place


@given(json_values, st.sampled_from([None, 2]))
def test_it_reads_what_the_standard_library_writes(value: object, indent: int | None) -> None:
    assert parse(json.dumps(value, indent=indent)) == (value, [])


@given(st.text() | st.text(alphabet='{}[],:"\\ \n0e-.tnuNaIfity'))
def test_any_text_is_json_or_is_refused(text: str) -> None:
    try:
        found, _ = parse(text)
    except NotJson:
        return
    assert found == json.loads(text)


def test_depth_is_measured_without_going_deep() -> None:
    deep: object = 1
    for _ in range(10_000):
        deep = {"a": [deep]}
    assert is_too_deep(deep)
    assert not is_too_deep({"a": [[{"b": 1}]]})
    assert not is_too_deep(5)


class Part(msgspec.Struct):
    """Say something
    in two lines."""

    value: object


@dataclass(frozen=True)
class Whole:
    """Has a part."""

    part: Part | None


def test_the_schema_of_a_type_is_an_object_at_its_root() -> None:
    schema = object_schema(Whole)
    assert schema["type"] == "object"
    assert schema["required"] == ["part"]
    assert not {"title", "description", "$ref"} & schema.keys()
    part = schema["$defs"]["Part"]
    assert part["description"] == "Say something in two lines."
    assert "type" not in part["properties"]["value"]


def test_a_type_that_has_no_schema_is_a_fault() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: range

    with pytest.raises(TypeError):
        object_schema(Odd)
