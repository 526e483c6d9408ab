"""instances, use, cleanup: who is here, what they share, what they left behind."""

from __future__ import annotations

from styxy.client import render
from styxy.client.cli.command import Command, no_options
from styxy.core.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser


def instances(_options: Namespace, caller: Caller) -> int:
    """Show who is registered."""
    answer = caller.connection().ask("GET", "/instance/list")
    caller.show(answer, render.instances(answer.data))
    return 0


def add_use_options(parser: Parser) -> None:
    """Say what `use` takes."""
    parser.add_argument("service_type", metavar="TYPE", help="ai, or a singleton of your own")


def use(options: Namespace, caller: Caller) -> int:
    """Find where a singleton runs; take nothing."""
    kind = options.service_type
    # The rule of singletons is the daemon's: it says which lease a request would share.
    body = {"service_type": kind, "dry_run": True}
    answer = caller.connection().ask("POST", "/allocate", body)
    if answer.data.get("existing") is not True:
        raise _not_running(kind, caller)
    caller.show(answer, render.plain(answer.data.get("port")))
    return 0


def _not_running(kind: str, caller: Caller) -> NotFound:
    types = caller.connection().ask("GET", "/config").data.get("service_types")
    known = types.get(kind.lower()) if isinstance(types, dict) else None
    if isinstance(known, dict) and known.get("instance_behavior") == "single":
        return NotFound(
            f"no singleton {kind} runs; start one with: styxy run -s {kind} -- CMD",
            service_type=kind,
            suggestions=[f"styxy run -s {kind} -- CMD", f"styxy list --service {kind}"],
        )
    return NotFound(
        f"{kind} is no singleton, so there is nothing to attach to; for a port of your own: "
        f"styxy allocate -s {kind}",
        service_type=kind,
        suggestions=[f"styxy allocate -s {kind}", "styxy config show"],
    )


def add_cleanup_options(parser: Parser) -> None:
    """Say what `cleanup` takes."""
    parser.add_argument(
        "-f", "--force", action="store_true", help="end every lease that no listener uses"
    )


def cleanup(options: Namespace, caller: Caller) -> int:
    """End what nobody needs any more, and say what that was."""
    answer = caller.connection().ask("POST", "/cleanup", {"force": options.force})
    caller.show(answer, render.cleaned(answer.data))
    return 0


COMMANDS = (
    Command(
        "instances",
        "Show the agent sessions and terminals that are registered.",
        example="styxy instances --json",
        add_options=no_options,
        run=instances,
    ),
    Command(
        "use",
        "Attach to a singleton that runs: print its port.",
        example="OLLAMA_HOST=localhost:$(styxy use ai) ollama list",
        add_options=add_use_options,
        run=use,
    ),
    Command(
        "cleanup",
        "End the leases of the dead and those that have lapsed; asks nothing.",
        example="styxy cleanup -f",
        add_options=add_cleanup_options,
        run=cleanup,
    ),
)
