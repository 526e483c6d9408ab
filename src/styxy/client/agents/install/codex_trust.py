"""The trust that Codex wants for each hook, given through its own app server.

The server is asked for what it calls a hook and for the hash that it wants: neither is computed
here. It speaks JSON lines on standard input and output.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from styxy import __version__
from styxy.core.errors import Conflict, Unavailable

PATIENCE = 20.0
"""Seconds for the whole conversation; a start on a busy machine takes two."""

TRUSTED = ("trusted", "managed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook of ours as Codex sees it."""

    key: str
    current_hash: str
    trust: str

    @property
    def is_trusted(self) -> bool:
        """Tell whether Codex runs it."""
        return self.trust in TRUSTED


class AppServer:
    """A conversation with `codex app-server`. Every method raises `Unavailable` if it fails.

    `directory` is where a session would run, for projects have hooks of their own.
    """

    def __init__(
        self, program: str, env: Mapping[str, str], *, directory: str, patience: float = PATIENCE
    ) -> None:
        self._directory = directory
        self._deadline = time.monotonic() + patience
        self._number = 0
        self._rest = b""
        try:
            self._process = subprocess.Popen(
                [program, "app-server"],
                env=dict(env),
                cwd=directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"cannot start {program}: {error.strerror}") from None

    def __enter__(self) -> AppServer:
        try:
            client = {"name": "styxy", "title": "Styxy", "version": __version__}
            self._ask("initialize", {"clientInfo": client})
            self._send({"method": "initialized"})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # The whole session: npm's `codex` is a script that starts the program.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # it has not read everything
                pipe.close()

    def hooks(self, file: str, commands: Collection[str]) -> list[Hook]:
        """List those hooks of a file that run exactly one of `commands`.

        A project may bring hooks that only look like ours.
        """
        answer = self._ask("hooks/list", {"cwds": [self._directory]})
        found = [hook for entry in answer.get("data", []) for hook in entry.get("hooks", [])]
        return [
            Hook(
                key=str(hook.get("key")),
                current_hash=str(hook.get("currentHash")),
                trust=str(hook.get("trustStatus")),
            )
            for hook in found
            if hook.get("command") in commands
            and os.path.realpath(str(hook.get("sourcePath"))) == os.path.realpath(file)
        ]

    def trust(self, file: str, commands: Collection[str]) -> None:
        """Trust those hooks. Raises `Conflict` if Codex does not take it."""
        wanted = [hook for hook in self.hooks(file, commands) if not hook.is_trusted]
        if wanted:
            value = {hook.key: {"trusted_hash": hook.current_hash} for hook in wanted}
            edit = {"keyPath": "hooks.state", "value": value, "mergeStrategy": "upsert"}
            self._ask(
                "config/batchWrite", {"edits": [edit], "filePath": None, "expectedVersion": None}
            )
        hooks = self.hooks(file, commands)
        if not hooks or not all(hook.is_trusted for hook in hooks):
            raise Conflict("Codex did not take the trust; start codex and type /hooks")

    def _ask(self, method: str, params: object) -> dict[str, Any]:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self._number and "method" not in message:
                break
        if "error" in message:
            reason = message["error"].get("message")
            raise Unavailable(f"codex app-server refused {method}: {reason}")
        result = message.get("result")
        return result if isinstance(result, dict) else {}

    def _send(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._silent() from None

    def _next(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            self._rest += self._more()
        line, self._rest = self._rest.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError:
            return {}  # a line of a log
        return message if isinstance(message, dict) else {}

    def _more(self) -> bytes:
        assert self._process.stdout is not None
        left = max(0.0, self._deadline - time.monotonic())
        if not select.select([self._process.stdout], [], [], left)[0]:
            raise self._silent()
        more = os.read(self._process.stdout.fileno(), 65536)
        if not more:
            raise self._silent()
        return more

    def _silent(self) -> Unavailable:
        return Unavailable("codex app-server gives no answer; start codex and type /hooks")
