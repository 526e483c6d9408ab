"""What is known and was learned of programs, as people read it."""

from __future__ import annotations

from styxy.client.text import programs_text

START = {
    "program": "start",
    "executable": "/usr/bin/node",
    "script": "/shop/start.js",
    "conduct": "steered",
    "evidence": [
        {"sign": "exited", "number": 1, "asked": 3000, "port": 3001, "at": "?"},
        {"sign": "bound another port", "number": 3002, "asked": 3000, "port": 3001, "at": "?"},
    ],
}
KNOWN = [{"program": "vite", "conflicts": ["fails", "steps"]}]


def test_each_piece_of_evidence_is_a_line() -> None:
    said = str(programs_text.learned({"programs": [START], "known": KNOWN}))
    assert "start    finds its own way     3000 -> 3001, exited with status 1" in said
    assert "3000 -> 3001, bound 3002" in said
    assert said.count("/shop/start.js") == 2
    assert "known from the start: 1 tool; to list them: styxy programs --known" in said


def test_a_program_that_has_failed_is_shown_without_evidence() -> None:
    failed = {**START, "conduct": "moved", "evidence": [], "script": ""}
    said = str(programs_text.learned({"programs": [failed], "known": []}))
    assert "moved (it failed to)" in said
    assert "/usr/bin/node" in said


def test_nothing_learned_is_a_sentence() -> None:
    said = str(programs_text.learned({"programs": [], "known": KNOWN}))
    assert said.startswith("nothing was learned of any program\n")


def test_what_the_table_says_is_a_line_for_each_tool() -> None:
    assert "vite     fails or steps" in str(programs_text.known({"known": KNOWN}))
