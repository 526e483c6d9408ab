"""The line protocol: what is written can be read, and nothing that is read can do harm."""

from __future__ import annotations

import contextlib
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.line import format_question
from styxy.core.decisions.requests import Kept, MoveAnswer, Moved, RunsAlready, Taken
from styxy.core.errors import InvalidInput
from styxy.core.model.leases import Holder, Lease
from styxy.core.model.ports import Port
from styxy.core.protocol import wire
from styxy.core.protocol.move_words import MoveWords
from styxy.core.protocol.wire import BindQuestion
from tests.core import strategies

GOOD = b"styxy/1 bind tcp 4 3000 127.0.0.1 inuse 0 0123456789abcdef default - /w/app\n"
LEASE = Lease(
    lease_id="a",
    port=Port(3007),
    service_type="dev",
    holder=Holder(pid=42, start_time=1, boot="b"),
    allocated_at=0.0,
    last_seen=0.0,
)
NOW = datetime(2026, 11, 21, 19, 25, 22)


@given(strategies.questions)
def test_a_question_comes_back_as_it_was(question: BindQuestion) -> None:
    line = format_question(question)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    assert wire.parse_question(line) == question


@given(strategies.raw_texts)
def test_a_field_comes_back_as_it_was(text: str) -> None:
    assert wire.unquote(wire.quote(text)) == text
    assert " " not in wire.quote(text)


@pytest.mark.parametrize("project", ["app", "./app", "%00", "/a%00b"])
def test_a_project_that_is_no_absolute_path_is_refused(project: str) -> None:
    fields = [*GOOD.decode().split()[:-1], project]
    with pytest.raises(InvalidInput, match="absolute path"):
        wire.parse_question(" ".join(fields).encode())


def test_an_empty_field_is_a_dash_and_a_dash_is_not() -> None:
    assert wire.quote("") == "-"
    assert wire.unquote("-") is None
    assert wire.quote("-") == "%2D"


def test_a_question_is_read_word_by_word() -> None:
    assert wire.parse_question(GOOD) == BindQuestion(
        protocol="tcp",
        family=4,
        port=Port(3000),
        address="127.0.0.1",
        reason="inuse",
        lost=None,
        image_id="0123456789abcdef",
        instance_id="default",
        service_type=None,
        project="/w/app",
    )


@given(st.binary(max_size=300))
@example(b"")
@example(b"\n")
@example(b"styxy/1 bind " + b"x " * 9 + b"x")
def test_any_bytes_are_a_question_or_invalid_input(line: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        wire.parse_question(line)


FIELDS = GOOD.decode().rstrip("\n").split(" ")


@given(st.integers(0, 11), st.text(max_size=30) | st.sampled_from(["-", "%", "%4", "9" * 5000]))
def test_any_field_may_be_wrong_and_only_invalid_input_is_raised(index: int, text: str) -> None:
    fields = [*FIELDS[:index], text, *FIELDS[index + 1 :]]
    with contextlib.suppress(InvalidInput):
        wire.parse_question(" ".join(fields).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (0, "styxy/2"),
        (1, "connect"),
        (2, "sctp"),
        (3, "5"),
        (4, "0"),
        (4, "1023"),
        (4, "65536"),
        (4, "-1"),
        (4, "3e3"),
        (6, "because"),
        (7, "65536"),
        (7, "-"),
        (8, "0123"),
        (8, "0123456789abcdefg"),
        (8, "0123456789abcdez"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused(index: int, text: str) -> None:
    fields = [*FIELDS[:index], text, *FIELDS[index + 1 :]]
    with pytest.raises(InvalidInput):
        wire.parse_question(" ".join(fields).encode())


def test_a_supervisor_says_for_which_process_it_asks() -> None:
    question = wire.parse_question(" ".join([*FIELDS, "4194304"]).encode())
    assert question.pid == 4194304
    assert wire.parse_question(format_question(question)) == question
    assert wire.parse_question(GOOD).pid is None


@pytest.mark.parametrize("pid", ["", "-", "-1", "1e3", "12345678"])
def test_a_pid_that_cannot_be_meant_is_refused(pid: str) -> None:
    with pytest.raises(InvalidInput):
        wire.parse_question(" ".join([*FIELDS, pid]).encode())


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Kept(), b"styxy/1 keep\n"),
        (Moved(LEASE, is_new=True), b"styxy/1 move 3007 dev new 2026-11-21T19:25:22\n"),
        (Moved(LEASE, is_new=False), b"styxy/1 move 3007 dev same 2026-11-21T19:25:22\n"),
        (RunsAlready(Port(3007), "dev", 42), b"styxy/1 single 3007 dev 42\n"),
        (Taken(), b"styxy/1 taken\n"),
        (Taken(Port(3001), advice="is blog's"), b"styxy/1 taken is%20blog's\n"),
    ],
)
def test_an_answer_is_one_line(answer: MoveAnswer, line: bytes) -> None:
    assert wire.format_answer(answer, local_time=NOW) == line


@given(st.text(max_size=100) | st.sampled_from(["%" * 9000, "\n" * 9000, "é" * 9000]))
def test_a_refusal_is_one_line_of_bounded_length(message: str) -> None:
    line = wire.format_error(message.encode("utf-8", "ignore").decode())
    assert line.startswith(b"styxy/1 error ")
    assert line.endswith(b"\n")
    assert (line.count(b"\n"), line.count(b" ")) == (1, 2)
    length = len(line)  # by name, or a failure prints the line
    assert length <= wire.MAX_LINE


def test_why_is_a_second_line_that_an_older_library_does_not_read() -> None:
    answer = Moved(LEASE, is_new=True)
    plain = wire.format_answer(answer, local_time=NOW)
    words = MoveWords(kind="promised", name="my blog", until="14:03")
    first, _, second = wire.format_answer(answer, local_time=NOW, words=words).partition(b"\n")
    assert (first + b"\n", second) == (plain, b"styxy/1 why promised my%20blog\n")
    left = wire.format_answer(answer, local_time=NOW, words=replace(words, kind="left"))
    assert left == plain + b"styxy/1 why left my%20blog 14:03\n"
    used = MoveWords(kind="in use", name="Styxy")
    in_use = wire.format_answer(answer, local_time=NOW, words=replace(used, name=""))
    assert in_use == plain
    by_us = wire.format_answer(answer, local_time=NOW, words=used)
    assert by_us == plain + b"styxy/1 why used Styxy\n"
    took = replace(words, tool="vite", asked=3000)
    promised = wire.format_answer(answer, local_time=NOW, words=took)
    assert promised == plain + b"styxy/1 why took vite 3000 my%20blog\n"
    own = wire.format_answer(answer, local_time=NOW, words=replace(took, kind="in use", name=""))
    assert own == plain + b"styxy/1 why took vite 3000\n"
    beside_us = replace(used, tool="karma", asked=9876)
    taken = wire.format_answer(answer, local_time=NOW, words=beside_us)
    assert taken == plain + b"styxy/1 why took karma 9876 Styxy used\n"


def test_who_looks_from_outside_is_a_line_of_its_own() -> None:
    answer = Moved(LEASE, is_new=True)
    also = b"styxy/1 also devices%20look%20here\n"
    for words, why in (
        (MoveWords(kind="in use", name=""), b""),
        (MoveWords(kind="promised", name="blog"), b"styxy/1 why promised blog\n"),
    ):
        told = replace(words, outside="devices look here")
        lines = wire.format_answer(answer, local_time=NOW, words=told).partition(b"\n")[2]
        assert lines == why + also
