"""allocate, release, list: leases from the command line."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

from styxy.client.cli.command import Command
from styxy.client.cli.values import (
    leasable_port,
    name_text,
    not_empty,
    port_number,
    positive_number,
    project_here,
    project_of,
    query,
    quoted,
    service_type,
)
from styxy.client.text import render
from styxy.core.config.environment import has_readers
from styxy.core.errors import (
    ConfirmationRequired,
    InvalidInput,
    UnknownLease,
    UnknownServiceType,
)
from styxy.core.messages import echo, guess
from styxy.core.names import own_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.connection import Answer, Connection


def add_allocate_options(parser: Parser) -> None:
    """Add the options of `allocate`."""
    parser.add_argument(
        "-s",
        "--service-type",
        "--type",
        metavar="TYPE",
        type=service_type,
        required=True,
        help="dev, api, test ...",
    )
    parser.add_argument(
        "-p",
        "--preferred",
        "--port",
        dest="preferred_port",
        metavar="PORT",
        type=leasable_port,
        help="preferred port",
    )
    parser.add_argument(
        "-n",
        "--name",
        "--service-name",
        metavar="NAME",
        type=name_text,
        help="name of the service",
    )
    parser.add_argument(
        "--project", metavar="DIR", type=not_empty, help="lease for the project of DIR"
    )
    parser.add_argument(
        "--instance", "--instance-id", metavar="ID", type=name_text, help="lease for this instance"
    )
    parser.add_argument(
        "--pid", metavar="PID", type=positive_number, help="process that the lease ends with"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be leased without leasing it"
    )
    parser.add_argument(
        "--new", action="store_true", help="take another port, even if NAME has one"
    )
    parser.add_argument("--yes", action="store_true", help="accept the range of a new service type")
    parser.add_argument("--env", metavar="NAME", help="print only `export NAME=PORT`")


def allocate(options: Namespace, caller: Caller) -> int:
    """Lease a port."""
    if options.env is not None:
        _check_variable(options.env)
    body = _lease_body(options, caller.env)
    try:
        answer = caller.connection_here().ask("POST", "/allocate", body)
    except ConfirmationRequired as proposal:
        from styxy.client.cli.confirming import confirmed

        answer = confirmed(proposal, body, caller, is_yes=options.yes)
    is_announced = announce(answer, caller)
    # A terminal shows both streams, and nothing twice.
    has_message = not (is_announced and caller.out.isatty())
    if options.env is not None or not has_message or not caller.out.isatty():
        for complaint in (
            render.without_preferred(answer.data, options.preferred_port),
            render.occupied(answer.data),
        ):
            if complaint is not None and not caller.wants_json:
                caller.complain(complaint)
    if options.env is not None:
        caller.show(answer, f"export {options.env}={render.plain(answer.data.get('port'))}")
    else:
        caller.show(answer, render.granted(answer.data, has_message=has_message))
    return 0


def announce(answer: Answer, caller: Caller) -> bool:
    """Say on standard error that a service type was made, and how to undo that; return whether."""
    made = render.made_type(answer.data)
    if made is not None:
        caller.complain(made)
    return made is not None


def _lease_body(options: Namespace, env: Mapping[str, str]) -> dict[str, object]:
    body: dict[str, object] = {
        "service_type": options.service_type,
        "service_name": options.name,
        "preferred_port": options.preferred_port,
        "instance_id": options.instance or own_instance(env),
        "project_path": _project(options, env),
        "pid": options.pid,
    }
    if options.name is not None and not options.new:
        body["reuse"] = True  # a named lease is one, so that a start-up file may ask for it
    if options.dry_run:
        body["dry_run"] = True
    return {name: value for name, value in body.items() if value is not None}


def _project(options: Namespace, env: Mapping[str, str]) -> str:
    return project_of(options.project, env) if options.project else project_here(env)


def _check_variable(name: str) -> None:
    """Check what is printed for a shell to evaluate. Raises `InvalidInput`."""
    if not (name.isascii() and name.isidentifier()):
        raise InvalidInput(f"{echo(name)} is not a variable name; try: --env PORT")
    if has_readers(name):
        raise InvalidInput(
            f"{name} has a meaning of its own, and a port in it would break the shell or what it "
            "starts; try: --env PORT"
        )


def add_release_options(parser: Parser) -> None:
    """Add the options of `release`."""
    parser.add_argument(
        "lock_id", metavar="LOCK_ID", nargs="?", type=lease_id, help="id of the lease"
    )
    parser.add_argument("-p", "--port", metavar="P", type=port_number, help="port of the lease")
    parser.add_argument(
        "-f", "--force", action="store_true", help="release it even if it is another project's"
    )
    parser.add_argument(
        "--project", metavar="DIR", type=not_empty, help="release it as the project of DIR"
    )


def lease_id(text: str) -> str:
    """Parse the id of a lease. Raises `InvalidInput` for what looks like a port."""
    if text.isascii() and text.isdigit():
        raise InvalidInput(f"{echo(text)} looks like a port; try: styxy release --port {text[:5]}")
    if not text or "/" in text:  # it would be a different path of the API
        raise ArgumentTypeError(f"{echo(text)} is not a lease id; see: styxy list -v")
    return text


def release(options: Namespace, caller: Caller) -> int:
    """Release a lease."""
    if (options.lock_id is None) == (options.port is None):
        raise InvalidInput("name one lease or one port; see: styxy release --help")
    lock_id = options.lock_id
    connection = caller.connection_here()
    if lock_id is None:
        found = connection.ask("GET", "/allocations").data
        lock_id = _lease_of(found, options.port)
    # With --force nothing depends on the project, so the working directory may be gone.
    scope = (
        query(force="true") if options.force else query(project_path=_project(options, caller.env))
    )
    answer = connection.ask("DELETE", f"/allocate/{quoted(lock_id)}{scope}")
    caller.show(answer, render.plain(answer.data.get("message")))
    return 0


def _lease_of(answer: Mapping[str, object], port: int) -> str:
    for lease in render.objects(answer.get("allocations")):
        if lease.get("port") == port:
            return str(lease.get("lock_id"))
    raise UnknownLease(
        f"port {port} is not leased; see: styxy list", port=port, suggestions=["styxy list"]
    )


def add_list_options(parser: Parser) -> None:
    """Add the options of `list`."""
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show lease ids and times as well"
    )
    parser.add_argument(
        "-s",
        "--service",
        "--service-type",
        metavar="T",
        type=service_type,
        help="show only this service type",
    )
    parser.add_argument(
        "--project", metavar="DIR", type=not_empty, help="show only the project of DIR"
    )
    parser.add_argument(
        "--instance", "--instance-id", metavar="ID", type=not_empty, help="show only this instance"
    )


def show_list(options: Namespace, caller: Caller) -> int:
    """Show leases."""
    # The daemon finds the project, even of a deleted directory: its leases may still exist.
    filters = query(
        service_type=options.service,
        project=os.path.abspath(options.project) if options.project else None,
        instance_id=options.instance,
    )
    connection = caller.connection_here()
    answer = connection.ask("GET", f"/allocations{filters}")
    if not answer.data.get("allocations"):
        _check_filters(options, connection)
    caller.show(answer, render.leases(answer.data, verbose=options.verbose))
    return 0


def _check_filters(options: Namespace, connection: Connection) -> None:
    """Reject a type or a directory that does not exist, if no lease is left of it.

    Raises `UnknownServiceType`, `InvalidInput`.
    """
    if options.project and not os.path.isdir(options.project):
        raise InvalidInput(f"no such directory: {echo(options.project)}, and no lease of it")
    name = options.service
    if name:
        types = connection.ask("GET", "/config").data.get("service_types")
        if isinstance(types, dict) and name not in types:
            raise UnknownServiceType(
                f"unknown service type {echo(name)}; {guess(name, types)}", known=list(types)
            )


COMMANDS = (
    Command(
        "allocate",
        "Lease a port and print it.",
        example='eval "$(styxy allocate -s dev -n web --env PORT)"',
        add_options=add_allocate_options,
        run=allocate,
    ),
    Command(
        "release",
        "Release a lease.",
        example="styxy release --port 3000",
        add_options=add_release_options,
        run=release,
    ),
    Command(
        "list",
        "Show leases.",
        example="styxy list --service dev --project .",
        add_options=add_list_options,
        run=show_list,
    ),
)
