"""Reads a stream of server-sent events within bounds. Pure: bytes go in, events come out.

It is an HTTP response without an end, in chunks (RFC 9112, 7.1), whose lines are the fields of
events (the HTML standard, "Server-sent events"). A response that is not a stream is an error, and
is kept as a `Reply`.
"""

from __future__ import annotations

from styxy.client.daemon.http_reply import MalformedReply, Reply, ReplyReader, take_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styxy.client.daemon.http_reply import Head

MAX_CHUNK = 1 << 20
"""Bytes of one chunk; ours have at most 100 events, about 30 KB."""

MAX_EVENT = 256 * 1024
"""Bytes of one event; a lease with a path of 4 KiB and a name is 5 KB."""

CHANGED = b"changed"
"""The kind of event that is in no journal and has no number: something in GET /overview is new."""

_LONGEST_SIZE = 32  # bytes of the line with the length of a chunk, including extensions


class StreamEvent:
    """One event: its number in the journal, 0 if it is in none, and its JSON as received."""

    __slots__ = ("raw", "seq")

    def __init__(self, seq: int, raw: bytes) -> None:
        self.seq = seq
        self.raw = raw


class StreamReader:
    """Collects the bytes of a stream; `refusal` is set if it is an ordinary response instead."""

    def __init__(self) -> None:
        self.refusal: Reply | None = None
        self._data = bytearray()
        self._head: Head | None = None
        self._reply: ReplyReader | None = None
        self._chunks = ChunkReader()
        self._events = EventReader()

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Add received bytes, return the events that they complete. Raises `MalformedReply`."""
        if self._head is None:
            self._data += data
            so_far = bytes(self._data)
            self._head = take_head(self._data)
            if self._head is None:
                return []
            data = bytes(self._data)
            if not self._head.is_chunked or self._head.status != 200:
                self._reply = ReplyReader()
                data = so_far
        if self._reply is not None:
            self._reply.feed(data)
            self.refusal = self._reply.reply
            return []
        return self._events.feed(self._chunks.feed(data))


class ChunkReader:
    """Removes the framing of chunks."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._left = 0
        self.is_done = False

    def feed(self, data: bytes) -> bytes:
        """Add framed bytes, return their content. Raises `MalformedReply`."""
        self._data += data
        body = bytearray()
        while self._data and not self.is_done:
            if self._left == 0 and not self._begin():
                break
            piece = self._data[: self._left]
            del self._data[: len(piece)]
            self._left -= len(piece)
            body += piece
        return bytes(body)

    def _begin(self) -> bool:
        """Read the size of the next chunk, after the end of the last; False: not complete yet."""
        begin = 2 if self._data.startswith(b"\r\n") else 0
        end = self._data.find(b"\r\n", begin, begin + _LONGEST_SIZE)
        if end < 0:
            if len(self._data) > begin + _LONGEST_SIZE:
                raise MalformedReply("a chunk has no size")
            return False
        size = bytes(self._data[begin:end]).partition(b";")[0].strip()
        if not size or any(digit not in b"0123456789abcdefABCDEF" for digit in size):
            raise MalformedReply("a chunk size is not a number")
        self._left = int(size[:16], 16)
        if self._left > MAX_CHUNK:
            raise MalformedReply(f"a chunk is longer than {MAX_CHUNK} bytes")
        self.is_done = self._left == 0
        del self._data[: end + 2]
        return True


class EventReader:
    """Turns lines into events; comments and unknown fields are skipped."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Add text, return the events that it completes. Raises `MalformedReply`."""
        self._data += data
        *blocks, rest = bytes(self._data).split(b"\n\n")
        self._data = bytearray(rest)
        if len(rest) > MAX_EVENT:
            raise MalformedReply(f"an event is longer than {MAX_EVENT} bytes")
        return [each for each in map(_event, blocks) if each is not None]


def _event(block: bytes) -> StreamEvent | None:
    lines = (line.partition(b":") for line in block.split(b"\n"))
    fields = {name: value.removeprefix(b" ") for name, _, value in lines}
    if b"data" not in fields:
        return None  # a heartbeat, or the time to wait before reconnecting
    number = fields.get(b"id", b"")
    if not number and fields.get(b"event") == CHANGED:
        return StreamEvent(0, fields[b"data"])
    if not number.isdigit():
        raise MalformedReply("an event has no id")
    return StreamEvent(int(number[:20]), fields[b"data"])
