"""Why a bind was moved, in the words of the notice: who has the port, or whom it is promised to."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from styxy.core.decisions.requests import Moved
from styxy.core.model.leases import IN_USE
from styxy.core.model.projects import shortest_end
from styxy.core.protocol.move_words import MoveWords, printable_name

if TYPE_CHECKING:
    from styxy.core.decisions.desk import Desk
    from styxy.core.decisions.requests import MoveAnswer, MoveRequest
    from styxy.core.model.leases import Owner
    from styxy.core.model.ports import Port
    from styxy.server.world.context import Context

SELF = "Styxy"
"""Who has the port on which the daemon listens, in the words of a notice."""


class MoveReasons:
    """Names projects and this daemon for the guests' notices."""

    def __init__(self, context: Context, desk: Desk) -> None:
        self._context = context
        self._desk = desk

    def words(self, answer: MoveAnswer) -> MoveWords | None:
        """Say why a bind was moved; None where the plain words of the notice are true."""
        cause = answer.lease.cause if isinstance(answer, Moved) else None
        ours = SELF if isinstance(answer, Moved) and self._is_ours(answer.lease.asked) else ""
        if isinstance(answer, Moved) and answer.took and cause is not None:
            whose = self.name_of(cause.owner) if cause.kind == "promised" else ours
            return MoveWords(
                kind=cause.kind, name=whose, tool=answer.took, asked=answer.lease.asked or 0
            )
        if isinstance(answer, Moved) and answer.is_probe and cause in (None, IN_USE):
            name = printable_name(answer.lease.service_name)
            return MoveWords(kind="in use", name=name, is_probe=True)
        outside = answer.outside if isinstance(answer, Moved) else ""
        if cause is None or cause.kind == "in use":
            is_plain = not ours and not outside
            return None if is_plain else MoveWords(kind="in use", name=ours, outside=outside)
        until = datetime.fromtimestamp(cause.until).strftime("%H:%M")
        name = self.name_of(cause.owner)
        return MoveWords(kind=cause.kind, name=name, until=until, outside=outside)

    def _is_ours(self, port: Port | None) -> bool:
        """Return whether this daemon itself listens on a port."""
        if port is None:
            return False
        return any(
            each.inode in self._own_sockets for each in self._context.listeners.sockets(port)
        )

    @cached_property
    def _own_sockets(self) -> set[int]:
        """The inodes of this daemon's sockets; those on which it listens are open from the start.

        To look up the process of a listener takes milliseconds, and nobody should wait for that.
        """
        return self._context.processes.sockets_of(self._context.pid)

    def name_of(self, owner: Owner) -> str:
        """Name an owner for people: the shortest end of its project's path that is unique."""
        if owner.project is None:
            return printable_name(f"instance {owner.instance_id}")
        return printable_name(shortest_end(owner.project, self._known_projects()))

    def promised_to(self, request: MoveRequest) -> str | None:
        """Say who the asked port is promised to, where that and no listener is in the way."""
        lease = self._desk.lease_index.on_port(request.asked)
        if request.is_in_use or lease is None or lease.owner.is_same(request.owner):
            return None
        return f"it is promised to {self.name_of(lease.owner)}"

    def _known_projects(self) -> set[str]:
        """Collect every project that leases, memories and instances name."""
        desk = self._desk
        named = {lease.owner.project for lease in desk.lease_index}
        named |= {project for project, _, _ in desk.remembered.services}
        named |= {instance.project for instance in desk.instances.values()}
        return {each for each in named if each is not None}
