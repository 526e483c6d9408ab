"""The one-line protocol between the native library and the daemon, as parse and format.

A line has fields separated by one space; bytes outside 0x21-0x7E and `%` are written %XX; an empty
field is `-`. `native/guest/daemon/wire.c` speaks the same; a test holds the two together.

An answer that moves a bind may be followed by a second line of the same write, which says why:
`styxy/1 why promised NAME`, `styxy/1 why left NAME 14:03`, `styxy/1 why used NAME`, of a program
that found the port by itself `styxy/1 why took PROGRAM ASKED [NAME [used]]`, or of one that is
known to try a port first `styxy/1 why probes PROGRAM`. A library that does not know it reads the
first line alone, and one that gets none says that the port was in use. After that may come
`styxy/1 also TEXT`, which the notice ends with.

`styxy/1 taken [TEXT]` says that EADDRINUSE stands; the text, if any, is for the user.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, assert_never, cast, get_args
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

from styxy.core.decisions.requests import Kept, MoveAnswer, Moved, Reason, RunsAlready, Taken
from styxy.core.errors import InvalidInput
from styxy.core.model.leases import DEFAULT_INSTANCE
from styxy.core.model.ports import FIRST_UNPRIVILEGED, Port, as_port

if TYPE_CHECKING:
    from styxy.core.model.leases import Protocol
    from styxy.core.protocol.move_words import MoveWords

VERSION = "styxy/1"
MAX_LINE = 8192
"""Bytes of a line with its newline: a path of PATH_MAX (4096) may need %XX for many bytes."""

MAX_ERROR = 600
"""Characters of an error message: the line fits even if each has four bytes, each as %XX."""

_NAME = f"{VERSION} name ".encode()
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_PRINTABLE = bytes(byte for byte in range(0x21, 0x7F) if byte != ord("%"))


class BindQuestion(Struct, frozen=True, kw_only=True):
    """A question about where a bind should go; `core.decisions.requests.MoveRequest` explains the
    fields.
    """

    protocol: Protocol
    family: int
    port: Port
    address: str
    reason: Reason
    lost: Port | None
    image_id: str
    instance_id: str
    service_type: str | None
    project: str | None
    pid: int | None = None
    """The program for which a supervisor asks; None if the program itself asks."""


class ListenNote(Struct, frozen=True, kw_only=True):
    """A report that a server is listening: on which socket (`cookie`), whose, of which repo (0:
    none).

    `asked` is the number that its program bound; None where that was 0, or another program's bind.
    """

    protocol: Protocol
    family: int
    port: Port
    address: str
    cookie: int
    image_id: str
    instance_id: str
    service_type: str | None
    project: str | None
    repo: int
    asked: Port | None = None
    pid: int | None = None


class NameNote(Struct, frozen=True, kw_only=True):
    """A report that a program has read the port of a socket that was moved to `port`."""

    port: Port
    image_id: str
    pid: int | None = None


def quote(text: str) -> str:
    """Encode a text as one field."""
    quoted = quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)
    return {"": "-", "-": "%2D"}.get(quoted, quoted)


def unquote(field: str) -> str | None:
    """Decode a field; None if it is empty."""
    if field == "-":
        return None
    return unquote_to_bytes(field).decode("utf-8", "surrogateescape")


def parse_question(line: bytes) -> BindQuestion:
    """Parse a guest's line. Raises `InvalidInput`: the guest's first real result then stands."""
    fields, pid = _fields(line, verb="bind", count=12)
    protocol, family, port, address, reason, lost, image_id, instance, kind, project = fields
    if reason not in get_args(Reason):
        raise InvalidInput(f"unknown reason: {reason}")
    lost_port = _number(lost)
    return BindQuestion(
        protocol=_protocol(protocol),
        family=_family(family),
        port=as_port(_number(port), lowest=FIRST_UNPRIVILEGED),
        address=address,
        reason=cast("Reason", reason),
        lost=as_port(lost_port, name="lost port") if lost_port else None,
        image_id=_hex_word(image_id),
        instance_id=unquote(instance) or DEFAULT_INSTANCE,
        service_type=unquote(kind),
        project=_project(project),
        pid=pid,
    )


def parse_note(datagram: bytes) -> ListenNote | NameNote:
    """Parse what a guest reports after a successful listen(), or after the getsockname() of a moved
    socket. Raises `InvalidInput`: ignore it.
    """
    if datagram.startswith(_NAME):
        (port, image_id), pid = _fields(datagram, verb="name", count=4)
        return NameNote(port=as_port(_number(port)), image_id=_hex_word(image_id), pid=pid)
    fields, pid = _fields(datagram, verb="listen", count=13)
    protocol, family, port, address, cookie, image_id, instance, kind, project, repo = fields[:-1]
    asked = _number(fields[-1])
    return ListenNote(
        protocol=_protocol(protocol),
        family=_family(family),
        port=as_port(_number(port)),
        address=address,
        cookie=int(_hex_word(cookie), 16),
        image_id=_hex_word(image_id),
        instance_id=unquote(instance) or DEFAULT_INSTANCE,
        service_type=unquote(kind),
        project=_project(project),
        repo=0 if repo == "0" else int(_hex_word(repo), 16),
        asked=as_port(asked, name="asked port") if asked else None,
        pid=pid,
    )


def format_answer(
    answer: MoveAnswer, *, local_time: datetime, words: MoveWords | None = None
) -> bytes:
    """Format an answer, and the line with the reason if `words` has one.

    `local_time` spares the guest the time zone, whose lock may be held across a fork.
    """
    match answer:
        case Kept():
            text = "keep"
        case Moved(lease=lease, is_new=is_new):
            novelty = "new" if is_new else "same"
            stamp = local_time.strftime("%Y-%m-%dT%H:%M:%S")
            text = f"move {lease.port} {quote(lease.service_type)} {novelty} {stamp}{_why(words)}"
        case RunsAlready(port=port, service_type=kind, pid=pid):
            text = f"single {port} {quote(kind)} {pid}"
        case Taken(advice=advice):
            text = f"taken {quote(advice)}" if advice else "taken"
        case _:
            assert_never(answer)
    return f"{VERSION} {text}\n".encode("ascii")


def _why(words: MoveWords | None) -> str:
    also = f"\n{VERSION} also {quote(words.outside)}" if words and words.outside else ""
    return _cause(words) + also


def _cause(words: MoveWords | None) -> str:
    if words is not None and words.tool:
        owner = f" {quote(words.name)}" if words.kind == "promised" else ""
        if words.kind == "in use" and words.name:
            owner = f" {quote(words.name)} used"
        return f"\n{VERSION} why took {quote(words.tool)} {words.asked}{owner}"
    if words is not None and words.is_probe:
        return f"\n{VERSION} why probes {quote(words.name)}"
    if words is None or (words.kind == "in use" and not words.name):
        return ""
    if words.kind == "in use":
        return f"\n{VERSION} why used {quote(words.name)}"
    until = f" {words.until}" if words.kind == "left" else ""
    return f"\n{VERSION} why {words.kind} {quote(words.name)}{until}"


def format_error(message: str) -> bytes:
    """Format a refusal; the guest's first real result stands."""
    return f"{VERSION} error {quote(message[:MAX_ERROR])}\n".encode("ascii")


