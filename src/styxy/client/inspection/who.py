"""Bring together who is on a port: the daemon, the kernel, /proc, git's files, container engines.

What the daemon knows of a listener's process is taken from it. Without one the process is asked
here, by the same code (`adapters.projects`); leases are then unknown, and it says so. Which sockets
are one server, and the processes around it, are asked here in any case: no answer of the API has
them.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from styxy.adapters.portable.choice import open_processes
from styxy.adapters.processes import user_name
from styxy.adapters.projects import git
from styxy.adapters.projects.lookups import PATIENT_SECONDS, Lookups
from styxy.adapters.projects.projects import ProcessFacts, Projects
from styxy.client.inspection.containers import containers, sockets
from styxy.client.inspection.daemon_view import DaemonView
from styxy.client.inspection.listeners import listener_groups, other_daemon_home
from styxy.core.reports.cgroups import Unit, container_of, unit_of
from styxy.core.reports.process_tree import chain, job, topmost
from styxy.core.reports.who_report import (
    Move,
    Policy,
    Relation,
    Server,
    Stop,
    TreeProcess,
    WhoReport,
    Worktree,
    caution,
    hidden,
    is_daemon,
    meaning,
    policy_of,
    ways_to_stop,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.adapters.sock_diag import Listener
    from styxy.client.daemon.connection import Connection
    from styxy.core.reports.process_tree import Process
    from styxy.core.reports.who_report import Container


def tell(port: int, connection: Connection, env: Mapping[str, str]) -> WhoReport:
    """Report on a port, as of now."""
    records = DaemonView(connection, port)
    teller = _Teller(port, env, records)
    servers = teller.servers()
    lease = records.lease
    stop: tuple[Stop, ...] = ()
    if lease is not None and not servers:
        stop = (records.way_to_release(lease),)
    asked = lease.get("requested_port") if lease else None
    return WhoReport(
        port=port,
        is_free=not servers and lease is None,
        summary=_summary(port, servers, lease),
        leases_known=records.notice is None,
        notice=records.notice,
        lease=lease,
        asked=asked if isinstance(asked, int) else None,
        moved=tuple(teller.moves()),
        servers=tuple(servers),
        stop=stop,
    )


class _Teller:
    """Describes the servers of one port."""

    def __init__(self, port: int, env: Mapping[str, str], records: DaemonView) -> None:
        self._port = port
        self._home = env.get("HOME") or "/"
        self._env = env
        self._records = records
        self._lookups = lookups = Lookups(seconds=PATIENT_SECONDS)
        self._processes = processes = open_processes(is_directory=lookups.is_directory)
        self._projects = Projects(processes=processes, user_home=self._home, lookups=lookups)
        self._facts = ProcessFacts(processes, self._projects)
        self._table = self._processes.table()
        self._own = self._project_here(env)
        self._containers = containers(sockets(env))
        self._policy: Policy = policy_of(env.get("STYXY_SIBLINGS"), env.get("STYXY_SIBLINGS_ALLOW"))

    def servers(self) -> list[Server]:
        """Describe each server: sockets of the same processes are one server."""
        published = [each for each in self._containers if self._port in each.ports]
        groups = listener_groups(self._processes, self._port)
        servers = [
            self._server(listeners, pids, next(iter(published), None)) for listeners, pids in groups
        ]
        if (
            published and not groups
        ):  # an engine that forwards through the firewall: nothing is listening
            servers = [self._server([], [], published[0])]
        return servers

    def moves(self) -> list[Move]:
        """List the servers that asked for this port and were moved away."""
        return [
            Move(
                port=_number(lease.get("port")) or 0,
                project=_text(lease.get("project_path")),
                pid=_number(lease.get("pid")),
                is_own=self._own is not None and lease.get("project_path") == self._own,
            )
            for lease in self._records.moved_away()
        ]

    def _server(
        self, listeners: list[Listener], pids: list[int], published: Container | None
    ) -> Server:
        tops = topmost(pids, self._table)
        pid = tops[0] if tops else None
        main = self._table.get(pid) if pid is not None else None
        cgroup = self._processes.cgroup(pid) if pid is not None else ""
        container = published or self._in_container(cgroup)
        unit = unit_of(cgroup)
        facts = self._daemon_facts(pid)
        project = self._composed(container) or facts.get("project")
        worktree = self._worktree(project)
        relation = self._relation(project)
        if main is not None and is_daemon(main):
            relation = "daemon"
        transports = {each.protocol for each in listeners}
        return Server(
            protocol=transports.pop() if len(transports) == 1 else "both" if transports else "tcp",
            addresses=tuple(sorted({each.address for each in listeners})),
            pid=pid,
            process=main.name if main else None,
            command=facts.get("command"),
            directory=main.directory if main else None,
            user=_user(listeners[0].uid) if listeners else None,
            since=self._since(pid),
            project=project,
            worktree=worktree,
            instance_id=self._instance() or facts.get("instance_id"),
            relation=relation,
            meaning=self._meaning(relation, worktree),
            caution=caution(relation),
            unit=unit,
            container=container,
            tree=tuple(self._tree(pids, tops)),
            stop=self._stop(listeners, tops, container, unit, is_own=relation == "own"),
        )

    def _stop(
        self,
        listeners: Sequence[Listener],
        tops: Sequence[int],
        container: Container | None,
        unit: Unit | None,
        *,
        is_own: bool,
    ) -> tuple[Stop, ...]:
        if tops or container is not None:
            return ways_to_stop(
                self._port,
                tops,
                self._table,
                container=container,
                unit=unit,
                daemon_home=other_daemon_home(
                    [self._table[pid] for pid in tops], self._processes, self._env
                ),
                is_own=is_own,
            )
        uid = listeners[0].uid
        return (hidden(self._port, _user(uid), may_see=os.geteuid() in (0, uid)),)

    def _tree(self, pids: Sequence[int], tops: Sequence[int]) -> list[TreeProcess]:
        parts = {each.pid for top in tops for each in job(top, self._table)}
        wanted = {each.pid for pid in pids for each in chain(pid, self._table)}
        found: list[TreeProcess] = []
        frontier = [pid for pid in wanted if self._table[pid].parent not in wanted]
        while frontier:
            pid = frontier.pop(0)
            found.append(
                _tree_process(self._table[pid], listens=pid in pids, parts=parts | set(pids))
            )
            frontier = sorted(p for p in wanted if self._table[p].parent == pid) + frontier
        return found

    def _daemon_facts(self, pid: int | None) -> dict[str, str | None]:
        """Return what a process shows about itself: from the daemon, else read now."""
        if pid is None:
            return {}
        return self._records.facts(pid) or self._facts.of(pid)

    def _relation(self, project: str | None) -> Relation:
        if project is None or self._own is None:
            return "unknown"
        if project == self._own:
            return "own"
        repo = self._projects.repo_of(self._own)
        return "sibling" if repo and repo == self._projects.repo_of(project) else "other"

    def _meaning(self, relation: Relation, worktree: Worktree | None) -> str | None:
        return meaning(
            relation,
            self._port,
            worktree=worktree,
            service_type=self._records.service_type,
            is_singleton=relation == "sibling" and self._records.is_singleton(),
            policy=self._policy,
            own_place=next((each.port for each in self.moves() if each.is_own), None),
            is_place=relation == "sibling" and self._records.is_place(),
        )

    def _in_container(self, cgroup: str) -> Container | None:
        wanted = container_of(cgroup)
        if wanted is None:
            return None
        return next((each for each in self._containers if each.id == wanted), None)

    def _since(self, pid: int | None) -> str | None:
        since = self._records.since(pid)
        if since is not None:
            return since
        holder = self._processes.holder(pid) if pid is not None else None
        if holder is None:
            return None
        from datetime import UTC, datetime

        began = datetime.fromtimestamp(self._processes.started_at(holder), UTC)
        return began.isoformat().replace("+00:00", "Z")

    def _instance(self) -> str | None:
        lease = self._records.lease
        return _text(lease.get("instance_id")) if lease is not None else None

    def _composed(self, container: Container | None) -> str | None:
        """Name the project of a container: that of the directory of its compose file."""
        if container is None or container.compose_directory is None:
            return None
        return self._projects.resolve(container.compose_directory)

    def _worktree(self, project: str | None) -> Worktree | None:
        if project is None:
            return None
        unknown: tuple[str | None, str | None, bool] = (None, None, False)
        common, branch, is_linked = self._lookups.ask(_worktree_facts, project, otherwise=unknown)
        if common is None:
            return None
        return Worktree(
            path=project,
            branch=branch,
            is_linked=is_linked,
            repo=os.path.dirname(common) if os.path.basename(common) == ".git" else common,
        )

    def _project_here(self, env: Mapping[str, str]) -> str | None:
        try:
            return self._projects.at(os.path.join(os.getcwd(), env.get("STYXY_PROJECT") or ""))
        except OSError:
            return None  # ENOENT: the working directory is gone


def _summary(port: int, servers: Sequence[Server], lease: Mapping[str, object] | None) -> str:
    if servers:
        said = [
            each.container.name
            if each.container is not None
            else f"{each.process} (pid {each.pid})"
            if each.pid is not None
            else f"a process of {each.user}"
            for each in servers
        ]
        return f"{port} is in use by {' and by '.join(said)}"
    if lease is not None:
        who = lease.get("project_path") or f"instance {lease.get('instance_id')}"
        return f"{port} is promised to {who}, and nothing is listening"
    return f"{port} is free"


def _tree_process(process: Process, *, listens: bool, parts: set[int]) -> TreeProcess:
    return TreeProcess(
        pid=process.pid,
        parent=process.parent,
        name=process.name,
        command=_command(process),
        directory=process.directory,
        user=_user(process.uid),
        listens=listens,
        is_part=process.pid in parts,
    )


def _command(process: Process | None) -> str | None:
    return shlex.join(process.words) if process is not None and process.words else None


def _user(uid: int) -> str:
    return user_name(uid) or str(uid)


def _worktree_facts(project: str) -> tuple[str | None, str | None, bool]:
    """Return the directory that a repo's worktrees share, the branch, and whether it is linked."""
    return git.common_directory(project), git.branch_of(project), git.is_linked(project)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
