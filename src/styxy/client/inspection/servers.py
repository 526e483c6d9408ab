"""Find servers in the kernel, and whose each one is: what is needed before one may be ended.

The kernel has sockets and processes; the daemon, if one answers, leases and agent sessions. Without
a daemon no lease is known, and of sessions only what the processes themselves reveal.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.portable.choice import open_processes
from styxy.adapters.projects.lookups import PATIENT_SECONDS, Lookups
from styxy.adapters.projects.projects import ProcessFacts, Projects
from styxy.client.inspection.listeners import listener_groups
from styxy.client.text.render import objects
from styxy.core.commands.programs import program_of
from styxy.core.errors import DaemonUnreachable
from styxy.core.names import INSTANCE_NAMES, instance_of
from styxy.core.reports.ownership import (
    AGENT_PROGRAMS,
    VARIABLES,
    Agent,
    AgentsAtWork,
    Ownership,
    Party,
    Session,
    has_started,
    is_session,
    named_session,
    ownership,
)
from styxy.core.reports.process_tree import chain, topmost
from styxy.core.reports.who_report import is_daemon

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.adapters.sock_diag import Listener
    from styxy.client.daemon.connection import Connection
    from styxy.client.inspection.listeners import Group
    from styxy.core.reports.process_tree import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServer:
    """The sockets of one server and the processes that have them.

    `main` is the topmost of these; None if the processes are not visible, and then nothing but the
    sockets is known. `since` is seconds since the epoch. `is_of_session`: the caller's own agent
    session has started it, in whatever project.
    """

    listeners: tuple[Listener, ...]
    pids: tuple[int, ...]
    main: Process | None
    ownership: Ownership
    is_of_session: bool
    since: float | None
    lease: Mapping[str, object] | None

    @property
    def ports(self) -> list[int]:
        """The ports on which it listens."""
        return sorted({each.port for each in self.listeners})

    @property
    def since_text(self) -> str | None:
        """Since when it runs, by RFC 3339 in UTC."""
        if self.since is None:
            return None
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.since, UTC).isoformat().replace("+00:00", "Z")

    @property
    def name(self) -> str:
        """Name its program as people do."""
        return named(self.main) if self.main is not None else "a process"


def named(process: Process) -> str:
    """Name a process: `vite` for `node /usr/bin/vite.js`."""
    return program_of(process.words) or process.name


class ServerFinder:
    """Finds servers as one caller sees them, at one moment.

    `notice` says why leases and sessions are unknown, if they are; `project` is the caller's,
    `lineage` the caller's own process and its ancestors, upwards; `spared` are processes that are
    part of no server.
    """

    def __init__(
        self, connection: Connection, env: Mapping[str, str], *, project: str | None
    ) -> None:
        self.lookups = Lookups(seconds=PATIENT_SECONDS)
        self.processes = open_processes(is_directory=self.lookups.is_directory)
        self.notice: str | None = None
        self.leases: list[dict[str, object]] = []
        self._noted: dict[tuple[object, object], str] = {}
        self.project = project
        home = env.get("HOME") or "/"
        projects = Projects(processes=self.processes, user_home=home, lookups=self.lookups)
        self._facts = ProcessFacts(self.processes, projects)
        sessions = self._ask(connection)
        self.table = self.processes.table()
        self.at_work = AgentsAtWork(sessions=sessions, agents=self._agents(sessions))
        self.lineage = [each.pid for each in chain(os.getpid(), self.table)]
        # A daemon may have been started by what became a server (execve(2)), and is no part of it.
        daemons = [each.pid for each in self.table.values() if is_daemon(each)]
        self.spared = frozenset((*self.lineage, *daemons))
        self._caller = Party(
            project=project,
            lineage=self.lineage,
            variables={name: env[name] for name in VARIABLES if env.get(name)},
            instance_id=named_session(instance_of(env)),
        )

    def on(self, port: int) -> list[FoundServer]:
        """Find the servers of a port: those that listen, or if none does, that have a UDP socket.

        Beside a server, a UDP socket with its number may be a client's.
        """
        groups = self._groups(listener_groups(self.processes, port))
        serving = [each for each in groups if any(one.protocol == "tcp" for one in each[0])]
        return [self._found(*each) for each in serving or groups]

    def everywhere(self) -> list[FoundServer]:
        """Find every server that listens on a TCP port and whose processes are visible."""
        groups = self._groups(listener_groups(self.processes, with_udp=False))
        found = [self._found(*each) for each in groups if each[1]]
        return [each for each in found if each.main is not None]

    def _groups(self, groups: list[Group]) -> list[Group]:
        """Make sure that the table has what has been started since it was read."""
        if any(pid not in self.table for _, pids in groups for pid in pids):
            self.table = self.processes.table()
        return groups

    def moved_away(self, port: int) -> int | None:
        """Return where this project's own server is that asked for a port and was moved."""
        return next(
            (
                moved
                for lease in self.leases
                if lease.get("requested_port") == port
                and lease.get("state") == "bound"
                and lease.get("project_path") == self.project
                and isinstance(moved := lease.get("port"), int)
                and moved != port
            ),
            None,
        )

    def party(self, pid: int, lease: Mapping[str, object] | None = None) -> Party:
        """Describe a process for the rule of ownership."""
        lineage = chain(pid, self.table)
        noted = (self._noted.get((each.pid, each.started)) for each in lineage)
        variables = self.processes.variables(pid, *VARIABLES, *INSTANCE_NAMES)
        leased_to = str(lease.get("instance_id")) if lease else None
        project = lease.get("project_path") if lease else None
        return Party(
            project=project if isinstance(project, str) else self._facts.of(pid)["project"],
            lineage=[each.pid for each in lineage],
            variables=variables,
            started=self.table[pid].started,
            instance_id=named_session(leased_to, instance_of(variables)),
            noted_session=next((each for each in noted if each is not None), None),
        )

    def _found(self, listeners: Sequence[Listener], pids: Sequence[int]) -> FoundServer:
        tops = topmost([pid for pid in pids if pid in self.table], self.table)
        lease = self._lease(listeners, tops)
        holder = self.processes.holder(tops[0]) if tops else None
        server = self.party(tops[0], lease) if tops else Party(project=None)
        return FoundServer(
            listeners=tuple(listeners),
            pids=tuple(pid for pid in pids if pid in self.table),
            main=self.table[tops[0]] if tops else None,
            ownership=ownership(server, self._caller, self.at_work),
            is_of_session=has_started(self._caller, server, self.at_work),
            since=self.processes.started_at(holder) if holder else None,
            lease=lease,
        )

    def _lease(
        self, listeners: Sequence[Listener], tops: Sequence[int]
    ) -> Mapping[str, object] | None:
        """Find the lease of a server: that of its port, unless it is held by other processes."""
        ports = {each.port for each in listeners}
        above = {each.pid for pid in tops for each in chain(pid, self.table)}
        for lease in self.leases:
            if lease.get("port") in ports and lease.get("pid") in above:
                return lease
        return None

    def _ask(self, connection: Connection) -> list[Session]:
        try:
            answer = connection.ask("GET", "/allocations").data
            listed = connection.ask("GET", "/instance/list").data
        except DaemonUnreachable as failure:
            self.notice = failure.message
            return []
        self.leases = objects(answer.get("allocations"))
        self._noted = {
            (each.get("pid"), each.get("start_time")): str(each.get("instance_id"))
            for each in objects(listed.get("session_processes"))
        }
        return [
            Session(instance_id=str(each["instance_id"]), pid=_number(each.get("pid")))
            for each in objects(listed.get("instances"))
            if is_session(str(each.get("instance_id")))
        ]

    def _agents(self, sessions: Sequence[Session]) -> list[Agent]:
        """List this user's agents that have no session, and are no part of one that has."""
        holders = {each.pid for each in sessions if each.pid is not None}
        above = {each.pid for pid in holders for each in chain(pid, self.table)}
        return [
            Agent(name=agent, pid=each.pid, started=each.started)
            for each in self.table.values()
            if each.uid == os.geteuid() and each.pid not in above
            for agent in {named(each), each.name} & AGENT_PROGRAMS
            if not any(one.pid in holders for one in chain(each.pid, self.table))
        ]


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
