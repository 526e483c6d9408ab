"""completion: what a shell needs to complete our commands."""

from __future__ import annotations

from styxy.client.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

SHELLS = ("bash", "zsh", "fish")
"""As in `client.cli.completion`, which costs too much to be loaded for `--help`."""


def add_options(parser: Parser) -> None:
    """Say what `completion` takes."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def completion(options: Namespace, caller: Caller) -> int:
    """Print a completion script."""
    from styxy.client.cli.completion import script

    text = script(options.shell)
    if caller.wants_json:
        import json

        caller.say(json.dumps({"shell": options.shell, "script": text}))
    else:
        caller.say(text)
    return 0


COMMANDS = (
    Command(
        "completion",
        "Print what bash, zsh or fish needs to complete these commands.",
        example='eval "$(styxy completion bash)"',
        add_options=add_options,
        run=completion,
    ),
)
