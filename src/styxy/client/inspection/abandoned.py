"""Find the servers of this user that nobody has any more.

Only what is certain is found. Services, containers, Styxy's daemons and whatever this command runs
in are left out, because something else looks after them; so is what listens without a visible
process. Without a daemon it is unknown which sessions have ended, and what has a lease.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.projects import git
from styxy.core.reports.abandonment import Abandonment, Remains, abandonment
from styxy.core.reports.cgroups import container_of, unit_of
from styxy.core.reports.who_report import PUBLISHERS, others_to_stop

if TYPE_CHECKING:
    from styxy.client.inspection.servers import FoundServer, ServerFinder


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonedServer:
    """A server, and why nobody has it."""

    server: FoundServer
    abandonment: Abandonment

    def document(self) -> dict[str, object]:
        """Return it as JSON data. Times are RFC 3339."""
        main, owned = self.server.main, self.server.ownership
        return {
            "port": self.server.ports[0],
            "ports": self.server.ports,
            "pid": main.pid if main else None,
            "process": self.server.name,
            "directory": main.directory if main else None,
            "project": owned.project,
            "session": owned.session,
            "since": self.server.since_text,
            "reason": self.abandonment.reason,
            "why": self.abandonment.why,
        }


def abandoned(finder: ServerFinder) -> list[AbandonedServer]:
    """List the abandoned servers, by their ports."""
    found = []
    for server in finder.everywhere():
        if _is_looked_after(server, finder):
            continue
        why = abandonment(_remains(server, finder))
        if why is not None:
            found.append(AbandonedServer(server=server, abandonment=why))
    return sorted(found, key=lambda each: each.server.ports)


def _is_looked_after(server: FoundServer, finder: ServerFinder) -> bool:
    assert server.main is not None
    cgroup = finder.processes.cgroup(server.main.pid)
    own = container_of(finder.processes.cgroup(os.getpid()))
    return (
        server.main.uid != os.geteuid()
        or bool(set(server.pids) & {1, *finder.lineage})
        or container_of(cgroup) != own
        or server.main.name in PUBLISHERS
        or bool(
            others_to_stop(0, [server.main], finder.table, container=None, unit=unit_of(cgroup))
        )
    )


def _remains(server: FoundServer, finder: ServerFinder) -> Remains:
    assert server.main is not None
    owned, project = server.ownership, server.ownership.project
    is_gone = finder.processes.has_lost_directory(server.main.pid)
    return Remains(
        directory=server.main.directory,
        is_directory_gone=is_gone,
        unlisted_worktree=project if project and _is_unlisted(project, finder) else None,
        session=owned.session,
        has_session_ended=finder.notice is None and not owned.is_live,
        has_lease=_has_lease(server, finder),
    )


def _is_unlisted(project: str, finder: ServerFinder) -> bool:
    return finder.lookups.ask(git.is_unlisted, project, otherwise=False)


def _has_lease(server: FoundServer, finder: ServerFinder) -> bool:
    """Return whether a project that exists has one of a server's ports on lease."""
    assert server.main is not None
    ports, projects = set(server.ports), {server.ownership.project}
    return any(
        lease.get("port") in ports
        and lease.get("project_path") in projects
        and finder.lookups.is_directory(str(lease.get("project_path")))
        and not _is_unlisted(str(lease.get("project_path")), finder)
        for lease in finder.leases
    )
