"""mcp: Styxy as tools for a model, on standard input and output."""

from __future__ import annotations

from styxy.client.cli.command import Command
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

SDK = ("mcp", "mcp_types", "pydantic")
"""The packages of the extra, and what they bring along."""


def add_options(parser: Parser) -> None:
    """Add the options of `mcp`."""
    parser.add_argument(
        "--allow-write",
        action="store_true",
        help="offer the tools that change something as well: allocate, release, stop, cleanup",
    )


def mcp(options: Namespace, caller: Caller) -> int:
    """Serve until standard input ends."""
    try:
        from styxy.client.agents.mcp.server import serve
    except ImportError as missing:  # also an SDK 1.x, which has other modules
        if (missing.name or "").partition(".")[0] not in SDK:
            raise
        from styxy.client.doctor.fixes import adding

        install = adding("mcp")
        raise Unavailable(
            f"styxy mcp needs the MCP SDK 2; install it with: {install}", suggestions=[install]
        ) from None
    serve(caller, may_write=options.allow_write)
    return 0


COMMANDS = (
    Command(
        "mcp",
        "Serve Styxy's commands to a coding agent as tools (MCP on standard input and output).",
        example="styxy mcp --allow-write",
        add_options=add_options,
        run=mcp,
    ),
)
