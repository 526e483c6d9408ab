"""The words of a refusal: what was given is shown in a few, and only what is near is guessed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.messages import (
    LONGEST_SENTENCE,
    LONGEST_SHOWN,
    counted,
    described,
    echo,
    guess,
    misspelled,
    nearest,
    shortened,
)
from tests.core.strategies import json_values

TYPES = ("dev", "monitoring", "database", "ai", "api")


def test_one_is_one_and_others_are_many() -> None:
    assert [counted(count, "lease") for count in (0, 1, 2)] == ["0 leases", "1 lease", "2 leases"]


def test_an_echo_is_short_on_one_line_and_commands_no_terminal() -> None:
    assert echo("/a\nb\x1b") == r"'/a\nb\x1b'"
    assert echo("naïve") == "'naïve'"
    assert echo("x" * 10_000) == repr("x" * LONGEST_SHOWN + "…")


def test_a_sentence_ends_somewhere() -> None:
    assert shortened("a sentence") == "a sentence"
    assert shortened("x" * 10_000) == "x" * LONGEST_SENTENCE + "…"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (80, "80"),
        (10**30, "a huge number"),
        ("8000", '"8000"'),
        ("naïve", '"naïve"'),
        ("a\nb", r'"a\nb"'),
        ("\udcff", r'"\udcff"'),
        ({}, "{}"),
        ({"a": 1}, "an object"),
        ([], "[]"),
        ([1], "a list"),
    ],
)
def test_a_value_is_shown_as_json_has_it(value: object, words: str) -> None:
    assert described(value) == words


@given(json_values)
def test_every_value_is_shown_on_one_short_line(value: object) -> None:
    shown = described(value)
    assert shown.isprintable()
    assert len(shown) <= len(json.dumps("\U0001f600" * (LONGEST_SHOWN + 1)))
    assert shown.encode()


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("dve", "dev"),
        ("DEV", "dev"),
        ("databse", "database"),
        ("moni", "monitoring"),
        ("base", "database"),
        ("tor", None),
        ("agent", None),
        ("montiorign", "monitoring"),
        ("zork", None),
        ("x", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_what_resembles_a_word_is_guessed_and_nothing_else(word: str, near: str | None) -> None:
    assert nearest(word, TYPES) == near


def test_an_abbreviation_of_the_beginning_comes_first() -> None:
    assert nearest("gap", ["preserve_gaps", "gap_size"]) == "gap_size"


@pytest.mark.parametrize(
    ("word", "known"),
    [("agent", "generate"), ("--instance", "--no-start"), ("zork", "fork2"), ("xyz", "xab")],
)
def test_what_is_not_near_is_not_suggested(word: str, known: str) -> None:
    assert nearest(word, [known]) is None


def test_where_nothing_is_near_all_words_are_told() -> None:
    assert guess("databse", TYPES) == "did you mean 'database'?"
    assert guess("zork", TYPES) == "expected one of: dev, monitoring, database, ai, api"


@given(st.text(max_size=200))
def test_any_word_can_be_guessed_at(word: str) -> None:
    assert nearest(word, TYPES) in (None, *TYPES)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("devv", "dev"),
        ("de", "dev"),
        ("dvv", "dev"),
        ("dve", "dev"),
        ("xdev", "dev"),
        ("databse", "database"),
        ("monitorign", "monitoring"),
        ("dev2", None),
        ("dev12", None),
        ("dev-2", None),
        ("devvv", None),
        ("grafana", None),
        ("dev", None),
    ],
)
def test_a_slip_of_the_finger_is_told_from_another_word(word: str, meant: str | None) -> None:
    assert misspelled(word, TYPES) == meant


@pytest.mark.parametrize(
    ("word", "other"), [("team-a", "team-b"), ("a-1-x", "a-2-x"), ("w1", "w2")]
)
def test_names_that_are_numbered_are_no_slips_of_each_other(word: str, other: str) -> None:
    assert misspelled(word, [other]) is None


def test_a_numbered_name_is_no_slip_of_any_other() -> None:
    assert misspelled("dev2", ["devv", "dev"]) is None
