"""Edits of JSON texts, and `json_spans`, which finds the places for them."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.client.agents.install.json_edits import appended, removed, replaced
from styxy.client.agents.install.json_spans import NotReadable, Value, parse
from tests.client.agents.install.documents import VALUES, texts


def container_of(root: Value, *keys: str) -> Value:
    """Go down to an object or a list."""
    for key in keys:
        part = root.get(key)
        assert part is not None
        root = part.value
    return root


def test_a_document_is_read_with_the_place_of_each_value() -> None:
    text = '{"a": [1, {"b": "x"}], "c": null}'
    root = parse(text)
    assert root.data == json.loads(text)
    inner = container_of(root, "a").parts[1]
    assert text[inner.start : inner.end] == '{"b": "x"}'


@given(VALUES)
def test_every_json_document_is_read(value: object) -> None:
    assert parse(json.dumps(value, indent=2)).data == value
    assert parse(json.dumps(value, ensure_ascii=False)).data == value


@pytest.mark.parametrize(
    ("text", "sentence", "line", "column"),
    [
        ("", "expected a value, not the end of the file", 1, 1),
        ('{"a": 1', "expected ',' or '}'", 1, 8),
        ('{\n  "a" 1}', "expected ':'", 2, 7),
        ("{a: 1}", "expected a key in quotes or '}', not 'a'", 1, 2),
        ("[1 2]", "expected ',' or ']'", 1, 4),
        ("{} {}", "there is more behind the end of the document", 1, 4),
        ("['a']", 'expected a value, not "\'"', 1, 2),
        ("{1: 2}", "a key must be in quotes", 1, 2),
        ("[" * 200, "values are nested more than 100 levels deep", 1, 102),
        ("9" * 5000, "a number has too many digits", 1, 1),
        ('"\t"', "expected a value, not '\"'", 1, 1),
        ("/* never closed", "expected a value, not '/'", 1, 1),
    ],
)
def test_what_is_not_json_is_said_with_its_place(
    text: str, sentence: str, line: int, column: int
) -> None:
    with pytest.raises(NotReadable) as caught:
        parse(text)
    error = caught.value
    assert (error.sentence, error.line, error.column) == (sentence, line, column)


@given(st.text(alphabet='{}[]",:/*\\ \n1a\ufeff', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(NotReadable):
        parse(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "k": [\n    1\n  ]\n}'),
        ('{"a": 1}', '{"a": 1, "k": [1]}'),
        ('{"a":1}', '{"a":1,"k":[1]}'),
        ('{\n    "a": 1\n}\n', '{\n    "a": 1,\n    "k": [\n        1\n    ]\n}\n'),
        ('{\n\t"a": 1\n}', '{\n\t"a": 1,\n\t"k": [\n\t\t1\n\t]\n}'),
        ('{\r\n  "a": 1\r\n}', '{\r\n  "a": 1,\r\n  "k": [\r\n    1\r\n  ]\r\n}'),
        ('{\n  "a": 1,\n}', '{\n  "a": 1,\n  "k": [\n    1\n  ],\n}'),
        (
            '{\n  "a": 1 // one\n}',
            '{\n  "a": 1, // one\n  "k": [\n    1\n  ]\n}',
        ),
    ],
)
def test_a_member_is_put_last_in_the_layout_of_the_others(before: str, after: str) -> None:
    root = parse(before)
    assert appended(before, root, root, [1], "k") == after


@given(texts(), VALUES)
def test_what_is_put_in_is_there_and_comes_out_without_a_trace(text: str, value: object) -> None:
    root = parse(text)
    assert isinstance(root.data, dict)
    expected = {**root.data, "styxy's": value}
    longer = appended(text, root, root, value, "styxy's")
    root = parse(longer)
    assert root.data == expected
    assert removed(longer, root, root, root.parts[-1]) == text


@given(texts(), VALUES, st.data())
def test_every_list_and_object_takes_a_value_and_gives_it_back(
    text: str, value: object, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(containers(parse(text))))
    longer = appended(text, parse(text), place, value, "styxy's" if place.is_object else None)
    same = next(each for each in containers(parse(longer)) if each.start == place.start)
    assert len(same.parts) == len(place.parts) + 1
    assert same.parts[-1].value.data == value
    assert removed(longer, parse(longer), same, same.parts[-1]) == text


@given(texts(), VALUES, VALUES)
def test_a_value_between_others_comes_out_as_if_it_had_never_been(
    text: str, ours: object, theirs: object
) -> None:
    root = parse(text)
    alone = appended(text, root, root, theirs, "theirs")
    both = appended(text, root, root, ours, "ours")
    both = appended(both, parse(both), parse(both), theirs, "theirs")
    root = parse(both)
    left = removed(both, root, root, root.parts[-2])
    assert parse(left).data == parse(alone).data
    if not any(mark in text for mark in ("//", "/*")) and parse(text).parts:
        assert left == alone


@given(texts(), VALUES, VALUES)
def test_a_value_takes_the_place_of_another(text: str, old: object, new: object) -> None:
    root = parse(text)
    longer = appended(text, root, root, old, "k")
    root = parse(longer)
    changed = replaced(longer, root, root.parts[-1], new)
    assert changed == appended(text, parse(text), parse(text), new, "k")


def containers(value: Value) -> list[Value]:
    """List every object and list of a document, the outermost first."""
    if not (value.is_object or value.is_list):
        return []
    return [value, *(inner for part in value.parts for inner in containers(part.value))]
