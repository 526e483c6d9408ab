"""A model that does what a script says and remembers all that it was shown.

It listens on a port of loopback that the kernel picks, speaks the four APIs of
`tests.agents.dialects`, and takes one step of its script for each answer: as many steps as the
conversation has results of tools are over. So an agent may repeat a request, or ask something
beside the conversation, and the script does not slip.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.agents.dialects import Body, Dialect, ToolCall, dialect_at, shell_call, texts

Action = str | ToolCall
"""A shell command, or a call of any other tool of the agent."""

Step = Action | Callable[["Model"], Action]
"""An action, or what makes one of all that the model has seen; it may wait for something."""

_POLL = 0.02
"""Seconds after which the server notices that it is to end."""

_MODELS = {"object": "list", "data": [{"id": "mock", "object": "model", "owned_by": "us"}]}


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of the conversation: how many results it has, and every text in it."""

    results: int
    texts: tuple[str, ...]


@dataclass(slots=True)
class Model:
    """Serve one agent's session; as a context manager, from first to last request.

    Whatever a step raises is kept, ends the script, and is raised anew at the exit.
    """

    script: Sequence[Step]
    turns: list[Turn] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    _server: _Server | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Model:
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.failures:
            raise self.failures[0]

    @property
    def url(self) -> str:
        """Where it answers, without a slash in the end."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def is_through(self) -> bool:
        """Whether the agent has brought the result of the last step."""
        return any(turn.results >= len(self.script) for turn in self.turns)

    def saw(self, text: str) -> bool:
        """Tell whether a text stood in any request."""
        return any(text in each for turn in self.turns for each in turn.texts)

    def shown(self, results: int) -> list[str]:
        """List what was new when the conversation had so many results: 0 is the first request.

        A text that an earlier turn had once and this one has twice is new.
        """
        before, now = Counter[str](), Counter[str]()
        for turn in self.turns:
            if turn.results < results:
                before |= Counter(turn.texts)
            elif turn.results == results:
                now |= Counter(turn.texts)
        return list(now - before)

    def told(self, first: int, *wanted: str, last: int | None = None) -> str:
        """Find the paragraph that was new in one of some turns and has all that is wanted."""
        turns = range(first, (first if last is None else last) + 1)
        new = [text for results in turns for text in self.shown(results)]
        paragraphs = [each.strip() for text in new for each in text.split("\n\n")]
        found = [each for each in paragraphs if all(word in each for word in wanted)]
        assert found, f"nothing with {wanted} in turn {first}:\n" + "\n---\n".join(new)
        return found[0]

    def answer(self, dialect: Dialect, body: Body) -> ToolCall | None:
        """Take the step that is due; None where the script is over or the agent offers no shell."""
        tools = list(dialect.tools(body))
        if shell_call("", tools) is None:
            return None
        results = dialect.results(body)
        with self._lock:
            self.turns.append(Turn(results, tuple(texts(body))))
        if self.failures or results >= len(self.script):
            return None
        try:
            action = _action(self.script[results], self)
        except BaseException as failure:  # noqa: BLE001, raised anew at the exit
            self.failures.append(failure)
            return None
        return shell_call(action, tools) if isinstance(action, str) else action


def _action(step: Step, model: Model) -> Action:
    return step if isinstance(step, str | ToolCall) else step(model)


class _Server(ThreadingHTTPServer):
    """Listen for one model, and let it know of a handler that failed."""

    daemon_threads = True

    def __init__(self, model: Model) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what went wrong; an agent that hangs up before it has its answer may do so."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.model.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    """Carry requests to the model and its answers back."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    def do_HEAD(self) -> None:
        """Say that somebody is here."""
        self._send("application/json", b"")

    def do_GET(self) -> None:
        """Name the models."""
        self.server.model.asked.append(self.path)
        known = _MODELS if "models" in self.path else {}
        self._send("application/json", json.dumps(known).encode())

    def do_POST(self) -> None:
        """Answer as the script says; what is no question to a model gets an empty object."""
        self.server.model.asked.append(self.path)
        raw = self._body()
        path = self.path.partition("?")[0]
        dialect = dialect_at(path)
        if dialect is None:
            counted = {"input_tokens": 1, "totalTokens": 1} if "ount" in path else {}
            self._send("application/json", json.dumps(counted).encode())
            return
        body = json.loads(raw)
        reply = dialect.reply(body, self.server.model.answer(dialect, body))
        self._send(reply.kind, reply.text.encode())

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            raw = b"".join(iter(self._chunk, b""))
        else:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        coding = self.headers.get("content-encoding", "identity")
        assert coding in ("identity", "gzip"), coding
        return gzip.decompress(raw) if coding == "gzip" else raw

    def _chunk(self) -> bytes:
        """Read one chunk (RFC 9112 section 7.1); the last one is empty."""
        size = int(self.rfile.readline().partition(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _send(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