def _fields(line: bytes, *, verb: str, count: int) -> tuple[list[str], int | None]:
    """Split a line into the words after the verb and the extra pid that a supervisor adds."""
    try:
        fields = line.decode("ascii").rstrip("\n").split(" ")
    except UnicodeDecodeError:
        raise InvalidInput("the line is not ASCII") from None
    if len(fields) not in (count, count + 1) or fields[:2] != [VERSION, verb]:
        raise InvalidInput(f"'{VERSION} {verb}' takes {count} fields, not {len(fields)}")
    return fields[2:count], _pid(fields[count]) if len(fields) > count else None


def _project(field: str) -> str | None:
    path = unquote(field)
    if path is not None and (not path.startswith("/") or "\0" in path):
        raise InvalidInput(f"a project must be an absolute path, not {path!r}")
    return path


def _protocol(field: str) -> Protocol:
    if field == "tcp":
        return "tcp"
    if field == "udp":
        return "udp"
    raise InvalidInput(f"unknown protocol: {field}")


def _family(field: str) -> int:
    if field in ("4", "6"):
        return int(field)
    raise InvalidInput(f"unknown address family: {field}")


def _hex_word(field: str) -> str:
    if len(field) == 16 and _HEX_DIGITS.issuperset(field):
        return field
    raise InvalidInput(f"an id must be 16 hex digits, not {field!r}")


def _pid(field: str) -> int:
    if not (field.isdigit() and len(field) <= 7):  # 2**22 at most, proc(5)
        raise InvalidInput(f"{field!r} is not a pid")
    return int(field)


def _number(field: str) -> int:
    if not (field.isdigit() and len(field) <= 5):
        raise InvalidInput(f"{field!r} is not a port")
    return int(field)
