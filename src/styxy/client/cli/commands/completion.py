"""help, completion: what the command line says of itself to people and to shells.

The completion scripts are written when Styxy is built.
"""

from __future__ import annotations

import os

from styxy import __file__ as package
from styxy.client.cli.command import Command, HelpOf
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

SCRIPTS = {"bash": "styxy.bash", "zsh": "_styxy", "fish": "styxy.fish"}
"""The file that each shell reads; scripts/shell_files.py writes them."""


def add_options(parser: Parser) -> None:
    """Add the options of `completion`."""
    shells = tuple(SCRIPTS)
    parser.add_argument("shell", metavar="SHELL", choices=shells, help=", ".join(shells))


def completion(options: Namespace, caller: Caller) -> int:
    """Print a completion script."""
    path = os.path.join(os.path.dirname(package), "share", SCRIPTS[options.shell])
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise Unavailable(f"there is no {path}; install Styxy again") from None
    caller.report({"shell": options.shell, "script": text}, text)
    return 0


def add_help_options(parser: Parser) -> None:
    """Add the options of `help`."""
    parser.add_argument("words", metavar="COMMAND", nargs="*", help="all commands without one")


def show_help(options: Namespace, _caller: Caller) -> int:
    """Raise `HelpOf`, for only the entry point knows all commands."""
    raise HelpOf(options.words)


COMMANDS = (
    Command(
        "help",
        "Explain a command, or list all commands.",
        example="styxy help config set",
        add_options=add_help_options,
        run=show_help,
    ),
    Command(
        "completion",
        "Print the completion script for bash, zsh or fish.",
        example='eval "$(styxy completion bash)"',
        add_options=add_options,
        run=completion,
    ),
)
