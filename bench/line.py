"""How long the native library waits for an answer: the line socket, as a guest uses it.

Each question has its own connection, because a guest keeps no descriptor open.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from bench.http_client import HttpClient
from bench.installation import CannotMeasure, Installation
from bench.rows import Row, row, timed
from styxy.core.decisions.requests import Reason
from styxy.core.model.ports import Port
from styxy.core.protocol.wire import VERSION, BindQuestion, quote

ROUNDS = 200
WARM_UP = 20


def measure(installation: Installation) -> Iterator[Row]:
    """Ask where to go from a busy port: for the first time (a new lease), and once more."""
    new: list[float] = []
    same: list[float] = []
    client = HttpClient(installation, unix=True, keep=True)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = Port(busy.getsockname()[1])
        for turn in range(WARM_UP + ROUNDS):
            question = written(installation, port=port, image_id=turn + 1)
            new.append(ask(installation, question))
            same.append(ask(installation, question))
            release_all(client)
    client.close()
    yield row("bind question, new lease on disk (line socket)", new[WARM_UP:])
    yield row("bind question, asked again (line socket)", same[WARM_UP:])


def written(installation: Installation, *, port: Port, image_id: int) -> bytes:
    """The line of a guest whose bind said EADDRINUSE."""
    reason: Reason = "inuse"
    return format_question(
        BindQuestion(
            protocol="tcp",
            family=4,
            port=port,
            address="127.0.0.1",
            reason=reason,
            lost=None,
            image_id=f"{image_id:016x}",
            instance_id="default",
            service_type=None,
            project=str(installation.home),
        )
    )


def format_question(question: BindQuestion) -> bytes:
    """Write a question as the native library does."""
    fields = (
        VERSION,
        "bind",
        question.protocol,
        str(question.family),
        str(question.port),
        question.address,
        question.reason,
        str(question.lost or 0),
        question.image_id,
        quote(question.instance_id),
        quote(question.service_type or ""),
        quote(question.project or ""),
        *([] if question.pid is None else [str(question.pid)]),
    )
    return " ".join(fields).encode("ascii") + b"\n"


def ask(installation: Installation, question: bytes) -> float:
    """Seconds of connect, one line out, one line back."""
    took, answer = timed(lambda: one_line(installation.line_socket, question))
    if not answer.startswith(b"styxy/1 move "):
        raise CannotMeasure(f"the daemon answered {answer!r} to a bind question")
    return took


def one_line(path: str, line: bytes) -> bytes:
    """Speak once over a new connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(line)
        answer = b""
        while not answer.endswith(b"\n"):
            part = connection.recv(8192)
            if not part:
                break
            answer += part
    return answer


def release_all(client: HttpClient) -> None:
    """Give every lease back, so that the range never fills; not timed."""
    held = client.ask("GET", "/allocations")["allocations"]
    assert isinstance(held, list)
    for lease in held:
        client.ask("DELETE", f"/allocate/{lease['lock_id']}")
