"""top: the ports of the machine on a terminal, live, or once as text."""

from __future__ import annotations

import os
import sys

from styxy.client.cli.command import Command
from styxy.core.errors import InvalidInput, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

EXTRA = ("textual", "rich")
"""The packages of the extra."""


def add_options(parser: Parser) -> None:
    """Add the options of `top`."""
    parser.add_argument(
        "--once", action="store_true", help="print the ports once, as text; needs no terminal"
    )


def top(options: Namespace, caller: Caller) -> int:
    """Show all ports until the user has seen enough."""
    if options.once or caller.wants_json:
        from styxy.client.terminal.texts import as_text

        answer = caller.connection_here().ask("GET", "/overview")
        caller.show(answer, as_text(answer.data, project=_project(caller)))
        return 0
    if not (caller.screen.is_terminal and sys.stdin and sys.stdin.isatty()):
        raise InvalidInput(
            "styxy top needs a terminal; for the ports as text: styxy top --once",
            suggestions=["styxy top --once", "styxy top --json"],
        )
    _show(caller)
    return 0


def _show(caller: Caller) -> None:
    """Run the view. Raises `Unavailable` where its library is not installed."""
    try:
        from styxy.client.terminal.app import Top
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] not in EXTRA:
            raise
        from styxy.client.doctor.fixes import adding

        install = adding("tui")
        raise Unavailable(
            f"styxy top needs Textual; install it with: {install}", suggestions=[install]
        ) from None
    connection = caller.connection_here()
    connection.ensure()  # later, a daemon that was stopped on purpose is not started again
    caller.may_start = False
    _forget_another_size()
    view = Top(caller.connection_here(), caller.env, project=_project(caller))
    view.run()
    if view.failure is not None:
        raise view.failure


def _forget_another_size() -> None:
    """Draw as large as the terminal is now, and follow it.

    LINES and COLUMNS, which override that (environ(7)), are often of another one: programs with
    GNU Readline hand on the size of theirs, and a view that is too high shows no beginning.
    """
    try:
        is_known = all(os.get_terminal_size())
    except OSError:
        return  # a terminal that knows no size; the variables are better than nothing
    for name in ("COLUMNS", "LINES") if is_known else ():
        os.environ.pop(name, None)


def _project(caller: Caller) -> str | None:
    from styxy.client.cli.values import project_here

    try:
        return project_here(caller.env)
    except InvalidInput:
        return None  # the working directory is gone, and so is whatever is one's own


COMMANDS = (
    Command(
        "top",
        "Show all ports live: who listens, leases, moves, sessions, events, ranges.",
        example="styxy top",
        add_options=add_options,
        run=top,
    ),
)
