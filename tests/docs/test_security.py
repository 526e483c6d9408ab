"""What docs/security.md says was tried is tried: each test that it names is there, once."""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path

from styxy.server.http import app
from styxy.server.net import acceptor, connection_limit
from styxy.server.service import event_stream
from tests.docs.pages import ROOT, text_of

NAMED = re.findall(r"`(test_\w+)`", text_of("docs/security.md"))


@functools.cache
def count_of_tests() -> Counter[str]:
    """Count the tests of the repository by their names."""
    texts = (path.read_text(encoding="utf-8") for path in Path(ROOT, "tests").rglob("test_*.py"))
    return Counter(name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.M))


def test_each_test_that_is_named_is_there() -> None:
    assert NAMED
    assert [name for name in NAMED if count_of_tests()[name] != 1] == []


def test_each_line_of_what_was_tried_names_a_test() -> None:
    table = text_of("docs/security.md").partition("## What was tried")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert rows
    assert [row for row in rows if "`test_" not in row] == []


def test_the_bounds_are_those_of_the_code() -> None:
    bounds = text_of("docs/security.md").partition("## The bounds")[2].partition("## What")[0]
    for sentence in (
        f"{connection_limit.MAX_CONNECTIONS}; {connection_limit.MAX_STRANGERS} of all other",
        f"{connection_limit.MAX_OF_ONE_STRANGER} of each",
        f"{acceptor.OPENED.requests} a second",
        f"| {app.MOST_PARAMETERS} |",
        f"| {event_stream.MAX_FOLLOWERS} |",
    ):
        assert sentence in bounds
