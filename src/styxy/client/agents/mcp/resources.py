"""The resources: the ports on lease, of the current project and of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.mcpserver.resources import FunctionResource

from styxy.client.agents.mcp.project import CurrentProject
from styxy.client.agents.mcp.results import printable
from styxy.client.cli.values import query

if TYPE_CHECKING:
    from mcp.types import ListRootsResult

    from styxy.client.cli.command import Caller

PROJECT_PORTS = "styxy://project/ports"
ALL_PORTS = "styxy://ports"
JSON = "application/json"


class PortResources:
    """The leases, as GET /allocations lists them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._project = CurrentProject(caller.env)

    def of_project(self, roots: ListRootsResult | None = None) -> str:
        """List the ports of the current project."""
        return self._leases(self._project.path(None, roots))

    def of_all(self) -> str:
        """List the ports of every project."""
        return self._leases(None)

    def _leases(self, project: str | None) -> str:
        path = f"/allocations{query(project=project)}"
        return printable(self._caller.connection().ask("GET", path).data)

    def registered(self) -> list[FunctionResource]:
        """Make the SDK's resources."""
        return [
            FunctionResource(
                uri=PROJECT_PORTS,
                name="project-ports",
                title="Ports of this project",
                description="The ports on lease to the current project, with their servers.",
                mime_type=JSON,
                fn=self.of_project,
            ),
            FunctionResource(
                uri=ALL_PORTS,
                name="ports",
                title="Ports of all projects",
                description="Every port on lease on this machine, and whose it is.",
                mime_type=JSON,
                fn=self.of_all,
            ),
        ]
