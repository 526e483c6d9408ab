"""stop, prune: end a server of one's own, and those that nobody has any more."""

from __future__ import annotations

import argparse

from styxy.client.cli.command import Command
from styxy.client.cli.values import not_empty, port_number, positive_number, project_here
from styxy.core.errors import (
    Conflict,
    DaemonUnreachable,
    InvalidInput,
    NotFound,
    Refused,
    StyxyError,
)
from styxy.core.messages import counted, echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.inspection.servers import FoundServer, ServerFinder
    from styxy.client.inspection.stopping import Stopped, Stopping

EXIT_PARTLY = 1

PATIENCE = 10
"""Seconds that a server has to end by itself, unless `--timeout` says otherwise."""


def add_stop_options(parser: Parser) -> None:
    """Add the options of `stop`."""
    parser.usage = "styxy stop [options] PORT|NAME"
    parser.add_argument(
        "target",
        metavar="PORT|NAME",
        nargs="?",
        type=not_empty,
        help="1-65535, or the name of a lease",
    )
    parser.add_argument(
        "-f", "--force", action="store_true", help="stop another project's server, too"
    )
    parser.add_argument(
        "--pid", metavar="PID", type=positive_number, help="only if this process is listening there"
    )
    _add_timeout(parser)


def _add_timeout(parser: Parser) -> None:
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        default=float(PATIENCE),
        help=f"seconds until what has not ended is killed ({PATIENCE})",
    )


def _seconds(text: str) -> float:
    if not text.isascii() or not text.replace(".", "", 1).isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{echo(text)} is not a number of seconds")
    return float(text)


def stop(options: Namespace, caller: Caller) -> int:
    """End the server on a port, with its whole tree."""
    from styxy.client.inspection.stopping import Stopping

    if options.target is None and options.pid is not None:
        command = f"styxy stop PORT --pid {options.pid}"
        raise InvalidInput(
            f"missing argument: PORT|NAME; --pid only checks who listens there, as in: {command}",
            suggestions=["styxy stop --help"],
        )
    if options.target is None:  # it is typed for the daemon, too
        raise InvalidInput(
            "missing argument: PORT|NAME; or did you mean 'styxy daemon stop'?",
            suggestions=["styxy stop --help", "styxy daemon stop"],
        )
    port = _port_number(options.target)
    finder = _finder(caller)
    if port is None:
        port = _port_of_name(options.target, finder)
    stopping = Stopping(finder, caller.env, patience=options.timeout)
    servers = stopping.choose(port, is_forced=options.force, pid=options.pid)
    stopped = [_end(port, server, stopping, caller) for server in servers]
    message = "\n".join(each.message for each in stopped)
    refused = [each.message for each in stopping.refusals]
    body = {
        "success": True,
        "port": port,
        "message": message,
        "stopped": stopped,
        "refused": refused,
    }
    caller.report(body, message)
    for sentence in refused:
        caller.complain(sentence)
    return 0


def _finder(caller: Caller) -> ServerFinder:
    from styxy.client.inspection.servers import ServerFinder

    try:
        project = project_here(caller.env)
    except InvalidInput:
        project = None  # the working directory is gone, and so is whatever is one's own
    return ServerFinder(caller.connection_here(), caller.env, project=project)


def _end(port: int, server: FoundServer, stopping: Stopping, caller: Caller) -> Stopped:
    from styxy.client.inspection.stopping import Interrupted

    assert server.main is not None
    try:
        with caller.waiting_for(f"{server.name} (pid {server.main.pid}) to end"):
            return stopping.end(port, server)
    except Interrupted as interrupted:
        caller.complain(interrupted.message)
        raise


def _port_number(target: str) -> int | None:
    """Return the port that a word names; None if it may be a name. Raises `InvalidInput`."""
    if not target.lstrip("-").isdigit():
        return None
    try:
        return port_number(target)
    except argparse.ArgumentTypeError as error:
        raise InvalidInput(str(error)) from None


