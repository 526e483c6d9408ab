"""A real program in our hands: what it says, line by line, and its end, with all of its children.

Nothing here sleeps. A wait ends with a line of output, with the end of the program, or with a
deadline that only a hang can reach, and then fails with everything that the program has said.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

PATIENCE = 60.0
"""Seconds; no test waits so long, but a machine with a busy neighbour may come near."""

_CHUNK = 65536


class Stream:
    """Collect what comes out of one descriptor, in a thread of its own."""

    def __init__(self, descriptor: int, said: threading.Condition) -> None:
        self.content = b""
        self.has_ended = False
        self._descriptor = descriptor
        self._said = said
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """What was said until now."""
        return self.content.decode(errors="replace")

    def wait_text(self, text: str) -> bool:
        """Wait until a text was said, or can be said no more."""
        wanted = text.encode()
        with self._said:
            self._said.wait_for(lambda: wanted in self.content or self.has_ended, PATIENCE)
        return wanted in self.content

    def wait_end(self) -> None:
        """Wait until nobody can say any more."""
        with self._said:
            self._said.wait_for(lambda: self.has_ended, PATIENCE)

    def close(self) -> None:
        """Wait for the end of the output, which comes with the last process that holds it."""
        self._thread.join(PATIENCE)
        os.close(self._descriptor)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, _CHUNK)
            except OSError:  # EIO: the last holder of a terminal has gone (pty(7))
                data = b""
            with self._said:
                self.content += data
                self.has_ended = not data
                self._said.notify_all()
            if not data:
                return


class Running:
    """A program that runs in a session of its own, so that its whole tree can be ended."""

    def __init__(
        self,
        words: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        terminal: int | None = None,
    ) -> None:
        """`terminal` takes the place of standard output; what it shows is not ours to read."""
        self._said = threading.Condition()
        own_out, out = os.pipe() if terminal is None else (-1, os.dup(terminal))
        own_err, err = os.pipe()
        self.process = subprocess.Popen(
            [str(word) for word in words],
            cwd=cwd, env=env, stdin=stdin, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
        os.close(out)
        os.close(err)
        self._streams = {"stderr": Stream(own_err, self._said)}
        if own_out >= 0:
            self._streams["stdout"] = Stream(own_out, self._said)

    @property
    def pid(self) -> int:
        """The leader of the tree; `styxy run` becomes the program, so this is the program."""
        return self.process.pid

    @property
    def stdout(self) -> str:
        """What the program wrote to standard output."""
        return self._streams["stdout"].text

    @property
    def stderr(self) -> str:
        """What the program wrote to standard error."""
        return self._streams["stderr"].text

    def wait_line(self, pattern: str, *, stream: str = "stderr") -> re.Match[str]:
        """Wait for a whole line that matches, and fail where the output ends without it."""
        source = self._streams[stream]
        line = re.compile(rf"^{pattern}$\r?\n", re.MULTILINE)

        def found() -> bool:
            return line.search(source.text) is not None or source.has_ended

        with self._said:
            self._said.wait_for(found, PATIENCE)
        match = line.search(source.text)
        if match is None:
            pytest.fail(f"no line {pattern!r} on {stream}\n{self}")
        return match

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, as its user would, not to its tree."""
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the program's end, and for the last word of its tree; gives its exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            pytest.fail(f"does not end\n{self}")
        with self._said:
            self._said.wait_for(lambda: all(each.has_ended for each in self._streams.values()), 5)
        return status

    def end(self) -> None:
        """Kill what is left of the tree."""
        with contextlib.suppress(ProcessLookupError):  # nothing is left
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        for stream in self._streams.values():
            stream.close()

    def __str__(self) -> str:
        """Show the program and its words, for a failure."""
        parts = [f"{self.process.args!r} (status {self.process.poll()})"]
        parts += [f"--- {name}\n{stream.text}" for name, stream in self._streams.items()]
        return "\n".join(parts)


@contextlib.contextmanager
def running(
    words: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    terminal: int | None = None,
) -> Iterator[Running]:
    """Run a program; nothing of it is left afterwards."""
    program = Running(words, cwd=cwd, env=env, stdin=stdin, terminal=terminal)
    try:
        yield program
    finally:
        program.end()
