"""Which servers are whose session's: noted while that can be seen, and known when it no longer can.

A server that an agent has started is below the agent's process, until the agent, or the shell that
it ran in, has ended; the kernel then gives it to the first process, and nothing tells whose it was.
Some agents put their session into the environment of what they start; others (Gemini CLI, Cursor)
do not. So each new listener is looked at once, within a second of its birth, and so is what an
agent's command has left in its process group. What is noted is in the journal: it outlives the
session and the daemon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.books.events import Attributed
from styxy.core.reports.ownership import is_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from styxy.core.books.events import Event
    from styxy.core.model.leases import Holder
    from styxy.core.model.ports import Port
    from styxy.server.service.committer import Committer
    from styxy.server.world.context import Context

MOST_NOTED = 256
"""Processes that are remembered; checking whether they live takes 20 microseconds for each."""


class SessionServers:
    """Notes the servers of agent sessions. Use it only from the loop's thread."""

    def __init__(self, committer: Committer, context: Context) -> None:
        self._committer = committer
        self._desk = committer.desk
        self._context = context
        self._seen: set[int] = set()

    def look(self) -> None:
        """Note whose the listeners are that are new since the last look.

        Without a session it costs a comparison. Raises `Unavailable`.
        """
        listeners = self._context.listeners.listeners()
        fresh = {each.port for each in listeners if each.cookie not in self._seen}
        if not fresh:
            return
        if self._agents() or self._desk.session_processes:
            self._note(self._pids_on(fresh))
        self._seen = {each.cookie for each in listeners}  # what failed is tried again

    def look_at_group(self, group: int, instance_id: str, *, mark: str) -> None:
        """Note what is left of a process group in which a session's command ran.

        `mark` is a variable that the agent sets for its commands.
        """
        processes = self._context.processes
        pids = [pid for pid in processes.pids() if processes.group(pid) == group]
        holders = [processes.holder(pid) for pid in pids if processes.variable(pid, mark)]
        self._commit([(tuple(each for each in holders if each is not None), instance_id)])

    def session_of(self, lineage: Iterable[int]) -> str | None:
        """Return the session that was noted for a process, or for the nearest of its ancestors."""
        noted = self._desk.session_processes
        pids = {each.pid for each in noted}
        for pid in lineage:
            holder = self._context.processes.holder(pid) if pid in pids else None
            if holder in noted:
                return noted[holder]
        return None

    def _agents(self) -> dict[int, str]:
        """Return the live sessions by the process of their agent; of several, the latest."""
        instances = sorted(self._desk.instances.values(), key=lambda each: each.registered_at)
        return {
            each.holder.pid: each.instance_id
            for each in instances
            if each.holder is not None and is_session(each.instance_id)
        }

    def _pids_on(self, ports: Iterable[Port]) -> list[int]:
        sightings = self._context.listeners.sightings_of(ports)
        return sorted({each.pid for each in sightings if each.pid is not None})

    def _note(self, pids: Iterable[int]) -> None:
        agents, processes = self._agents(), self._context.processes
        found: list[tuple[tuple[Holder, ...], str]] = []
        for pid in pids:
            lineage = [pid, *processes.parents(pid)]
            place = next((each for each, above in enumerate(lineage) if above in agents), None)
            name = agents[lineage[place]] if place is not None else self.session_of(lineage)
            if name is None or place == 0:
                continue  # nobody's, or the agent itself
            holders = (processes.holder(each) for each in lineage[: place or 1])
            found.append((tuple(each for each in holders if each is not None), name))
        self._commit(found)

    def _commit(self, found: Sequence[tuple[tuple[Holder, ...], str]]) -> None:
        known, now = self._desk.session_processes, self._context.clock()
        events: list[Event] = []
        for holders, name in found:
            fresh = tuple(each for each in holders if known.get(each) != name)
            if fresh:
                events.append(Attributed(holders=fresh, instance_id=name, at=now))
        if not events:
            return
        is_alive = self._context.processes.is_alive
        dead = [each for each in known if not is_alive(each)]
        dead += [each for each in known if each not in dead][: max(len(known) - MOST_NOTED, 0)]
        if dead:
            events.insert(0, Attributed(holders=tuple(dead), instance_id=None, at=now))
        self._committer.commit(events)
