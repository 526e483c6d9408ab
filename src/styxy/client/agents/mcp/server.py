"""The MCP server on standard input and output: what it offers, how it fails, how it ends.

Standard output has nothing but the protocol: the SDK points descriptor 1 at standard error while it
serves, so that a stray print harms nobody. Tools run in threads, because each waits for the daemon.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.mcpserver.resolve import (
    Resolve,
    build_resolver_plans,
    find_resolved_parameters,
    resolve_arguments,
)
from mcp.types import CallToolResult, InputRequiredResult, ListRootsResult

from styxy import __version__
from styxy.client.agents.mcp.project import roots_offered
from styxy.client.agents.mcp.resources import JSON, PROJECT_PORTS, PortResources
from styxy.client.agents.mcp.results import explained
from styxy.client.agents.mcp.shell import help_of, in_shell
from styxy.client.agents.mcp.tools import WRITING, reading, registered, writing
from styxy.client.agents.mcp.writing import end_leases
from styxy.client.daemon.connection import Connection
from styxy.core.errors import InvalidInput, StyxyError
from styxy.core.messages import echo, guess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import AnyUrl

    from styxy.client.cli.command import Caller

START_PATIENCE = 3.0
"""Seconds for a daemon to start before the first tool is called; clients wait ten and more for the
server's first answer, which takes a second by itself."""

HOW_TO_ADD = "to add it to an agent: claude mcp add styxy -- styxy mcp"

ABOUT = (
    "Styxy coordinates the ports of this machine, so that no two projects or agent sessions get "
    "the same one. Look with `check` or `who` before you start a server on a fixed port, and "
    "before you stop one: never kill by port or by name. A server that is started as "
    "`styxy run -- COMMAND` moves to a free port by itself if its own is taken."
)
MAY_WRITE = (
    "Lease a port with `allocate` before you start a server on it; leases end with this session. "
    "End a server of your own with `stop`."
)
READ_ONLY = (
    "This server is read-only. To end a server of your own, run in a shell: styxy stop PORT; to "
    "lease a port: styxy allocate -s dev -n NAME"
)


class StyxyServer(MCPServer[Any]):
    """Offers Styxy's commands as tools, and the ports on lease as resources."""

    def __init__(self, caller: Caller, *, may_write: bool) -> None:
        entries = reading(caller) + (writing(caller) if may_write else [])
        self._ports = PortResources(caller)
        tools = [registered(each) for each in entries]
        self._parameters = {tool.name: list(tool.parameters["properties"]) for tool in tools}
        super().__init__(
            "styxy",
            title="Styxy",
            instructions=f"{ABOUT} {MAY_WRITE if may_write else READ_ONLY}",
            version=__version__,
            tools=tools,
            resources=list(self._ports.registered()),
            log_level="ERROR",
        )

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Raises `ToolError` with the command to run."""
        known = self._parameters.get(name)
        if known is None:
            raise ToolError(self._not_offered(name, arguments))
        for argument in arguments:
            if argument not in known:
                words = f"unknown argument {echo(argument)}; {guess(argument, known)}"
                raise ToolError(f"{words}; see: {help_of(name)}" if known else words)
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            raise explained(error, name, arguments) from error.__cause__

    def _not_offered(self, name: str, arguments: dict[str, Any]) -> str:
        if name in WRITING:
            return (
                f"{name} changes something, and this server is read-only (it is not if it was "
                f"started as styxy mcp --allow-write); in a shell: {in_shell(name, arguments)}"
            )
        return f"unknown tool {echo(name)}; {guess(name, self._parameters)}"

    async def read_resource(
        self, uri: AnyUrl | str, context: Context | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource. Raises `ResourceError` with the command to run."""
        try:
            if context is not None and str(uri) == PROJECT_PORTS:
                return await self._project_ports(context)
            return await super().read_resource(uri, context)
        except ResourceError as error:
            if isinstance(error.__cause__, StyxyError):
                raise ResourceError(error.__cause__.message) from error.__cause__
            raise
        except StyxyError as failure:
            raise ResourceError(failure.message) from failure

    async def _project_ports(
        self, context: Context
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read the ports of the client's project: unlike a tool, a resource of the SDK cannot ask
        for the roots.
        """
        wanted = find_resolved_parameters(_with_roots)
        plans = build_resolver_plans(wanted, set())
        found = await resolve_arguments(wanted, plans, {}, context)
        if isinstance(found, InputRequiredResult):
            return found
        text = await asyncio.to_thread(self._ports.of_project, found["roots"])
        return [ReadResourceContents(content=text, mime_type=JSON)]


def _with_roots(*, roots: Annotated[ListRootsResult | None, Resolve(roots_offered)]) -> None:
    """Carry the question for the roots in the form that the SDK reads: an annotation."""


def serve(caller: Caller, *, may_write: bool) -> None:
    """Serve until standard input ends or a signal comes; then end what was leased.

    Raises `InvalidInput` if standard input or output is closed.
    """
    if sys.stdin is None or sys.stdout is None:
        raise InvalidInput(f"styxy mcp needs standard input and output; {HOW_TO_ADD}")
    if sys.stdin.isatty():
        caller.remark(f"waiting for an MCP client on standard input; {HOW_TO_ADD}")
    if caller.may_start:
        _start_daemon(caller)
    try:
        asyncio.run(_serve(caller, may_write=may_write))
    except* BrokenPipeError:
        pass  # the client has gone, and reads no answer
    finally:
        # What is still to be written has no reader, and must not fail the end of the process.
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _start_daemon(caller: Caller) -> None:
    """Start the daemon while there is one thread, because starting forks; a failure is reported by
    the tools, which try again.
    """
    try:
        Connection(
            caller.paths,
            starter=lambda link: caller.start_daemon(link, patience=START_PATIENCE),
        ).ensure()
    except StyxyError:
        return


async def _serve(caller: Caller, *, may_write: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _end_now, caller, number)
    try:
        await StyxyServer(caller, may_write=may_write).run_stdio_async()
    finally:
        await asyncio.to_thread(end_leases, caller.paths)


def _end_now(caller: Caller, number: int) -> None:
    """End by a signal. A thread is blocked in read(2) on standard input, and an interpreter that
    ends in the usual way would wait for it.
    """
    end_leases(caller.paths)
    os._exit(128 + number)
