"""instances, use, cleanup: who is registered, what is shared, what was left behind."""

from __future__ import annotations

import os

from styxy.client.cli.command import Command, no_options
from styxy.client.cli.values import not_empty, port_number, project_here, service_type
from styxy.client.text import render
from styxy.core.errors import InvalidInput, NotFound, Refused, UnknownServiceType
from styxy.core.messages import echo, guess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.connection import Connection


def instances(_options: Namespace, caller: Caller) -> int:
    """Show who is registered."""
    answer = caller.connection_here().ask("GET", "/instance/list")
    caller.show(answer, render.instances(answer.data))
    return 0


def add_use_options(parser: Parser) -> None:
    """Add the options of `use`."""
    parser.add_argument(
        "service_type",
        metavar="TYPE",
        nargs="?",
        type=service_type,
        help="ai, or another singleton type",
    )
    parser.add_argument(
        "-p", "--port", metavar="P", type=port_number, help="port of a running singleton"
    )


def use(options: Namespace, caller: Caller) -> int:
    """Find where a singleton is running; lease nothing."""
    if (options.service_type is None) == (options.port is None):
        raise InvalidInput("name one service type or one port; see: styxy use --help")
    kind, connection = options.service_type, caller.connection_here()
    if kind is None:
        kind = _type_on(options.port, connection)
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


def _type_on(port: int, connection: Connection) -> str:
    """Return the service type that has a port on lease. Raises `NotFound`."""
    lease = connection.ask("GET", f"/check/{port}").data.get("allocated_to")
    if isinstance(lease, dict):
        return str(lease.get("service_type"))
    raise NotFound(
        f"port {port} is not leased, so no singleton is running there; see: styxy list",
        port=port,
        suggestions=["styxy list"],
    )


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
        "-f",
        "--force",
        action="store_true",
        help="end this project's leases without a listener as well",
    )
    parser.add_argument(
        "--project", metavar="DIR", type=not_empty, help="clean up for the project of DIR"
    )
    parser.add_argument("--all", action="store_true", help="with -f: the leases of every project")
    parser.add_argument("--yes", action="store_true", help="do not ask about --all")


def cleanup(options: Namespace, caller: Caller) -> int:
    """End the leases that nobody needs, and list them."""
    if options.all and options.project:
        raise InvalidInput("--all and --project exclude each other; leave one out")
    if options.all and not options.force:
        raise InvalidInput("--all goes with -f; try: styxy cleanup -f --all")
    body: dict[str, object] = {"force": options.force}
    if options.project:
        # The daemon finds the project, even of a deleted directory: its leases may still exist.
        body["project_path"] = os.path.abspath(options.project)
    elif options.force and not options.all:
        body["project_path"] = project_here(caller.env)
    if options.all and not options.yes:
        _confirm_all(caller)
    answer = caller.connection_here().ask("POST", "/cleanup", body)
    caller.show(answer, render.cleaned(answer.data))
    return 0


def _confirm_all(caller: Caller) -> None:
    """Ask before other projects' leases are ended. Raises `Refused` where the answer is not yes."""
    import sys

    everybody = "cleanup -f --all ends the leases of every project that have no listener"
    if caller.wants_json or not (sys.stdin and sys.stdin.isatty()):
        raise Refused(
            f"{everybody}; confirm it with: styxy cleanup -f --all --yes",
            suggestions=["styxy cleanup -f", "styxy cleanup -f --all --yes"],
        )
    caller.err.write(f"{everybody}; go on? [y/N] ")
    caller.err.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing has changed")


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
