"""Who is on a port, as seen from one session, and how that is said in a sentence.

Agents read these words and act on them, so they name what is certain and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Whose = Literal["own", "other project", "other session", "unknown"]
"""`own`: this session may end it. `unknown`: no project and no session is known."""

LONGEST_PROGRAM = 40
"""Characters of a program's name in a sentence."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """What is on a port: a listener or a lease, and whose it is.

    `project` and `session` are as people write them, `session` the agent's name and the beginning
    of its id. `seconds` is how long it has been there; None if that is unknown. `is_left`: the
    session that started it has ended.
    """

    port: int
    whose: Whose
    program: str = ""
    pid: int | None = None
    project: str | None = None
    session: str | None = None
    seconds: float | None = None
    is_listening: bool = True
    is_left: bool = False

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://localhost:{self.port}"


def described(occupant: Occupant) -> str:
    """Name an occupant: `vite (pid 4711) of ~/shop, running for 12 min`."""
    return f"{named(occupant)}{_age(occupant)}"


def named(occupant: Occupant) -> str:
    """Name an occupant without its age: `vite (pid 4711) of ~/shop`."""
    program = printable(occupant.program, LONGEST_PROGRAM) or "a process"
    pid = f" (pid {occupant.pid})" if occupant.pid is not None else ""
    return f"{program}{pid}{_owner(occupant)}"


def _owner(occupant: Occupant) -> str:
    match occupant.whose:
        case "own":
            return " of this project"
        case "other session":
            return f" of another agent session ({occupant.session or 'unknown'})"
        case "other project":
            return f" of {printable(occupant.project or 'another project', 200)}"
        case _:
            return ", which belongs to no project that Styxy knows"


def _age(occupant: Occupant) -> str:
    return f", running for {duration(occupant.seconds)}" if occupant.seconds is not None else ""


def duration(seconds: float) -> str:
    """Format a duration with its largest unit: `12 min`."""
    whole = max(int(seconds), 0)
    for size, unit in _UNITS:
        if whole >= size:
            return f"{whole // size} {unit}"
    return "less than 1 s"


def printable(text: str, longest: int) -> str:
    """Return text that stays on one line and gives a terminal no orders."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown if len(shown) <= longest else f"…{shown[1 - longest :]}"
