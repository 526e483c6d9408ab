"""The daemon's log: its end, and what is written after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from styxy.client.daemon.log_tail import follow, last_lines


@pytest.mark.parametrize(
    ("content", "count", "lines"),
    [
        ("", 3, []),
        ("a\n", 3, ["a"]),
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb", 1, ["b"]),
        ("x" * 200_000 + "\nlast\n", 1, ["last"]),
    ],
)
def test_the_last_lines_are_read_from_the_end(
    tmp_path: Path, content: str, count: int, lines: list[str]
) -> None:
    log = tmp_path / "log"
    log.write_text(content)
    assert last_lines(str(log), count) == (lines, len(content))


def collect(log: Path, *steps: Callable[[], object]) -> str:
    """Follow `log`, take one step at each pause, and stop when the steps are used up."""
    remaining = [*steps, log.exists]

    class Enough(Exception):
        """The test has seen all."""

    def pause(_seconds: float) -> None:
        if not remaining:
            raise Enough
        remaining.pop(0)()

    seen = ""
    try:
        for text in follow(str(log), log.stat().st_size, pause=pause):
            seen += text
    except Enough:
        return seen
    raise AssertionError("a log is followed for ever")


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_a_followed_log_goes_on_after_rotation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")

    def rotate() -> None:
        append(log, "two\n")
        log.rename(tmp_path / "log.1")

    seen = collect(log, lambda: append(log, "one\n"), rotate, lambda: log.write_text("three\n"))
    assert seen == "one\ntwo\nthree\n"


def test_a_followed_log_goes_on_after_truncation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a long line before\n")
    assert collect(log, lambda: log.write_text("short\n")) == "short\n"
