"""The current project of an MCP client: from its roots if it offers them, else from ours.

The question goes the way of the client's revision of the protocol: before 2026-07-28 as a request
to the client, since then as an answer that asks the client to call once more with its roots. The
SDK does either, for a parameter that is resolved by `client_roots`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import ListRoots
from mcp.types import ListRootsResult

from styxy.client.cli.values import project_here, project_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def client_roots(context: Context, project: str | None) -> ListRootsResult | ListRoots | None:
    """Ask the client for its roots, unless they cannot matter or it offers none."""
    if os.environ.get("STYXY_PROJECT") or (project is not None and os.path.isabs(project)):
        return None
    return roots_offered(context)


def roots_offered(context: Context) -> ListRootsResult | ListRoots | None:
    """Ask the client for its roots if it offers them."""
    offered = context.client_capabilities
    return None if offered is None or offered.roots is None else ListRoots()


class CurrentProject:
    """Finds the project that a call is about."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def path(self, project: str | None, roots: ListRootsResult | None) -> str:
        """Find the project of a directory, which may be relative to the client's first root.

        Raises `InvalidInput` if there is no such directory.
        """
        base = None if roots is None else _first_directory(roots)
        if project is None and base is None:
            return project_here(self._env)
        named = os.path.expanduser(project or "")
        if base is None and not os.path.isabs(named):
            base = self._env.get("STYXY_PROJECT") or os.getcwd()
        return project_of(os.path.join(base or "", named), self._env)

    def environment(self, project: str) -> dict[str, str]:
        """Return the environment of a command that runs in a project."""
        return {**self._env, "STYXY_PROJECT": project}


def _first_directory(roots: ListRootsResult) -> str | None:
    """Return the first root that is a directory here; clients may have roots elsewhere."""
    for root in roots.roots:
        address = urlsplit(str(root.uri))
        directory = unquote(address.path)
        if address.scheme == "file" and os.path.isdir(directory):
            return directory
    return None
