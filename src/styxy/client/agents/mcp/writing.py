"""The tools that change something, and how what they leased ends. Docstrings are descriptions.

A lease that is taken here has this process as its holder. When it dies, however it does, the daemon
passes each port that a server listens on to that server, and ends the other leases. At a clean end
these are released here first, so that whoever comes next finds the ports free.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from mcp.types import CallToolResult
from pydantic import Field

from styxy.client.agents.mcp.project import CurrentProject
from styxy.client.agents.mcp.reading import PortNumber, Project, Roots, ServiceType
from styxy.client.agents.mcp.results import answered, reported
from styxy.client.cli.values import query, quoted
from styxy.client.daemon.connection import Connection
from styxy.client.inspection.ending import PATIENCE
from styxy.client.inspection.servers import ServerFinder
from styxy.client.inspection.stopping import Stopped, Stopping
from styxy.client.text import render
from styxy.core.errors import ConfirmationRequired, InvalidInput, StyxyError, UnknownLease
from styxy.core.names import INSTANCE, own_instance
from styxy.core.reports.ownership import SESSION_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.adapters.paths import Paths
    from styxy.client.cli.command import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReport:
    """The servers that were stopped; `refused` says why others on the port were not."""

    port: int
    message: str
    stopped: tuple[Stopped, ...]
    refused: tuple[str, ...]


class WritingTools:
    """The commands that change something, for one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._project = CurrentProject(caller.env)

    def allocate(
        self,
        service_type: ServiceType,
        *,
        name: Annotated[
            str | None,
            Field(description="of the service, such as web; asking again gives the same port"),
        ] = None,
        preferred_port: Annotated[
            int | None, Field(ge=1024, le=65535, description="taken if it is free")
        ] = None,
        dry_run: Annotated[bool, Field(description="lease nothing, only show the port")] = False,
        yes: Annotated[
            bool, Field(description="create the service type, even if it looks misspelled")
        ] = False,
        project: Project = None,
        roots: Roots,
    ) -> CallToolResult:
        """Lease a free port for a service of this project, so that nobody else gets it. Start your
        server on the port it returns. The lease ends with this session."""
        body: dict[str, object] = {
            "service_type": service_type,
            "service_name": name,
            "preferred_port": preferred_port,
            "instance_id": instance_of_session(self._caller.env),
            "project_path": self._project.path(project, roots),
            "pid": os.getpid(),
            "reuse": True if name is not None else None,
            "dry_run": True if dry_run else None,
        }
        given = {key: value for key, value in body.items() if value is not None}
        connection = self._caller.connection_here()
        try:
            return answered(connection.ask("POST", "/allocate", given))
        except ConfirmationRequired as proposal:
            if not yes:
                raise
            given["confirm"] = proposal.context.get("confirm")
            return answered(connection.ask("POST", "/allocate", given))

    def release(
        self,
        port: PortNumber | None = None,
        lock_id: Annotated[
            str | None, Field(description="the lease, as `allocate` named it")
        ] = None,
        project: Project = None,
        *,
        roots: Roots,
    ) -> CallToolResult:
        """Give a lease of this project back, by its port or its lock_id. It stops no server."""
        if (port is None) == (lock_id is None):
            raise InvalidInput("give port or lock_id, and not both")
        connection = self._caller.connection()
        if lock_id is None:
            leases = connection.ask("GET", "/allocations").data.get("allocations")
            lock_id = _lease_on(port, leases)
        scope = query(project_path=self._project.path(project, roots))
        return answered(connection.ask("DELETE", f"/allocate/{quoted(lock_id)}{scope}"))

    def stop(
        self,
        port: PortNumber,
        *,
        timeout: Annotated[
            float, Field(ge=0, le=60, description="seconds until what has not ended is killed")
        ] = PATIENCE,
        project: Project = None,
        roots: Roots,
    ) -> CallToolResult:
        """Stop a server of this project, with everything that belongs to it, instead of killing by
        port, pid or name. Another project's or session's is refused, with whose it is."""
        here = self._project.path(project, roots)
        env = self._project.environment(here)
        finder = ServerFinder(self._caller.connection_here(), env, project=here)
        stopping = Stopping(finder, env, patience=timeout)
        servers = stopping.choose(port, is_forced=False)
        stopped = [stopping.end(port, server) for server in servers]
        report = StopReport(
            port=port,
            message="; ".join(each.message for each in stopped),
            stopped=tuple(stopped),
            refused=tuple(each.message for each in stopping.refusals),
        )
        return reported(report)

    def cleanup(
        self,
        *,
        unused: Annotated[
            bool, Field(description="end this project's leases that nothing listens on, too")
        ] = False,
        project: Project = None,
        roots: Roots,
    ) -> CallToolResult:
        """End the leases of processes that are gone. Use it when a range of ports is full. It stops
        no server."""
        body: dict[str, object] = {"force": unused}
        if unused:
            body["project_path"] = self._project.path(project, roots)
        return answered(self._caller.connection().ask("POST", "/cleanup", body))


def instance_of_session(env: Mapping[str, str]) -> str | None:
    """Return the instance of the agent session that started this server, or what the user named.

    Raises `InvalidInput` if that is not a name.
    """
    named = own_instance(env)
    sessions = (
        f"{agent}-{env[variable]}"
        for variable, agent in SESSION_VARIABLES.items()
        if env.get(variable)
    )
    return named or next((each for each in sessions if INSTANCE.fullmatch(each)), None)


def end_leases(paths: Paths) -> None:
    """Release the leases of this process that nothing listens on.

    If the daemon is gone or fails, it does so itself when it sees that their holder has died.
    """
    connection = Connection(paths)
    try:
        leases = connection.ask("GET", "/allocations").data.get("allocations")
        for lease in render.objects(leases):
            if lease.get("pid") == os.getpid() and not _is_used(lease.get("port"), connection):
                lock_id = quoted(str(lease.get("lock_id")))
                connection.ask("DELETE", f"/allocate/{lock_id}?force=true")
    except StyxyError:
        return


def _is_used(port: object, connection: Connection) -> bool:
    """Ask the kernel through the daemon: the state of a lease may be a second older."""
    return connection.ask("GET", f"/check/{port}").data.get("system_usage") is not None


def _lease_on(port: int | None, leases: object) -> str:
    for lease in render.objects(leases):
        if lease.get("port") == port:
            return str(lease.get("lock_id"))
    raise UnknownLease(
        f"port {port} is not leased; see: styxy list", port=port, suggestions=["styxy list"]
    )
