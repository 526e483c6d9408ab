"""What a program does by itself beside what it does under Styxy: where it is worse, and its row.

The cells are what was seen, in a few words; only the lines that the program prints are its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.programs.developing.observing import Outcome

COLUMNS = ("by itself", "under Styxy", "prints and opens", "two worktrees", "restart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was seen of a program on a taken port, there again, and in two worktrees at once.

    `free` and `beside` are its first and its second instance in two worktrees, and `home` is the
    free port that both asked for.
    """

    alone: Outcome
    under: Outcome
    again: Outcome
    home: int
    free: Outcome
    beside: Outcome

    def __str__(self) -> str:
        """Show all that was seen, for a failure."""
        named = ("alone", "under", "again", "free", "beside")
        return "\n\n".join(f"{name}: {getattr(self, name)}" for name in named)

    @property
    def faults(self) -> list[str]:
        """Say in what it does worse under Styxy."""
        serves = self.under.port is not None
        found = {
            "serves by itself, but not under Styxy": self.alone.port is not None and not serves,
            "ends without a word of Styxy": not serves and not self.under.notices,
            "was not moved, for the daemon was not to be had": self.under.is_unsettled,
            "is said to have moved, and does not serve": not serves and self.under.is_moved,
            "is spoken of more than once": len(self.under.notices) > 1,
            "names its port by itself, but not under Styxy": (
                serves and self.alone.names_its_port and not self.under.names_its_port
            ),
            "opens its own page by itself, but not under Styxy": (
                serves and _is_own(self.alone.opens) and not _is_own(self.under.opens)
            ),
            "is not at its place again": serves and not self._is_again_there,
            "is spoken of on a free port": self.free.notices != [],
            "does not serve on a free port": self.free.port != self.home,
            "does not serve in two worktrees": serves and self.beside.port is None,
        }
        return [fault for fault, holds in found.items() if holds]

    @property
    def cells(self) -> tuple[str, ...]:
        """Fill the columns."""
        is_beside = self.free.port == self.home and self.beside.port is not None
        return (
            _did(self.alone),
            _did(self.under),
            "<br>".join([*map(_code, self.under.prints), *self._opened()]) or "nothing",
            "✓" if is_beside else self._or_neither(),
            "✓" if self._is_again_there else self._or_neither(),
        )

    def _opened(self) -> list[str]:
        return [f"opens {_code(address)}" for address in self.under.opens]

    @property
    def _is_again_there(self) -> bool:
        return self.under.port is not None and self.again.port == self.under.port

    def _or_neither(self) -> str:
        """A program that is not moved, by intention, serves in one place only."""
        return "one only" if self.under.port is None and self.under.notices else "**fails**"


def _did(outcome: Outcome) -> str:
    """Say in a few words what a program did."""
    if outcome.port is None:
        last = ", told what to type" if outcome.notices else ""
        return f"waits{last}" if outcome.status is None else f"ends ({outcome.status}){last}"
    if outcome.is_moved:
        return "moved"
    if outcome.port == outcome.asked:
        return "serves beside it"
    printed = "prints its port" if outcome.names_its_port else "does not print it"
    return f"takes another, {printed}"


def _is_own(opened: tuple[str, ...]) -> bool:
    """Whether a browser was sent to the port that the program has."""
    return any("NEW" in address for address in opened)


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`"
