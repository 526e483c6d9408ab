"""The table of ranges in a Markdown file."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from styxy.core.config.port_document import BEGIN, END, read_tables, table, with_table
from styxy.core.errors import Conflict, InvalidInput
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import BUILT_IN, ServiceType

MADE = ServiceType(
    name="grown",
    ports=PortRange(Port(20000), Port(20009)),
    more=(PortRange(Port(20020), Port(20029)),),
    preferred_ports=(Port(20000), Port(20005)),
    description="a | b \\ c",
)


def test_what_is_written_is_read_again() -> None:
    types = [*BUILT_IN, MADE]
    rows = read_tables(table(types))
    assert [
        (row.name, row.ranges, row.preferred_ports, row.description, row.is_singleton)
        for row in rows
    ] == [
        (kind.name, kind.ranges, kind.preferred_ports, kind.description, kind.is_singleton)
        for kind in sorted(types, key=lambda kind: kind.ports.first)
    ]


def test_a_table_that_a_person_made_is_read() -> None:
    text = """
# Ports

| what | Service | Port range |
|------|:--------|-----------:|
| x    | `web`   | 9500\u20139599  |
| y    | **Mail**| 9600 |

| colour | range |
| --- | --- |
| red | 1-2 |

type | ports
--- | ---
queue | 9700 to 9710, 9720-9730
"""
    rows = read_tables(text)
    assert [(row.name, [str(each) for each in row.ranges], row.line) for row in rows] == [
        ("web", ["9500-9599"], 6),
        ("mail", ["9600-9600"], 7),
        ("queue", ["9700-9710", "9720-9730"], 15),
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("| a b | 1-2 |", "line 3: 'a b' is no name"),
        ("| web | |", "line 3: web has no range"),
        ("| web | many |", "line 3: 'many' is no range"),
        ("| web | 20-10 |", "line 3: range 20-10 ends before it begins"),
        ("| web | 1-70000 |", "line 3: last port must be"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named(row: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_tables(f"| type | range |\n| --- | --- |\n{row}\n")


@given(st.text(alphabet="|-ab1 \n:`*\\,"))
def test_any_text_gives_rows_or_a_sentence(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        read_tables(text)


@example(b"\r")
@given(st.binary().filter(lambda content: b"styxy" not in content))
def test_a_file_without_markers_gets_them_once_at_its_end(content: bytes) -> None:
    once = with_table(content, "| a |")
    assert once.startswith(content)
    assert with_table(once, "| a |") == once


@given(st.binary(), st.binary())
def test_every_byte_outside_the_markers_stays(before: bytes, after: bytes) -> None:
    assume(b"styxy:ports" not in before + after)
    new = with_table(before + BEGIN + b"old" + END + after, "new")
    assert new.startswith(before + BEGIN)
    assert new.endswith(END + after)
    assert b"new" in new


def test_the_line_ends_are_those_of_the_file() -> None:
    assert b"\n" not in with_table(b"# Ports\r\n", "| a |\n| b |").replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("content", "newline"),
    [
        (b"one\n", b"\n"),
        (b"one\r\n", b"\r\n"),
        (b"one\r\ntwo\n", b"\n"),
        (b"one\r\ntwo\r\nthree\n", b"\r\n"),
        (b"one\r\ntwo\nthree\n", b"\n"),
    ],
)
def test_of_two_kinds_of_line_ends_the_more_frequent_wins(content: bytes, newline: bytes) -> None:
    block = newline.join([BEGIN, b"", b"| a |", b"| b |", b"", END])
    assert with_table(content, "| a |\n| b |") == content + newline + block + newline


def test_markers_without_a_byte_between_them_are_a_pair() -> None:
    assert with_table(BEGIN + END, "| a |") == b"\n".join([BEGIN, b"", b"| a |", b"", END])


INSIDE = b"<!-- styxy:ports:begin <!-- styxy:ports:end -->"
"""An end marker that lies in the begin marker: one comment."""


@pytest.mark.parametrize(
    "content", [BEGIN, END, END + BEGIN, BEGIN + END + BEGIN, BEGIN * 2 + END, INSIDE]
)
def test_markers_that_are_no_pair_are_left_alone(content: bytes) -> None:
    with pytest.raises(Conflict, match="leave one pair"):
        with_table(content, "| a |")


def test_the_date_is_that_of_the_last_change() -> None:
    first = with_table(b"", "| a |", today="2026-01-31")
    assert b"\n\nLast updated: 2026-01-31\n\n" in first
    assert with_table(first, "| a |", today="2026-02-01") == first
    assert b"Last updated: 2026-02-01\n" in with_table(first, "| b |", today="2026-02-01")
    rows = read_tables(with_table(b"", table(BUILT_IN), today="2026-01-31").decode())
    assert [row.name for row in rows] == [row.name for row in read_tables(table(BUILT_IN))]
