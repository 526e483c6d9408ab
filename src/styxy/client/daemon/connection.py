"""The connection to the daemon: find it, connect, start it if allowed, ask, raise our errors.

A daemon is found through `daemon.json` in the home, or through STYXY_SOCKET, and nowhere else. What
that file says is a hint, and the socket is authoritative: if it refuses or is gone, no daemon is
running, whatever a stale file claims. Every wait has a deadline, because no caller may hang on a
failing daemon.
"""

from __future__ import annotations

import _socket
import json
import os
import time

from styxy.adapters.home import open_regular
from styxy.adapters.paths import network_namespace
from styxy.adapters.portable.peers import peer_of
from styxy.client.daemon.http_reply import MalformedReply, Reply, ReplyReader
from styxy.core.errors import BodyTooLarge, DaemonUnreachable, from_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from styxy.adapters.paths import Paths
    from styxy.client.daemon.sse import StreamEvent

ANSWER_PATIENCE = 2.0
"""Seconds for one complete answer: a hundred times the slowest of a healthy daemon."""

SILENCE_PATIENCE = 40.0
"""Seconds that a stream may be silent; the daemon sends something every 15."""

_MAX_RECORD = 64 * 1024
_MOST_PID = 2**22  # proc(5), pid_max
_MOST_SECONDS = 253402300799  # the end of the year 9999, the last that datetime supports


class Answer:
    """What the daemon answered: the bytes for `--json`, the values for people."""

    __slots__ = ("data", "raw")

    def __init__(self, raw: bytes, data: dict[str, object]) -> None:
        self.raw = raw
        self.data = data


class DaemonRecord:
    """What `daemon.json` says about a running daemon; each value may be stale or missing."""

    def __init__(self, content: Mapping[str, object]) -> None:
        self.content = dict(content)

    @property
    def pid(self) -> int | None:
        """The process, if the file has it."""
        return self._number("pid", most=_MOST_PID)

    @property
    def port(self) -> int | None:
        """The TCP port, if the file has it."""
        return self._number("port", most=65535)

    @property
    def socket(self) -> str | None:
        """The path of the HTTP socket, if the file has it."""
        value = self.content.get("socket")
        return value if isinstance(value, str) and value and "\0" not in value else None

    @property
    def network(self) -> int | None:
        """The number of its network namespace, if the file contains it."""
        return self._number("network", most=2**63)

    @property
    def started_at(self) -> float | None:
        """When it started, in seconds since the epoch, if the file has it."""
        value = self.content.get("started_at")
        if not isinstance(value, int | float) or not 0 <= value <= _MOST_SECONDS:
            return None  # NaN, too, which Python's JSON knows
        return float(value)

    @property
    def is_managed(self) -> bool:
        """Whether a service manager started it, which may start it again."""
        return self.content.get("managed") is True

    def _number(self, name: str, *, most: int) -> int | None:
        value = self.content.get(name)
        return value if type(value) is int and 0 < value <= most else None


def read_record(paths: Paths) -> DaemonRecord | None:
    """Read `daemon.json`; a missing, damaged or foreign file gives an empty record."""
    try:
        with open(open_regular(paths.daemon_file), "rb") as file:
            content = json.loads(file.read(_MAX_RECORD))
    except (OSError, ValueError, RecursionError):
        return None
    return DaemonRecord(content) if isinstance(content, dict) else None


