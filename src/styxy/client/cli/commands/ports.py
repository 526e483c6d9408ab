"""check, who, scan, suggest, types: the state of ports, without changing anything."""

from __future__ import annotations

from styxy.client.cli.command import Command, no_options
from styxy.client.cli.values import port_number, positive_number, query, quoted, service_type
from styxy.client.text import render
from styxy.core.messages import echo, guess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.connection import Answer, Connection

EXIT_TAKEN = 1
EXIT_FREE = 1


def add_check_options(parser: Parser) -> None:
    """Add the options of `check`."""
    parser.add_argument("port", metavar="PORT", type=port_number, help="1-65535")


def check(options: Namespace, caller: Caller) -> int:
    """Check whether a port is free; the exit code says so as well."""
    answer = caller.connection_here().ask("GET", f"/check/{options.port}")
    caller.show(answer, render.checked(answer.data))
    return 0 if answer.data.get("available") is True else EXIT_TAKEN


def add_who_options(parser: Parser) -> None:
    """Add the options of `who`."""
    parser.add_argument("port", metavar="PORT", type=port_number, help="1-65535")


def who(options: Namespace, caller: Caller) -> int:
    """Show what is on a port; exit 1 if it is free."""
    from styxy.client.inspection.who import tell
    from styxy.client.text.who_text import shown

    report = tell(options.port, caller.connection_here(), caller.env)
    caller.report(report, shown(report))
    return EXIT_FREE if report.is_free else 0


def add_scan_options(parser: Parser) -> None:
    """Add the options of `scan`."""
    parser.add_argument("-s", "--start", metavar="START", type=port_number, help="first port (1)")
    parser.add_argument("-e", "--end", metavar="END", type=port_number, help="last port (65535)")


def scan(options: Namespace, caller: Caller) -> int:
    """Show the ports that are leased or in use."""
    path = f"/scan{query(start=options.start, end=options.end)}"
    answer = caller.connection_here().ask("GET", path)
    caller.show(answer, render.scanned(answer.data))
    return 0


def add_suggest_options(parser: Parser) -> None:
    """Add the options of `suggest`."""
    parser.add_argument(
        "service_type", metavar="TYPE", type=service_type, help="dev, api, test ..."
    )
    parser.add_argument("-c", "--count", metavar="N", type=positive_number, help="how many (5)")


def suggest(options: Namespace, caller: Caller) -> int:
    """Show free ports of a type without leasing them."""
    path = f"/suggest/{quoted(options.service_type)}{query(count=options.count)}"
    connection = caller.connection_here()
    answer = connection.ask("GET", path)
    caller.show(answer, render.suggested(answer.data))
    # Where the last line may be cut off, or read as a port.
    if answer.data.get("fallback") and not caller.wants_json and not caller.out.isatty():
        caller.complain(_unknown_type(options.service_type, connection, answer))
    return 0


def _unknown_type(name: str, connection: Connection, answer: Answer) -> str:
    """Say that a type is unknown, which one may be meant, and whose ports are shown."""
    known = connection.ask("GET", "/config").data.get("service_types")
    hint = guess(name, known) if isinstance(known, dict) else "see: styxy types"
    shown = render.plain(answer.data.get("service_type"))
    return f"unknown service type {echo(name)}, so these are free ports of {shown}; {hint}"


def types(_options: Namespace, caller: Caller) -> int:
    """Show every service type with its range, and how full it is."""
    from styxy.client.text import types_text

    connection = caller.connection_here()
    kinds = connection.ask("GET", "/config").data.get("service_types")
    found = types_text.kinds(kinds, connection.ask("GET", "/scan").data)
    caller.report({"success": True, "service_types": found}, types_text.shown(found))
    return 0


COMMANDS = (
    Command(
        "check",
        "Check whether a port is free (exit 0) or taken, by whom and since when (exit 1).",
        example="styxy check 3000",
        add_options=add_check_options,
        run=check,
    ),
    Command(
        "who",
        "Show everything about a port, and the safe way to stop what is using it.",
        example="styxy who 3000",
        add_options=add_who_options,
        run=who,
    ),
    Command(
        "scan",
        "Show ports that are leased or in use.",
        example="styxy scan -s 3000 -e 9999",
        add_options=add_scan_options,
        run=scan,
    ),
    Command(
        "suggest",
        "Show free ports of a service type without leasing them.",
        example="styxy suggest api -c 3",
        add_options=add_suggest_options,
        run=suggest,
    ),
    Command(
        "types",
        "Show every service type: its range, its use, and how full it is.",
        example="styxy types",
        add_options=no_options,
        run=types,
    ),
)
