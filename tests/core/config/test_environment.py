"""The words of a switch, in any case; what means nothing is nobody's guess."""

from __future__ import annotations

import pytest

from styxy.core.config.environment import SWITCH_WORDS, switch


@pytest.mark.parametrize(("word", "means"), SWITCH_WORDS.items())
def test_a_switch_takes_its_words_in_any_case(word: str, *, means: bool) -> None:
    for value in (word, word.upper(), word.title()):
        assert switch(value) is means


@pytest.mark.parametrize(
    "value", [None, "", "2", "maybe", " 1", "tru", "trues", "\u0131", "o\u017ff"]
)
def test_what_means_nothing_is_neither_on_nor_off(value: str | None) -> None:
    assert switch(value) is None