class Connection:
    """Sends requests to the daemon of one home, one per connection.

    `starter` makes a daemon listen if there is none, or raises what prevents that; without one
    (`client.daemon.starting` has it), no daemon is started.
    """

    def __init__(
        self,
        paths: Paths,
        *,
        starter: Callable[[Connection], object] | None = None,
        answer_patience: float = ANSWER_PATIENCE,
    ) -> None:
        self.paths = paths
        self._starter = starter
        self._answer_patience = answer_patience

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send one request to the API, `path` with its query.

        Raises the error that the daemon answered, or `DaemonUnreachable`.
        """
        link = self._reach()
        try:
            reply = self._exchange(link, request(method, path, body))
        finally:
            link.close()
        return self.parse(reply)

    def follow(self, path: str) -> Iterator[StreamEvent]:
        """Follow a stream of events until the daemon ends it; it ends at once if none is listening.

        Raises as `ask` does if one is listening.
        """
        from styxy.client.daemon.sse import StreamReader

        link = self.try_connect()
        if link is None:
            return
        reader = StreamReader()
        try:
            link.sendall(request("GET", path))
            link.settimeout(SILENCE_PATIENCE)
            while data := link.recv(65536):
                yield from reader.feed(data)
                if reader.refusal is not None:
                    self.parse(reader.refusal)
                    raise self._nonsense("it is not an event stream")
        except TimeoutError:
            raise self._silent(SILENCE_PATIENCE) from None
        except MalformedReply as error:
            raise self._nonsense(str(error)) from None
        except OSError:
            return  # ECONNRESET or EPIPE: the daemon was killed, which ends a stream, too
        finally:
            link.close()

    def ensure(self) -> None:
        """Make sure that a daemon is listening, starting one if that is allowed."""
        self._reach().close()

    def try_connect(self) -> _socket.socket | None:
        """Connect to a daemon that is listening; None if there is none."""
        path = self._socket_path()
        return None if path is None else self._try_connect_at(path)

    def _try_connect_at(self, path: str) -> _socket.socket | None:
        link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)  # not inherited (PEP 446)
        link.settimeout(self._answer_patience)
        try:
            link.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            link.close()
            return None  # the file is stale, or there is no daemon at all
        except BlockingIOError:
            # connect(2): EAGAIN from a Unix socket is a full backlog. The listener there has not
            # accepted for a long time.
            link.close()
            raise self._silent() from None
        except OSError as error:
            link.close()
            raise DaemonUnreachable(f"cannot connect to {path}: {error.strerror}") from None
        _, uid, _ = peer_of(link)
        if uid not in (os.getuid(), 0):
            link.close()
            raise DaemonUnreachable(
                f"the socket {path} belongs to user {uid}, and Styxy talks only to your own daemon"
            )
        return link

    def listens(self) -> bool:
        """Return whether a daemon is listening, whether it answers or not."""
        link = self.try_connect()
        if link is None:
            return False
        link.close()
        return True

    def refuse_elsewhere(self) -> None:
        """Raise `DaemonUnreachable` if STYXY_SOCKET leads to no daemon, but the home has one.

        No second one can be started for the same home.
        """
        named, record = self.paths.socket_override, read_record(self.paths)
        if named is None or record is None or not record.socket:
            return
        link = self._try_connect_at(record.socket) if record.socket != named else None
        if link is not None:
            link.close()
            raise DaemonUnreachable(
                f"nothing is listening on STYXY_SOCKET={named}; the daemon of "
                f"{self.paths.home} listens on {record.socket}: unset STYXY_SOCKET",
                suggestions=["unset STYXY_SOCKET"],
                socket=record.socket,
            )

    def refuse_other_network(self) -> None:
        """Raise `DaemonUnreachable` if the daemon is in another network namespace than we are.

        It would answer about other ports than the ones that programs have here.
        """
        record, here = read_record(self.paths), network_namespace()
        if record is None or None in (here, record.network) or record.network == here:
            return
        if self.paths.socket_override in (None, record.socket) and self.listens():
            raise DaemonUnreachable(
                f"the daemon (pid {record.pid}) speaks of another network: it runs in another "
                "network namespace, with ports of its own; set STYXY_HOME to a directory of this "
                "network's own",
                network="other",
            )

    def _socket_path(self) -> str | None:
        if self.paths.socket_override:
            return self.paths.socket_override
        record = read_record(self.paths)
        return record.socket if record else None

    def _reach(self) -> _socket.socket:
        link = self.try_connect()
        if link is None:
            self.refuse_elsewhere()
            if self._starter is None:
                raise not_running()
            self._starter(self)
            link = self.try_connect()
        if link is None:
            raise DaemonUnreachable(
                "the daemon started, but nothing is listening on its socket; see: styxy daemon logs"
            )
        return link

    def _exchange(self, link: _socket.socket, request: bytes) -> Reply:
        deadline = time.monotonic() + self._answer_patience
        reader = ReplyReader()
        is_cut = False
        try:
            is_cut = not _sent(link, request)
            while reader.reply is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError
                link.settimeout(remaining)
                data = link.recv(65536)
                if data:
                    reader.feed(data)
                else:
                    reader.end()
        except TimeoutError:
            raise self._silent() from None
        except (MalformedReply, OSError) as error:
            if is_cut:
                raise BodyTooLarge(
                    f"the daemon takes no request of {len(request)} bytes; send less",
                    size=len(request),
                ) from None
            raise self._nonsense(str(error)) from None
        assert reader.reply is not None
        return reader.reply

    def parse(self, reply: Reply) -> Answer:
        """Read a whole answer. Raises the error that it is, or `DaemonUnreachable`."""
        try:
            data = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise self._nonsense("its body is not JSON") from None
        if not isinstance(data, dict):
            raise self._nonsense("its body is not a JSON object")
        if reply.status >= 400:
            raise from_answer(data)
        return Answer(reply.body, data)

    def _silent(self, patience: float | None = None) -> DaemonUnreachable:
        seconds = self._answer_patience if patience is None else patience
        record = None if self.paths.socket_override else read_record(self.paths)
        who = f"the daemon (pid {record.pid})" if record and record.pid else "the daemon"
        return DaemonUnreachable(
            f"{who} has not answered for {seconds:g} s; try: styxy daemon restart",
            suggestions=["styxy daemon restart", "styxy daemon logs"],
        )

    def _nonsense(self, why: str) -> DaemonUnreachable:
        return DaemonUnreachable(
            f"the program on {self._socket_path()} does not answer like Styxy: {why}; "
            "try: styxy daemon restart",
            suggestions=["styxy daemon restart", "styxy daemon logs"],
        )


def _sent(link: _socket.socket, request: bytes) -> bool:
    """Send a request; return False if the daemon has hung up before its end.

    It does so on one that is far too long; its answer may have arrived all the same.
    """
    try:
        link.sendall(request)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def not_running() -> DaemonUnreachable:
    """Build the error that no daemon is running, with the command that starts one."""
    return DaemonUnreachable(
        "no daemon is running; start it with: styxy daemon start -d",
        suggestions=["styxy daemon start -d"],
        status="stopped",
    )


def request(method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
    """Spell one request, after whose answer the connection ends."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    payload = _spelled(body).encode()
    return (
        f"{head}Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
        + payload
    )


def _spelled(body: Mapping[str, object]) -> str:
    """Encode a body as JSON. File names are UTF-8 to the daemon, whatever our locale is.

    In an ASCII locale, every other byte of a name is a lone surrogate here (PEP 383); after this,
    only those are that are not UTF-8.
    """
    text = json.dumps(body)
    if "\\udc" not in text:
        return text
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return json.dumps(json.loads(raw.decode("utf-8", "surrogateescape")))
