"""hook: what coding agents call at each of their events.

Agents come here by a shorter way (`client.cli.main`), without a parser: what they call must be
quick and never fail. This module has what a person sees who asks for help.
"""

from __future__ import annotations

from styxy.client.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

AGENTS = "claude, codex, gemini, qwen, copilot, opencode, cursor or auto"


def add_options(parser: Parser) -> None:
    """Add the arguments of `hook`."""
    parser.add_argument("agent", metavar="AGENT", help=AGENTS)
    parser.add_argument("event", metavar="EVENT", help="the event, as the agent names it")


def hook(options: Namespace, caller: Caller) -> int:
    """Hand standard input to the daemon, and print its answer; silent on every failure."""
    from styxy.client.agents.hook_call import run_hook

    return run_hook((options.agent, options.event), caller.env)


COMMANDS = (
    Command(
        "hook",
        "Answer an event of a coding agent, which calls this; see: styxy-hook --help.",
        example="styxy hook claude SessionStart < payload.json",
        add_options=add_options,
        run=hook,
    ),
)
