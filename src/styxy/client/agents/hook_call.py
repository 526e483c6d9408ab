"""`styxy hook AGENT EVENT`: hand an agent's payload to the daemon, and print what it answers.

The same as the program `styxy-hook` (native/hook), for installations without a C compiler; and what
that program becomes when a session starts and no daemon runs, because only Python can start one.

An agent waits for its hooks, shows what they print, and may take a failure for a refusal. So this
ends soon and with 0 whatever happens, and is silent unless the daemon has something to say. Every
wait has a deadline. It imports little: an agent calls it at each of its events.
"""

from __future__ import annotations

import os
import select
import time

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from styxy.client.daemon.http_reply import MalformedReply, ReplyReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Mapping, Sequence

START_EVENTS = ("SessionStart", "sessionStart", "session_start", "session.created")
"""How the agents name the start of a session, which alone may start the daemon."""

INPUT_PATIENCE = 1.0
"""Seconds for standard input: an agent writes at once, and closes."""

USUAL_PATIENCE = 0.08
"""Seconds for everything after standard input; no agent may notice its hooks."""

START_PATIENCE = 0.9
"""The same at the start of a session: a second, less what the interpreter took to start."""

MAX_PAYLOAD = 4 * 1024 * 1024
"""Bytes of standard input: an agent's tool may have printed a good deal."""

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer; a rewritten command may be long."""

_LONGEST_NAME = 64
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_BLOCK = 65536
_PIECE = 4096  # PIPE_BUF: where poll(2) says that a pipe takes something, it takes as much


def run_hook(words: Sequence[str], env: Mapping[str, str]) -> int:
    """Answer one event, silent on every failure. `words` are the agent and the event."""
    try:
        if len(words) == 2 and all(map(_is_name, words)) and _has_streams():
            _answer(words[0], words[1], env)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - whatever failed, the agent goes on
        return 0
    return 0


def _answer(agent: str, event: str, env: Mapping[str, str]) -> None:
    payload = _read_input(time.monotonic() + INPUT_PATIENCE)
    if not payload:
        return
    is_start = event in START_EVENTS
    deadline = time.monotonic() + (START_PATIENCE if is_start else USUAL_PATIENCE)
    connection = Connection(Paths(env), answer_patience=_left(deadline))
    link = connection.try_connect()
    if link is None and is_start:
        link = _start_daemon(connection, env, deadline)
    if link is None:
        return
    try:
        answer = _exchange(link, _request(agent, event, payload), deadline)
    finally:
        link.close()
    _print(answer, deadline)


def _is_name(word: str) -> bool:
    """Whether a word can stand in a path as it is."""
    return 0 < len(word) <= _LONGEST_NAME and _ALLOWED.issuperset(word) and word[0] not in ".-"


def _has_streams() -> bool:
    """Whether there is somebody to read from and to print to.

    A closed standard output is not opened again by the next file that we open. A person who tries a
    hook by hand must not have to end the input.
    """
    os.fstat(1)
    return not os.isatty(0)


def _left(deadline: float) -> float:
    """Return the seconds that are left. Raises `TimeoutError` if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read_input(deadline: float) -> bytes:
    """Read standard input to its end; nothing if it is too long. Raises `TimeoutError`."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    payload = bytearray()
    while len(payload) <= MAX_PAYLOAD:
        if not poll.poll(_left(deadline) * 1000):
            continue
        data = os.read(0, _BLOCK)
        if not data:
            return bytes(payload)
        payload += data
    return b""


def _start_daemon(
    connection: Connection, env: Mapping[str, str], deadline: float
) -> _socket.socket | None:
    """Start the daemon, and connect to it if it is quick; else it will be there for the next event.

    Raises `DaemonUnreachable`.
    """
    from styxy.client.daemon.starting import start_once

    connection.refuse_elsewhere()
    start_once(connection, env, patience=_left(deadline))
    return connection.try_connect()


def _request(agent: str, event: str, payload: bytes) -> bytes:
    head = (
        f"POST /hooks/{agent}/{event} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


def _exchange(link: _socket.socket, request: bytes, deadline: float) -> bytes:
    """Send a request, and return the body of an answer with status 200, else nothing.

    Raises `OSError` or `MalformedReply`. A body without a length is no answer: if the daemon was
    killed in the middle of it, nobody could tell.
    """
    link.settimeout(_left(deadline))
    link.sendall(request)
    reader = ReplyReader()
    while reader.reply is None:
        link.settimeout(_left(deadline))
        data = link.recv(_BLOCK)
        if not data:
            raise MalformedReply("the connection ended early")
        reader.feed(data)
    is_answer = reader.reply.status == 200 and len(reader.reply.body) <= MAX_ANSWER
    return reader.reply.body if is_answer else b""


def _print(answer: bytes, deadline: float) -> None:
    """Write to standard output, never waiting for a reader longer than until `deadline`."""
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    left = memoryview(answer)
    while left:
        if poll.poll(0) or poll.poll(_left(deadline) * 1000):
            left = left[os.write(1, left[:_PIECE]) :]
