"""Reads one HTTP/1.1 response within bounds (RFC 9112). Pure: bytes go in, a `Reply` comes out.

Written by hand because `http.client` alone costs the command line 19 ms, and because a response
always comes from our own daemon: a body has a length or ends with the connection. Only streams are
chunked (`client.daemon.sse` reads those); anything else did not come from our daemon, and is
rejected.
"""

from __future__ import annotations

MAX_HEAD = 16 * 1024
"""Bytes of status line and headers; ours has about 200, Apache's limit is half of this."""

MAX_BODY = 32 * 1024 * 1024
"""Bytes of body; the maximum of 65,535 leases is about 25 MB."""


class MalformedReply(ValueError):
    """The bytes are not a response that Styxy's daemon would send."""


class Reply:
    """A status code and an unparsed body."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body


class Head:
    """The head of a response: `length` is None if the body ends with the connection."""

    __slots__ = ("is_chunked", "length", "status")

    def __init__(self, status: int, *, length: int | None, is_chunked: bool) -> None:
        self.status = status
        self.length = length
        self.is_chunked = is_chunked


def take_head(data: bytearray) -> Head | None:
    """Split off the head of a response; None if it is not complete yet. Raises `MalformedReply`."""
    # Checked before the head is complete, so that a peer that speaks another protocol is
    # detected at its first bytes and not at the deadline.
    if not data.startswith(b"HTTP/1."[: len(data)]):
        raise MalformedReply("the response is not HTTP")
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0:
        if len(data) >= MAX_HEAD:
            raise MalformedReply(f"its headers are longer than {MAX_HEAD} bytes")
        return None
    status_line, *fields = bytes(data[:end]).split(b"\r\n")
    del data[: end + 4]
    status = _status_of(status_line)
    length, is_chunked = _framing_of(fields)
    if status in (204, 304):
        length = 0
    return Head(status, length=length, is_chunked=is_chunked)


class ReplyReader:
    """Collects the bytes of one response, never more of them than the bounds allow."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self._data = bytearray()
        self._head: Head | None = None

    def feed(self, data: bytes) -> None:
        """Add received bytes; raises `MalformedReply` as soon as it cannot be a response."""
        self._data += data
        if self._head is None:
            self._head = take_head(self._data)
            if self._head is not None and self._head.is_chunked:
                raise MalformedReply("the response is chunked")
        if self._head is not None:
            self._read_body(self._head)

    def end(self) -> None:
        """Handle the end of the connection, which ends a body without a length."""
        if self.reply is not None:
            return
        if self._head is None or self._head.length is not None:
            raise MalformedReply(f"the connection ended after {len(self._data)} bytes")
        self.reply = Reply(self._head.status, bytes(self._data))

    def _read_body(self, head: Head) -> None:
        length = head.length
        if len(self._data) > MAX_BODY or (length or 0) > MAX_BODY:
            raise MalformedReply(f"its body is longer than {MAX_BODY} bytes")
        if length is not None and len(self._data) >= length:
            self.reply = Reply(head.status, bytes(self._data[:length]))


def _status_of(line: bytes) -> int:
    parts = line.split(b" ", 2)
    if len(parts) < 2 or len(parts[1]) != 3 or not parts[1].isdigit():
        raise MalformedReply("its status line is invalid")
    return int(parts[1])


def _framing_of(fields: list[bytes]) -> tuple[int | None, bool]:
    length: int | None = None
    is_chunked = False
    for field in fields:
        name, colon, value = field.partition(b":")
        if not colon:
            raise MalformedReply("a header has no colon")
        match name.lower():
            case b"content-length":
                if not value.strip().isdigit():
                    raise MalformedReply("its length is not a number")
                length = int(value.strip()[:20])
            case b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    raise MalformedReply("it uses a transfer coding that was not requested")
                is_chunked = True
            case _:
                pass
    return length, is_chunked
