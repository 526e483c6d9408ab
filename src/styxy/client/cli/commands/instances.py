"""instances, use, cleanup: who is registered, what is shared, what was left behind."""

from __future__ import annotations

from styxy.client.cli.command import Command, no_options, service_type
from styxy.client.text import render
from styxy.core.errors import NotFound, UnknownServiceType
from styxy.core.messages import echo, guess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from styxy.client.cli.command import Caller, Parser


def instances(_options: Namespace, caller: Caller) -> int:
    """Show who is registered."""
    answer = caller.connection().ask("GET", "/instance/list")
    caller.show(answer, render.instances(answer.data))
    return 0


def add_use_options(parser: Parser) -> None:
    """Add the options of `use`."""
    parser.add_argument(
        "service_type", metavar="TYPE", type=service_type, help="ai, or another singleton type"
    )


def use(options: Namespace, caller: Caller) -> int:
    """Find where a singleton is running; lease nothing."""
    kind, connection = options.service_type, caller.connection()
    _check_singleton(kind, connection.ask("GET", "/config").data)
    # The rule for singletons is the daemon's: it says which lease a request would share.
    body = {"service_type": kind, "dry_run": True}
    answer = connection.ask("POST", "/allocate", body)
    if answer.data.get("existing") is not True:
        raise NotFound(
            f"no {kind} singleton is running; start one with: styxy run -s {kind} -- CMD",
            service_type=kind,
            suggestions=[f"styxy run -s {kind} -- CMD", f"styxy list --service {kind}"],
        )
    caller.show(answer, render.plain(answer.data.get("port")))
    return 0


def _check_singleton(name: str, configuration: Mapping[str, object]) -> None:
    """Reject a type that is not shared. Raises `UnknownServiceType`, `NotFound`."""
    types = configuration.get("service_types")
    types = types if isinstance(types, dict) else {}
    if name not in types:
        raise UnknownServiceType(
            f"unknown service type {echo(name)}; {guess(name, types)}", known=list(types)
        )
    shared = [each for each, kind in types.items() if kind.get("instance_behavior") == "single"]
    if name not in shared:
        raise NotFound(
            f"{name} is not a singleton type (singletons: {', '.join(shared) or 'none'}); "
            f"for a port of your own: styxy allocate -s {name}",
            service_type=name,
            singletons=shared,
            suggestions=[f"styxy allocate -s {name}"],
        )


def add_cleanup_options(parser: Parser) -> None:
    """Add the options of `cleanup`."""
    parser.add_argument(
        "-f", "--force", action="store_true", help="end every lease without a listener"
    )


def cleanup(options: Namespace, caller: Caller) -> int:
    """End the leases that nobody needs, and list them."""
    answer = caller.connection().ask("POST", "/cleanup", {"force": options.force})
    caller.show(answer, render.cleaned(answer.data))
    return 0


COMMANDS = (
    Command(
        "instances",
        "Show registered agent sessions and terminals.",
        example="styxy instances --json",
        add_options=no_options,
        run=instances,
    ),
    Command(
        "use",
        "Print the port of a running singleton.",
        example="OLLAMA_HOST=localhost:$(styxy use ai) ollama list",
        add_options=add_use_options,
        run=use,
    ),
    Command(
        "cleanup",
        "End the leases of dead holders and those that have lapsed.",
        example="styxy cleanup -f",
        add_options=add_cleanup_options,
        run=cleanup,
    ),
)
