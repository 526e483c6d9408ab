"""The reader of event streams: any cut of the bytes, any order of chunks, and what is no stream."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.client.daemon.http_reply import MalformedReply
from styxy.client.daemon.sse import MAX_CHUNK, MAX_EVENT, StreamEvent, StreamReader

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
REFUSAL = b'{"success": false, "error": "no", "code": "invalid_input", "context": {}}'


def chunk(data: bytes) -> bytes:
    """Frame bytes."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(seq: int, data: bytes = b"{}") -> bytes:
    """Spell an event as the daemon does."""
    return b"id: %d\nevent: allocated\ndata: %s\n\n" % (seq, data)


def read(*pieces: bytes) -> list[StreamEvent]:
    reader = StreamReader()
    return [event for piece in pieces for event in reader.feed(piece)]


WHOLE = (
    HEAD
    + chunk(b"retry: 1000\n\n: styxy\n\n")
    + chunk(event(1, b'{"a": 1}') + event(2))
    + chunk(b": heartbeat\n\n")
    + chunk(event(3)[:7])
    + chunk(event(3)[7:])
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=20))
def test_a_stream_may_come_in_any_pieces(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(WHOLE)]
    happenings = read(*(WHOLE[begin:end] for begin, end in pairwise(ends)))
    assert [each.seq for each in happenings] == [1, 2, 3]
    assert happenings[0].raw == b'{"a": 1}'


def test_the_end_of_the_chunks_is_the_end() -> None:
    assert read(WHOLE + b"0\r\n\r\n", chunk(event(4)))[-1].seq == 3


@pytest.mark.parametrize("framing", [b"content-length: %d\r\n\r\n" % len(REFUSAL)])
@pytest.mark.parametrize("status", [b"400", b"503", b"200"])
def test_what_is_no_stream_is_kept_as_an_answer(status: bytes, framing: bytes) -> None:
    reader = StreamReader()
    whole = b"HTTP/1.1 " + status + b" Said\r\n" + framing + REFUSAL
    for byte in whole:
        assert reader.feed(bytes([byte])) == []
    assert reader.refusal is not None
    assert (reader.refusal.status, reader.refusal.body) == (int(status), REFUSAL)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        HEAD + b"xyz\r\n",
        HEAD + b"-1\r\n",
        HEAD + b"\r\n\r\n\r\n",
        HEAD + b"1" * 100,
        HEAD + b"%x\r\n" % (MAX_CHUNK + 1),
        HEAD + chunk(b"id: x\ndata: {}\n\n"),
        HEAD + chunk(b"data: {}\n\n"),
        HEAD + chunk(b"x" * (MAX_EVENT + 1)),
        b"HTTP/1.1 400 No\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(REFUSAL),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    ],
)
def test_nonsense_is_found_out(data: bytes) -> None:
    with pytest.raises(MalformedReply):
        read(data)
