"""What a program does on a port that it cannot have: it ends, waits, or serves somewhere.

It is only looked at. Its tree is a session (setsid(2)), and a port is its own where a process of
that session listens on it and answers as the program does.
"""

from __future__ import annotations

import contextlib
import operator
import re
import struct
import time
from dataclasses import dataclass
from http.client import HTTPException

from tests.programs.developing.activity import PATIENCE, Activity
from tests.programs.developing.asking import places_of
from tests.programs.developing.opening import Browser
from tests.programs.program import Program, spoken
from tests.programs.program_list import port_lines
from tests.programs.running import Running

_WITHOUT_A_WORD = 30.0
"""Seconds of rest after which a program that neither serves nor ends counts as one that waits."""

_AFTER_A_WORD = 5.0
"""The same where it has said that the port is taken; its next try may be a second away."""

_FOR_ITS_PORT = 2.0
"""Seconds of rest after which a program that serves prints no port any more."""

_FOR_ITS_PAGE = 10.0
"""The same for one that opens a browser, which some do five seconds after they serve."""

_FOR_ITS_END = 5.0
"""The same for one that its user has asked to end."""

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
    def is_unsettled(self) -> bool:
        """Whether it met the conflict as without Styxy, which a busy machine can cause."""
        return any(" was not moved: " in line for line in self.notices)

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
    activity = Activity(server.pid, lambda: _said(server))
    port = _served(server, subject, activity, expected={content, str(server.pid)})
    prints: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    if port is not None:
        activity.wait(lambda: _prints(server, port), rest=_FOR_ITS_PORT)
        prints = port_lines(_said(server), asked=asked, got=port, settled=_settled)
    if port is not None and browser is not None:
        activity.wait(lambda: browser.opened() != "", rest=_FOR_ITS_PAGE)
        opens = port_lines(browser.opened(), asked=asked, got=port, settled=_settled)
    return Outcome(asked, port, server.process.poll(), prints, _said(server), opens)


def end(server: Running, subject: Program) -> None:
    """Ask a program to end, as its user does; what does not hear is killed by its owner."""
    if server.process.poll() is None:
        activity = Activity(server.pid, lambda: _said(server))
        subject.end(server)
        activity.wait(lambda: server.process.poll() is not None, rest=_FOR_ITS_END)


def _said(server: Running) -> str:
    return f"{server.stdout}\n{server.stderr}"


def _settled(line: str) -> str:
    """Take out of a line what no two runs share."""
    return _VARYING.sub("~", line)


def _served(
    server: Running, subject: Program, activity: Activity, *, expected: set[str]
) -> int | None:
    """Wait for the port at which a program answers; None: it has ended, or goes on without."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        places = places_of(server.pid)
        for address, port in sorted(places, key=operator.itemgetter(1)):
            if address in subject.addresses and _answers(subject, address, port, expected):
                return port
        if server.process.poll() is not None and not places:
            server.wait()
            return None
        if activity.rest() > (_AFTER_A_WORD if _complains(server) else _WITHOUT_A_WORD):
            return None
        time.sleep(_PAUSE)
    return None


def _complains(server: Running) -> bool:
    said = _said(server)
    return _NOTICE.search(said) is None and _TAKEN.search(said) is not None


def _answers(subject: Program, address: str, port: int, expected: set[str]) -> bool:
    # A side port speaks another language, or none; a server that starts may hang up.
    with contextlib.suppress(OSError, HTTPException, ValueError, EOFError, struct.error):
        return spoken(subject.ask(address, port)) in expected
    return False


def _prints(server: Running, port: int) -> bool:
    number = re.compile(rf"\b{port}\b")
    said = _said(server).splitlines()
    return any(number.search(line) for line in said if "STYXY" not in line)
