"""The tools that change nothing. Each docstring is the description that the model reads.

Annotations are evaluated when the tools are registered, so what they name is imported here.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.resolve import Resolve
from mcp.types import CallToolResult, ListRootsResult
from pydantic import Field

from styxy.client.agents.mcp.project import CurrentProject, client_roots
from styxy.client.agents.mcp.results import answered, reported, structured
from styxy.client.cli.values import query, quoted
from styxy.client.daemon.configuration import ConfigurationAccess
from styxy.client.daemon.connection import Connection
from styxy.client.daemon.log_tail import last_lines
from styxy.client.inspection.waiting import DAEMON_PATIENCE, Outcome, wait_until_up
from styxy.client.inspection.who import tell
from styxy.client.text import render
from styxy.core.errors import NotFound

if TYPE_CHECKING:
    from styxy.client.cli.command import Caller

LONGEST_WAIT = 600.0
"""Seconds; the clients that were measured give a tool one to ten minutes."""

MOST_LINES = 1000

PortNumber = Annotated[int, Field(ge=1, le=65535, description="1 to 65535")]
ServiceType = Annotated[str, Field(description="dev, api, test, database, ai ...")]
Project = Annotated[
    str | None,
    Field(description="a directory of the project; the current project if it is omitted"),
]
Roots = Annotated[ListRootsResult | None, Resolve(client_roots)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonLog:
    """The last lines of the daemon's log, and its path."""

    log: str
    lines: list[str]


class _Interrupted(Exception):
    """Ends a wait whose caller is gone."""


class ReadingTools:
    """The commands that show something, for one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._project = CurrentProject(caller.env)

    def check(self, port: PortNumber) -> CallToolResult:
        """Tell whether a port is free, and if not, which lease and which process has it. Use it
        before you start a server on a fixed port."""
        return answered(self._caller.connection_here().ask("GET", f"/check/{port}"))

    def who(self, port: PortNumber, project: Project = None, *, roots: Roots) -> CallToolResult:
        """Tell everything about a port: program, process tree, directory, project, branch, agent
        session, container, and the safe commands that stop it. Use it when a port is in use, and
        before you stop any server."""
        here = self._project.path(project, roots)
        env = self._project.environment(here)
        return reported(tell(port, self._caller.connection_here(), env))

    def list_leases(
        self,
        service_type: ServiceType | None = None,
        project: Annotated[
            str | None,
            Field(description="a directory: only its project's leases ('.': this project's)"),
        ] = None,
        *,
        roots: Roots,
    ) -> CallToolResult:
        """List the ports that are on lease: to which service, project, agent session and process.
        Use it to find your project's ports."""
        connection = self._caller.connection()
        scope = None if project is None else self._project.path(project, roots)
        filters = query(service_type=service_type, project=scope)
        return answered(connection.ask("GET", f"/allocations{filters}"))

    def suggest(
        self,
        service_type: ServiceType,
        count: Annotated[int, Field(ge=1, le=100, description="how many")] = 5,
    ) -> CallToolResult:
        """Suggest free ports for a kind of service, without leasing any. Somebody else may take
        them; to be sure of one, lease it (in a shell: styxy allocate -s TYPE -n NAME)."""
        path = f"/suggest/{quoted(service_type)}{query(count=count)}"
        return answered(self._caller.connection_here().ask("GET", path))

    async def wait(
        self,
        port: PortNumber,
        *,
        timeout: Annotated[
            float | None,
            Field(ge=0, le=LONGEST_WAIT, description="seconds; 30 if it is omitted"),
        ] = None,
        own: Annotated[
            bool, Field(description="wait for this project's own server, even if it was moved")
        ] = False,
        project: Project = None,
        roots: Roots,
    ) -> CallToolResult:
        """Wait until a server listens on a port, and tell whose it is and where it answers. Use it
        after you started a server in the background, instead of sleeping."""
        here = self._project.path(project, roots) if own else None
        gone = threading.Event()

        def pause(seconds: float) -> None:
            if gone.wait(seconds):
                raise _Interrupted

        def look() -> Outcome:
            connection = Connection(self._caller.paths, answer_patience=DAEMON_PATIENCE)
            env = self._caller.env
            return wait_until_up(
                port, timeout, connection=connection, env=env, own=here, pause=pause
            )

        try:
            return reported(await asyncio.to_thread(look))
        finally:
            gone.set()

    def status(self) -> CallToolResult:
        """Tell whether Styxy's daemon runs: version, uptime, number of leases, warnings."""
        return answered(Connection(self._caller.paths).ask("GET", "/status"))

    def daemon_log(
        self, lines: Annotated[int, Field(ge=1, le=MOST_LINES, description="how many")] = 50
    ) -> CallToolResult:
        """Show the last lines of the log of Styxy's daemon. Use it only if Styxy itself fails."""
        path = self._caller.paths.daemon_log
        try:
            found, _ = last_lines(path, lines)
        except FileNotFoundError:
            raise NotFound(f"no log yet: {path}", suggestions=["styxy daemon start -d"]) from None
        return structured({"log": path, "lines": found})

    def config(self) -> CallToolResult:
        """Show the configuration in force: the port range of each service type, all settings, and
        the file they come from."""
        return answered(ConfigurationAccess(self._caller.paths, self._caller.env).show())

    def metrics(
        self,
        name: Annotated[
            str | None, Field(description="only metrics whose name has this in it")
        ] = None,
    ) -> CallToolResult:
        """Show the daemon's counters and latencies. Use it only to look into Styxy's speed."""
        answer = self._caller.connection().ask("GET", "/metrics?format=json")
        found = render.objects(answer.data.get("metrics"))
        wanted = [each for each in found if name is None or name in str(each.get("name"))]
        return structured({**answer.data, "metrics": wanted})
