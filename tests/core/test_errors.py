"""The tree of errors: one word each, the same class on both sides of the wire."""

from __future__ import annotations

import pytest

from styxy.adapters.journal import journal
from styxy.core.errors import (
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    DaemonUnreachable,
    InvalidInput,
    RangeExhausted,
    Refused,
    StyxyError,
    Unavailable,
    all_errors,
    from_answer,
)

HERE = [kind for kind in all_errors() if kind.__module__ == StyxyError.__module__]


def test_each_error_of_the_tree_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in HERE]
    assert len(set(codes)) == len(codes)


def test_an_error_that_an_adapter_adds_keeps_to_the_tree() -> None:
    assert journal.JournalDamaged.code == "journal_failed"
    assert issubclass(journal.JournalDamaged, Unavailable)
    assert issubclass(journal.HomeTaken, Refused)


@pytest.mark.parametrize("kind", HERE, ids=lambda kind: kind.__name__)
def test_an_error_says_what_it_is_in_three_ways(kind: type[StyxyError]) -> None:
    assert kind.code.replace("_", "").isalpha()
    assert 400 <= kind.status_hint < 600
    assert kind.exit_code in (EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE)
    assert kind.__doc__


@pytest.mark.parametrize("kind", HERE, ids=lambda kind: kind.__name__)
def test_a_refusal_is_the_askers_and_an_unavailability_the_worlds(kind: type[StyxyError]) -> None:
    if issubclass(kind, Refused):
        assert kind.status_hint < 500
    if issubclass(kind, Unavailable):
        assert kind.status_hint == 503


@pytest.mark.parametrize("kind", HERE, ids=lambda kind: kind.__name__)
def test_an_error_comes_back_from_its_answer(kind: type[StyxyError]) -> None:
    error = kind("a sentence", port=3000, suggestions=["styxy list"])
    back = from_answer({"error": error.message, "code": error.code, "context": error.context})
    assert type(back) is kind
    assert back.message == str(back) == "a sentence"
    assert back.context == {"port": 3000, "suggestions": ["styxy list"]}


def test_an_unknown_code_is_kept() -> None:
    back = from_answer({"success": False, "error": "no", "code": "of_tomorrow"})
    assert type(back) is Refused
    assert back.code == "of_tomorrow"
    assert Refused.code == "refused"


@pytest.mark.parametrize("context", [None, [], "text", 3])
def test_a_strange_context_is_left_out(context: object) -> None:
    assert from_answer({"error": "no", "context": context}).context == {"suggestions": []}


def test_an_answer_without_words_gets_some() -> None:
    assert from_answer({}).message


def test_the_exit_codes_tell_usage_refusal_and_absence_apart() -> None:
    assert InvalidInput.exit_code == EXIT_USAGE == 2
    assert RangeExhausted.exit_code == EXIT_REFUSED == 1
    assert DaemonUnreachable.exit_code == EXIT_UNREACHABLE == 3


def test_suggestions_are_always_there() -> None:
    assert StyxyError("x").context == {"suggestions": []}
