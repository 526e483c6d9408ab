"""who: everything about a port."""

from __future__ import annotations

from styxy.client.cli.command import Command, port_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

EXIT_FREE = 1


def add_options(parser: Parser) -> None:
    """Add the options of `who`."""
    parser.add_argument("port", metavar="PORT", type=port_number, help="1-65535")


def who(options: Namespace, caller: Caller) -> int:
    """Show what is on a port; exit 1 if it is free."""
    from styxy.client.inspection.who import tell
    from styxy.client.text.who_text import shown

    report = tell(options.port, caller.connection_here(), caller.env)
    caller.report(report, shown(report))
    return EXIT_FREE if report.is_free else 0


COMMANDS = (
    Command(
        "who",
        "Show everything about a port, and the safe way to stop what is using it.",
        example="styxy who 3000",
        add_options=add_options,
        run=who,
    ),
)
