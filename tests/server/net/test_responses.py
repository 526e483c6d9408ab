"""How an answer is written: whatever bytes a path has, and never more of the asker's words."""

from __future__ import annotations

import json

import msgspec

from styxy.core.errors import InvalidInput, Unauthorized
from styxy.core.messages import LONGEST_SENTENCE
from styxy.server.net.responses import encoded, error_answer, json_answer


class Shape(msgspec.Struct):
    """A shape with text that came from elsewhere."""

    path: str


def test_a_path_that_is_no_utf8_does_not_break_an_answer() -> None:
    raw = encoded(Shape("/home/\udcff/x"))
    assert json.loads(raw) == {"path": "/home/\udcff/x"}
    assert b"\n" not in raw


def test_every_answer_is_neither_guessed_nor_kept() -> None:
    for answer in (json_answer({}), error_answer(InvalidInput("no"))):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"


def test_an_error_has_the_one_shape() -> None:
    answer = error_answer(InvalidInput("no such thing", port=3))
    assert answer.status_code == 400
    assert json.loads(bytes(answer.body)) == {
        "success": False,
        "error": "no such thing",
        "code": "invalid_input",
        "context": {"suggestions": [], "port": 3},
    }
    assert error_answer(Unauthorized("who?")).headers["www-authenticate"].startswith("Bearer")


def test_a_sentence_ends_somewhere() -> None:
    said = json.loads(bytes(error_answer(InvalidInput("x" * 10_000)).body))
    assert len(said["error"]) == LONGEST_SENTENCE + 1
