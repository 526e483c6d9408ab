"""The reply parser: whole answers, answers in pieces, and what is no answer."""

from __future__ import annotations

import pytest

from styxy.client.daemon.http_reply import MAX_BODY, MAX_HEAD, MalformedReply, Reply, ReplyReader

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}"


def read(*pieces: bytes, ended: bool = False) -> Reply | None:
    reader = ReplyReader()
    for piece in pieces:
        reader.feed(piece)
    if ended:
        reader.end()
    return reader.reply


def test_an_answer_is_its_status_and_its_body() -> None:
    reply = read(PLAIN)
    assert reply is not None
    assert (reply.status, reply.body) == (200, b"{}")


def test_an_answer_may_come_byte_by_byte() -> None:
    reply = read(*(bytes([byte]) for byte in PLAIN))
    assert reply is not None
    assert reply.body == b"{}"


def test_an_unfinished_answer_is_none_yet() -> None:
    assert read(PLAIN[:-1]) is None


def test_what_follows_the_body_is_not_part_of_it() -> None:
    reply = read(PLAIN + b"HTTP/1.1 500")
    assert reply is not None
    assert reply.body == b"{}"


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    reply = read(b"HTTP/1.0 404 Not Found\r\n\r\nab", b"c", ended=True)
    assert reply is not None
    assert (reply.status, reply.body) == (404, b"abc")


def test_no_content_has_no_body() -> None:
    reply = read(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert reply is not None
    assert reply.body == b""


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"styxy/1 keep\n",
        b"HTTP/1.1 ok\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
    ],
)
def test_nonsense_is_found_out_before_the_connection_ends(data: bytes) -> None:
    with pytest.raises(MalformedReply):
        read(data)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", PLAIN[:-1]])
def test_an_answer_cut_short_is_nonsense(data: bytes) -> None:
    with pytest.raises(MalformedReply):
        read(data, ended=True)
