"""JSON text with the line of every key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.config.located import NotJson, Spot, is_too_deep, parse, parse_quickly
from tests.core.strategies import json_values


def test_each_key_and_each_item_knows_where_it_stands() -> None:
    found = parse('{\n  "a": 1,\n  "b": {"c": [10,\n 20]}\n}\n')
    assert found.data == {"a": 1, "b": {"c": [10, 20]}}
    assert found.spots == {
        ("a",): Spot(2, 3),
        ("b",): Spot(3, 3),
        ("b", "c"): Spot(3, 9),
        ("b", "c", 0): Spot(3, 15),
        ("b", "c", 1): Spot(4, 2),
    }


def test_a_key_that_is_there_twice_is_found() -> None:
    assert parse('{"a": 1,\n "a": 2}').doubles == [(("a",), Spot(2, 2))]


@pytest.mark.parametrize(
    ("text", "words", "spot"),
    [
        ("", "missing", Spot(1, 1)),
        ("{", '"}" is missing', Spot(1, 2)),
        ('{"a": 1,}', "comma before", Spot(1, 8)),
        ('{"a" 1}', "colon", Spot(1, 6)),
        ('{"a": 1 "b": 2}', "comma", Spot(1, 9)),
        ("[1\n 2]", "comma", Spot(2, 2)),
        ('{"a":\n  nope}', "no JSON", Spot(2, 3)),
        ("{'a': 1}", "double quotes", Spot(1, 2)),
        ('{"a": NaN}', "NaN", Spot(1, 7)),
        ("{} x", "after the end", Spot(1, 4)),
        ("[1e999]", "too large", Spot(1, 2)),
        ("1" * 5000, "digits", Spot(1, 1)),
        ("[" * 5000, "nested", Spot(1, 34)),
    ],
)
def test_what_is_no_json_is_said_with_its_place(text: str, words: str, spot: Spot) -> None:
    with pytest.raises(NotJson, match=words) as caught:
        parse(text)
    assert caught.value.spot == spot


@given(json_values, st.sampled_from([None, 2]))
def test_it_reads_what_the_standard_library_writes(value: object, indent: int | None) -> None:
    assert parse(json.dumps(value, indent=indent)).data == value


@given(st.text() | st.text(alphabet='{}[],:"\\ \n0e-.tnu'))
def test_any_text_is_json_or_is_refused(text: str) -> None:
    try:
        found = parse(text).data
    except NotJson:
        return
    assert found == json.loads(text)


@given(st.text() | st.text(alphabet='{}[],:"\\ \n0e-.tnu') | json_values.map(json.dumps))
def test_the_quick_way_agrees_with_the_slow_one(text: str) -> None:
    try:
        data = parse_quickly(text)
    except ValueError:
        return
    found = parse(text)
    assert (found.data, found.doubles) == (data, [])


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', "[NaN]", "[1e999]", "[" * 40 + "]" * 40, "[" * 5000, "1" * 5000]
)
def test_the_quick_way_leaves_what_is_odd_to_the_slow_one(text: str) -> None:
    with pytest.raises(ValueError):
        parse_quickly(text)


def test_depth_is_measured_without_going_deep() -> None:
    deep: object = 1
    for _ in range(10_000):
        deep = {"a": [deep]}
    assert is_too_deep(deep)
    assert not is_too_deep({"a": [[{"b": 1}]]})
    assert not is_too_deep(5)
