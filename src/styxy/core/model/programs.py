"""Programs that find their own way if a port is taken, and what was learned of a program.

The journal's codec reads the annotations at run time, so the names in them are real imports.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from styxy.core.model.ports import Port

ENOUGH = 2
"""Pieces of evidence from which a program is steered: one may be an accident."""

MOST_STEPS = 100
"""How far a program goes from the number that it asked for first (jupyter-server, vite)."""

SIDE_PORTS = frozenset({9229, 24678, 35729})
"""Node's inspector, Vite's and LiveReload's sockets: a tool that steps does not step there."""

Learned = Literal["steered", "moved"]
"""It finds its own way; it has failed to, and is moved."""

Sign = Literal["bound another port", "exited"]


class ProgramId(Struct, frozen=True, kw_only=True):
    """A program: its executable, and what that runs.

    `script` is a canonical path; a module (`-m http.server`), archive (`-jar /srv/x.jar`) or main
    class (`-main Shop`); or "" for a program that is no interpreter.
    """

    executable: str
    script: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """One time that a program compared: it was moved from `asked` to `got`, read that it was, and
    closed the socket at once. Then it bound another port or exited: `number` is port or status.
    """

    sign: Sign
    number: int
    asked: Port
    got: Port
    project: str | None
    at: float


class Program(Struct, frozen=True, kw_only=True):
    """What is known of a program, under the name that people use.

    `has_failed`: told that its port is taken, it exited without listening. Nothing is learned of it
    any more.
    """

    id: ProgramId
    name: str
    evidence: tuple[Evidence, ...] = ()
    has_failed: bool = False

    @property
    def learned(self) -> Learned | None:
        """What follows from it; None while there is too little evidence."""
        if self.has_failed:
            return "moved"
        return "steered" if len(self.evidence) >= ENOUGH else None

    @property
    def is_prober(self) -> bool:
        """Whether it is known to try a port, and to close the socket again."""
        return len(self.evidence) >= ENOUGH

    @property
    def last_seen(self) -> float:
        """When the newest evidence was found; seconds since the epoch."""
        return max((each.at for each in self.evidence), default=0.0)
