"""wait: until a server is up, and whose it is."""

from __future__ import annotations

import argparse

from styxy.client.cli.command import Command
from styxy.client.cli.values import port_number, project_here
from styxy.client.daemon.connection import Connection
from styxy.core.messages import echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styxy.client.cli.command import Caller, Parser

LONGEST_WAIT = 86400.0


def seconds(text: str) -> float:
    """Parse a time in seconds, from 0 for a single look up to a day."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_WAIT:  # excludes NaN
        raise argparse.ArgumentTypeError(f"{echo(text)} is not a number of seconds from 0 to 86400")
    return value


def add_options(parser: Parser) -> None:
    """Add the options of `wait`."""
    parser.add_argument("port", metavar="PORT", type=port_number, help="1-65535")
    parser.add_argument(
        "--owner",
        choices=("here",),
        help="wait for this project's own server, even if it was moved",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        help="give up after S seconds (30; 5 if another project's server is there)",
    )


def wait(options: argparse.Namespace, caller: Caller) -> int:
    """Wait until something listens; exit 1 if that does not happen, or it is another project's."""
    from styxy.client.inspection.waiting import DAEMON_PATIENCE, wait_until_up
    from styxy.client.text.render import plain

    # No daemon is started: a new one would not know of any move.
    connection = Connection(caller.paths, answer_patience=DAEMON_PATIENCE)
    own = project_here(caller.env) if options.owner else None
    if own is not None:  # whose moves only the daemon knows
        connection.refuse_other_network()
    whose = "this project's server on" if options.owner else "a server on"
    limit = f", at most {options.timeout:g} s" if options.timeout is not None else ""
    with caller.waiting_for(f"{whose} {options.port}{limit}"):
        outcome = wait_until_up(
            options.port, options.timeout, connection=connection, env=caller.env, own=own
        )
    if outcome.up or caller.wants_json:
        # The message has a process name, which may be anything.
        caller.report(outcome, plain(outcome.message))
    else:
        caller.complain(outcome.message)
    return 0 if outcome.up else 1


COMMANDS = (
    Command(
        "wait",
        "Wait until something listens on a port (exit 0) or time runs out (exit 1).",
        example="styxy wait 3000 --owner here --timeout 60",
        add_options=add_options,
        run=wait,
    ),
)
