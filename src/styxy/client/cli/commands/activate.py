"""env: interception for a whole shell, and a test of whether it works."""

from __future__ import annotations

import os
import stat

from styxy.client.cli.command import Command
from styxy.client.interception.shell_env import FORMATS, OFF_FORMATS, remaining, variables
from styxy.core.config.environment import switch
from styxy.core.errors import InvalidInput, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import TextIO

    from styxy.client.cli.command import Caller, Parser


VSCODE = "vscode"
"""The format that holds ports, and not what turns interception on."""

EVALUATED = ("sh", "fish")
"""The formats that a shell evaluates; the others are read by tools, later."""


def add_options(parser: Parser) -> None:
    """Add the options of `env`."""
    parser.add_argument(
        "--format",
        choices=(*FORMATS, VSCODE),
        help="output format (sh); vscode: the project's ports for settings.json, and no variables",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="test whether a bind is moved here (exit 0) or not (exit 1)",
    )
    parser.add_argument(
        "--off", action="store_true", help="print what turns interception off again"
    )


def env(options: Namespace, caller: Caller) -> int:
    """Print the variables of an activated shell; start nothing."""
    caller.may_start = False
    caller.complain_of_variables()
    if options.check:
        if options.format is not None:
            raise InvalidInput("--check prints no variables; omit --format")
        if options.off:
            raise InvalidInput("give --check or --off, not both")
        return _check(caller)
    if options.off:
        return _off(options, caller)
    if options.format == VSCODE:
        return _ports(caller)
    from styxy.client.interception import self_test as proof
    from styxy.client.interception.run import own_library_and_supervisor

    library = own_library_and_supervisor(caller.paths)
    proof.ensure(library)
    name = options.format or ("json" if caller.wants_json else "sh")
    caller.say_exactly(FORMATS[name](variables(caller.env, library)))
    word = caller.env.get("STYXY_DISABLE_REASSIGN")
    if switch(word):
        sentence = f"STYXY_DISABLE_REASSIGN={word} keeps interception off in this shell; unset it"
    else:
        sentence = "interception is on in this shell; to test it: styxy env --check"
    _tell(sentence, caller, name=name)
    return 0


def _ports(caller: Caller) -> int:
    """Print the ports of this project as an editor's settings; they are the daemon's to tell."""
    import json

    from styxy.client.cli.values import project_here, query
    from styxy.client.interception.shell_env import editor_settings

    found = caller.connection_here().ask(
        "GET", f"/allocations{query(project=project_here(caller.env))}"
    )
    if not found.data.get("allocations"):
        caller.remark("this project has no lease; to take one: styxy allocate -s dev -n web")
    caller.say_exactly(json.dumps(editor_settings(found.data), indent=2) + "\n")
    return 0


def _off(options: Namespace, caller: Caller) -> int:
    name = options.format or ("json" if caller.wants_json else "sh")
    if name not in OFF_FORMATS:
        raise InvalidInput(f"--format {name} cannot unset a variable; use sh, fish, direnv or json")
    caller.say_exactly(OFF_FORMATS[name](remaining(caller.env)))
    sentence = 'interception is off in this shell; to turn it on: eval "$(styxy env)"'
    _tell(sentence, caller, name=name)
    return 0


def _tell(sentence: str, caller: Caller, *, name: str) -> None:
    """Say what has changed, if a shell evaluates what was printed: it reads a pipe."""
    if name in EVALUATED and _is_pipe(caller.out):
        caller.remark(sentence)


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False  # no descriptor behind it, or a closed one


def _check(caller: Caller) -> int:
    from styxy.client.interception.self_test import Trial, try_bind

    connection = caller.connection()
    try:
        runs = connection.listens()
        if runs:
            connection.ask("GET", "/status")  # a daemon that hangs is reported here
        trial = try_bind(caller.env, caller.paths, runs=runs)
    except Unavailable as failure:
        trial = Trial(works=False, message=failure.message)
    caller.report(trial.as_dict(), trial.message)
    return 0 if trial.works else 1


COMMANDS = (
    Command(
        "env",
        "Print the variables that turn interception on in a shell, or off again.",
        example='eval "$(styxy env)"',
        add_options=add_options,
        run=env,
    ),
)