def _port_of_name(name: str, finder: ServerFinder) -> int:
    """Return the port of this project's lease with a name.

    Raises `NotFound`, `Conflict` if there are several, `DaemonUnreachable` if none is known.
    """
    if finder.notice is not None:
        raise DaemonUnreachable(
            f"only the daemon knows which server is named {echo(name)}; "
            "name its port, or start the daemon with: styxy daemon start -d",
            suggestions=["styxy daemon start -d"],
        )
    named = [each for each in finder.leases if each.get("service_name") == name]
    own = [each for each in named if each.get("project_path") == finder.project]
    in_use = [each for each in own if each.get("state") == "bound"]
    chosen = in_use or own
    if not chosen:
        elsewhere = sorted({str(each.get("project_path")) for each in named})
        more = f" ({', '.join(elsewhere)} has one)" if elsewhere else ""
        raise NotFound(
            f"this project has no lease named {echo(name)}{more}; see: styxy list --project .",
            name=name,
            suggestions=["styxy list --project ."],
        )
    if len(chosen) > 1:
        ports = [f"{each.get('port')} ({each.get('service_type')})" for each in chosen]
        commands = [f"styxy stop {each.get('port')}" for each in chosen]
        raise Conflict(
            f"{len(chosen)} leases of this project are named {echo(name)}: {', '.join(ports)}; "
            f"name the port, as in: {commands[0]}",
            name=name,
            suggestions=commands,
        )
    return int(str(chosen[0].get("port")))


def add_prune_options(parser: Parser) -> None:
    """Add the options of `prune`."""
    parser.add_argument("-y", "--yes", action="store_true", help="end them without asking")
    _add_timeout(parser)


def prune(options: Namespace, caller: Caller) -> int:
    """Show the servers that nobody has any more, and end them if that is wanted."""
    from styxy.client.inspection.abandoned import abandoned
    from styxy.client.inspection.stopping import Stopping
    from styxy.client.text import render

    finder = _finder(caller)
    found = abandoned(finder)
    documents = [each.document() for each in found]
    if not caller.wants_json:
        caller.say(render.abandoned(documents))
        if finder.notice is not None:
            caller.complain(f"which sessions have ended is unknown: {finder.notice}")
    stopped: list[Stopped] = []
    failures: list[StyxyError] = []
    if found and (options.yes or _is_confirmed(len(found), caller)):
        stopping = Stopping(finder, caller.env, patience=options.timeout)
        for each in found:
            try:
                stopped.append(_end(each.server.ports[0], each.server, stopping, caller))
            except StyxyError as failure:
                failures.append(failure)
    _tell(documents, stopped, failures, caller)
    return EXIT_PARTLY if failures else 0


def _tell(
    servers: Sequence[object],
    stopped: Sequence[Stopped],
    failures: Sequence[StyxyError],
    caller: Caller,
) -> None:
    if caller.wants_json:
        failed = [{"error": each.message, "code": each.code} for each in failures]
        body = {"success": not failures, "servers": servers, "stopped": stopped, "failed": failed}
        caller.report(body, "")
        return
    caller.say("\n".join(each.message for each in stopped))
    for each in failures:
        caller.complain(each.message)


def _is_confirmed(count: int, caller: Caller) -> bool:
    """Ask on a terminal; elsewhere, name the option that answers. Raises `Refused` on a no."""
    import sys

    if caller.wants_json:
        return False
    if not (sys.stdin and sys.stdin.isatty() and caller.screen.is_terminal):
        caller.say("to end them: styxy prune --yes")
        return False
    caller.err.write(f"end {counted(count, 'server')}? [y/N] ")
    caller.err.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing has been ended")
    return True


COMMANDS = (
    Command(
        "stop",
        "Stop a server of this project and everything that belongs to it.",
        example="styxy stop 3000",
        add_options=add_stop_options,
        run=stop,
    ),
    Command(
        "prune",
        "Show servers whose agent session, worktree or directory is gone, and stop them.",
        example="styxy prune",
        add_options=add_prune_options,
        run=prune,
    ),
)
