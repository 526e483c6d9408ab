"""What the programs of each repo have asked for, as listeners and questions show it.

What is new waits here until it is written down: the port map is refreshed at moments when nothing
may be committed. What is remembered is the desk's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.decisions.asked_ports import asked_at
from styxy.core.model.leases import Owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.decisions.asked_ports import Place
    from styxy.core.decisions.desk import Desk
    from styxy.core.model.ports import Port, PortRange


class AskedPorts:
    """Collect who asked for what. `repo_of` returns the key of a project's repo, 0 if it has none;
    `ephemeral` are the ports that the kernel gives to a bind of port 0."""

    def __init__(self, desk: Desk, *, ephemeral: PortRange, repo_of: Callable[[str], int]) -> None:
        self._desk = desk
        self._ephemeral = ephemeral
        self._repo_of = repo_of
        self._new: dict[tuple[int, Port], None] = {}

    def ask(self, project: str | None, port: Port) -> None:
        """Note that a program of a project asked for a port by its number."""
        if project is not None:
            self._new[self._repo_of(project) or Owner(project=project).key, port] = None

    def see(self, place: Place, *, asker: int) -> bool:
        """Note what a server asked for; return whether its port is one that `asker`, the key of
        its repo or project, has asked for."""
        number = asked_at(place, ephemeral=self._ephemeral, is_default=_is_default)
        if number is not None:
            self._new[asker, number] = None
        return number == place.port or (asker, place.port) in self._desk.remembered.asked

    def asked_by(self, project: str | None) -> frozenset[int]:
        """Return the ports that a project's repo has asked for."""
        if project is None:
            return frozenset()
        asker = self._repo_of(project) or Owner(project=project).key
        return self._desk.remembered.asked_by(asker)

    @property
    def new(self) -> tuple[tuple[int, Port], ...]:
        """What was noted and is not written down yet."""
        return tuple(self._new)

    def clear(self) -> None:
        """Drop what was noted: it is written down."""
        self._new.clear()


def _is_default(port: Port) -> bool:
    # Imported here: the table of tools takes 10 ms, and many daemons never need it.
    from styxy.core.commands.conduct import default_ports

    return port in default_ports()
