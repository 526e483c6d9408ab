"""The words for a move: three forms, and nothing in them that a terminal obeys."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from styxy.core.protocol.move_words import LONGEST_NAME, MoveWords, move_sentence, printable_name


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (None, "Port 8000 was in use, auto-assigned port 8001"),
        (MoveWords(kind="in use", name=""), "Port 8000 was in use, auto-assigned port 8001"),
        (
            MoveWords(kind="in use", name="Styxy"),
            "Port 8000 was in use by Styxy, auto-assigned port 8001",
        ),
        (
            MoveWords(kind="in use", name="Styxy", tool="karma", asked=8000),
            "Port 8000 was in use by Styxy, karma took 8001",
        ),
        (
            MoveWords(kind="promised", name="blog"),
            "Port 8000 is promised to blog, auto-assigned port 8001",
        ),
        (
            MoveWords(kind="left", name="blog", until="14:03"),
            "Port 8000 was blog's until 14:03, back on port 8001",
        ),
    ],
)
def test_each_cause_has_its_sentence(words: MoveWords | None, sentence: str) -> None:
    assert move_sentence(words, requested=8000, port=8001) == sentence
    also = replace(words or MoveWords(kind="in use", name=""), outside="devices look for 8000")
    told = move_sentence(also, requested=8000, port=8001)
    assert told == f"{sentence}; devices look for 8000"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("blog", "blog"),
        ("märz", "märz"),
        ("a\x1b[2Jb\n", "a?[2Jb?"),
        ("c1\x9bm", "c1?m"),
        ("lone\udcff", "lone?"),
        ("turned\u202eback", "turned?back"),
    ],
)
def test_a_name_has_nothing_that_a_terminal_obeys(name: str, shown: str) -> None:
    assert printable_name(name) == shown


@pytest.mark.parametrize("letter", ["x", "ä", "漢", "😀"])
def test_of_a_long_name_the_end_is_shown(letter: str) -> None:
    shown = printable_name("a" + letter * 200)
    assert shown.startswith("…")
    assert shown.endswith(letter)
    assert len(shown.encode()) <= LONGEST_NAME
