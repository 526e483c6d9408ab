"""What a program does on a port that it cannot have: it ends, waits, or serves somewhere.

It is only looked at. Its tree is a session (setsid(2)), and a port is its own where a process of
that session listens on it and answers as the program does.
"""

from __future__ import annotations

import contextlib
import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException

from tests.programs.developing.asking import ports_of
from tests.programs.developing.opening import Browser
from tests.programs.program import Program, spoken
from tests.programs.program_list import port_lines
from tests.programs.running import Running

_PATIENCE = 90.0
"""Seconds until a program that neither serves nor ends counts as one that waits."""

_AFTER_A_WORD = 5.0
"""Seconds from the moment at which it says that the port is taken."""

_FOR_ITS_PORT = 2.0
"""Seconds from the first answer in which it may print where it serves."""

_FOR_ITS_PAGE = 10.0
"""Seconds in which one that opens a browser does so."""

_PAUSE = 0.05
_TAKEN = re.compile(r"EADDRINUSE|in use|already (?:running|used|listening)|unavailable", re.I)
_VARYING = re.compile(
    r"/[^\s\"']*/pytest-[^\s\"']*|\d{4}[-/]\d\d[-/]\d\d[ T]?[\d:.,]*(?: ?[+-]\d{4}|Z)?"
    r"|\b\d+:\d\d:\d\d[\d:.]*(?: [AP]M)?|(?<=\[)\d+(?=\])|(?<=pid[:= ])\d+|(?<=PID )\d+"
    r"|(?<=://)(?!localhost\b|127\.|0\.0\.0\.0|\[::)(?:[\w.-]+|\[[\da-f:]+\])(?=:)"
)
_NOTICE = re.compile(r"✓ STYXY: Port \d+ .+?, (?:auto-assigned port|\S+ took) (?P<got>\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program did with the port `asked`; `port` is where it served, if anywhere.

    `status` is its exit status, if it ended by itself. `prints` are its lines that name a port, and
    `opens` the addresses that it opened in a browser.
    """

    asked: int
    port: int | None
    status: int | None
    prints: tuple[str, ...]
    said: str
    opens: tuple[str, ...] = ()

    @property
    def notices(self) -> list[str]:
        """The lines of Styxy."""
        return [line for line in self.said.splitlines() if "STYXY" in line]

    @property
    def is_moved(self) -> bool:
        """Whether it believes that it has the port that it asked for."""
        return any(", auto-assigned port " in line for line in self.notices)

    @property
    def names_its_port(self) -> bool:
        """Whether it prints the port that it has, and that is not the one that it asked for."""
        return self.port != self.asked and any("NEW" in line for line in self.prints)

    def __str__(self) -> str:
        """Show all of it, for a failure."""
        return f"asked {self.asked}, serves {self.port}, status {self.status}\n{self.said[-1500:]}"


def observe(
    server: Running,
    subject: Program,
    *,
    content: str,
    asked: int,
    browser: Browser | None = None,
) -> Outcome:
    """Wait for what a program does, and for what it prints and opens of it."""
    port = _served(server, subject, {content, str(server.pid)})
    prints: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    if port is not None:
        _wait_printed(server, port)
        prints = port_lines(_said(server), asked=asked, got=port, settled=_settled)
    if port is not None and browser is not None:
        _within(_FOR_ITS_PAGE, lambda: browser.opened() != "")
        opens = port_lines(browser.opened(), asked=asked, got=port, settled=_settled)
    return Outcome(asked, port, server.process.poll(), prints, _said(server), opens)


def end(server: Running, subject: Program) -> None:
    """Ask a program to end, as its user does; what does not hear is killed by its owner."""
    if server.process.poll() is None:
        subject.end(server)
        _within(_AFTER_A_WORD, lambda: server.process.poll() is not None)


def _said(server: Running) -> str:
    return f"{server.stdout}\n{server.stderr}"


def _settled(line: str) -> str:
    """Take out of a line what no two runs share."""
    return _VARYING.sub("~", line)


def _served(server: Running, subject: Program, expected: set[str]) -> int | None:
    """Wait for the port at which a program answers; None: it has ended, or goes on without."""
    deadline = time.monotonic() + _PATIENCE
    has_complained = False
    while time.monotonic() < deadline:
        for port in sorted(ports_of(server.pid)):
            if _answers(subject, port, expected):
                return port
        if server.process.poll() is not None and not ports_of(server.pid):
            server.wait()
            return None
        if not has_complained and _complains(server):
            has_complained = True
            deadline = time.monotonic() + _AFTER_A_WORD
        time.sleep(_PAUSE)
    return None


def _complains(server: Running) -> bool:
    said = _said(server)
    return _NOTICE.search(said) is None and _TAKEN.search(said) is not None


def _answers(subject: Program, port: int, expected: set[str]) -> bool:
    for address in subject.addresses:
        # A side port speaks another language, or none; a server that starts may hang up.
        with contextlib.suppress(OSError, HTTPException, ValueError, EOFError, struct.error):
            if spoken(subject.ask(address, port)) in expected:
                return True
    return False


def _wait_printed(server: Running, port: int) -> None:
    number = re.compile(rf"\b{port}\b")

    def is_printed() -> bool:
        said = _said(server).splitlines()
        return any(number.search(line) for line in said if "STYXY" not in line)

    _within(_FOR_ITS_PORT, is_printed)


def _within(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait for a condition, but no longer."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
