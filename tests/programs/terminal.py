"""A terminal for a program: what it shows, and what somebody types."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.programs.running import Stream

AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Become a program whose session has standard input as its terminal, as a shell's children have."""

INTERRUPT = b"\x03"


class Terminal:
    """The two ends of a pseudo-terminal (pty(7))."""

    def __init__(self) -> None:
        self._own, self.theirs = pty.openpty()
        self._said = threading.Condition()
        self._stream = Stream(self._own, self._said)

    @property
    def lines(self) -> list[str]:
        """What the terminal shows, up to the program's end."""
        self._stream.wait_end()
        return self._stream.text.splitlines()

    def wait_text(self, text: str) -> None:
        """Wait until the terminal shows a text."""
        assert self._stream.wait_text(text), self._stream.text

    def type(self, keys: bytes) -> None:
        """Type as a person does."""
        os.write(self._own, keys)

    def hang_up(self) -> None:
        """Close the program's end that is ours; the program's own stays open."""
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1

    def close(self) -> None:
        """Close both ends."""
        self.hang_up()
        self._stream.close()


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    """Open a terminal, and close it once its program has ended."""
    made = Terminal()
    try:
        yield made
    finally:
        made.close()


def at_terminal(words: Sequence[str | Path]) -> list[str | Path]:
    """Put a command into the foreground of the terminal that is its standard input."""
    return [sys.executable, "-c", AT_TERMINAL, *words]
