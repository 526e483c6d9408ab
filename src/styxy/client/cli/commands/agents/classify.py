"""classify: show what a command line would start and end."""

from __future__ import annotations

import argparse

from styxy.client.cli.command import Command
from styxy.core.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from styxy.client.cli.command import Caller, Parser
    from styxy.core.commands.classify import Classification
    from styxy.core.commands.kills.kill import Kill
    from styxy.core.commands.tools.servers import Server


def add_options(parser: Parser) -> None:
    """Add the options of `classify`."""
    parser.usage = "styxy classify [options] -- 'COMMAND LINE'"
    parser.add_argument(
        "line", metavar="LINE", nargs=argparse.REMAINDER, help="the command line, as one word"
    )


def classify(options: argparse.Namespace, caller: Caller) -> int:
    """Show what a line would start and end; nothing runs."""
    from styxy.adapters.projects.project_files import ProjectFiles
    from styxy.core.commands.classify import classify as read

    words = options.line
    # Everything after the line belongs to it, but these flags may follow any command.
    while len(words) > 1 and words[0] != "--" and words[-1] in ("--json", "--no-start"):
        caller.wants_json |= words[-1] == "--json"
        words = words[:-1]
    found = read(_line(words), project=ProjectFiles("."))
    caller.report(_document(found), "\n".join(_sentences(found)))
    return 0


def _line(words: list[str]) -> str:
    words = words[1:] if words[:1] == ["--"] else words
    if not any(words):
        raise InvalidInput("missing argument: LINE; try: styxy classify -- 'npm run dev'")
    if len(words) == 1:
        return words[0]
    import shlex

    return shlex.join(words)  # the quotes were forgotten


def _document(found: Classification) -> dict[str, object]:
    return {
        "servers": [
            {
                "service_type": each.service_type,
                "port": each.port,
                "program": each.program,
                "where": each.where,
            }
            for each in found.servers
        ],
        "kills": [
            {"how": each.how, "ports": each.ports, "pids": each.pids, "names": each.names}
            for each in found.kills
        ],
    }


def _sentences(found: Classification) -> Iterator[str]:
    for server in found.servers:
        yield _server_text(server)
    for kill in found.kills:
        yield _kill_text(kill)
    if not found.servers and not found.kills:
        yield "starts no server and ends no process"


def _server_text(server: Server) -> str:
    port = "an unknown port" if server.port is None else f"port {server.port}"
    where = f", set by {server.where}" if server.where not in (None, "default") else ""
    return f"starts {server.service_type} on {port} ({server.program}{where})"


def _kill_text(kill: Kill) -> str:
    targets = [f"what uses port {port}" for port in kill.ports]
    targets += [f"process {pid}" for pid in kill.pids]
    targets += [f"processes named {name!r}" for name in kill.names]
    return f"ends {', '.join(targets)} ({kill.how})"


COMMANDS = (
    Command(
        "classify",
        "Show which servers a command line would start, and which processes it would end.",
        example="styxy classify -- 'PORT=3001 npm run dev'",
        add_options=add_options,
        run=classify,
    ),
)
