"""daemon start, stop, status, restart, logs; open."""

from __future__ import annotations

import os

from styxy.client.cli.command import Command, no_options
from styxy.client.cli.values import port_number, positive_number
from styxy.client.daemon.connection import read_record
from styxy.client.daemon.starting import (
    START_PATIENCE,
    server_arguments,
    server_environment,
    start_once,
)
from styxy.client.text import render
from styxy.core.errors import Conflict, DaemonUnreachable, InvalidInput, NotFound, Unavailable
from styxy.core.model.ports import Port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.connection import Answer
    from styxy.client.service.service_manager import Manager


def add_start_options(parser: Parser) -> None:
    """Add the options of `daemon start`."""
    _add_port(parser)
    parser.add_argument(
        "-d", "--detach", action="store_true", help="run in the background; return once it answers"
    )
    parser.add_argument("--insecure-no-auth", action="store_true", help="for testing only")


def start(options: Namespace, caller: Caller) -> int:
    """Start the daemon, in this process unless -d is given."""
    _check_may_start("start", caller)
    _check_settings(caller, port=options.port, insecure=options.insecure_no_auth)
    is_usual = options.port is None and not options.insecure_no_auth
    arguments = server_arguments(port=options.port, insecure=options.insecure_no_auth)
    if not options.detach:
        if caller.wants_json:
            arguments.append("--json")  # errors before it is ready are reported by the server
        os.execve(arguments[0], arguments, server_environment(caller.env))
    if not is_usual and (manager := _manager(caller)) is not None:
        raise _fixed_by_service(options.port, manager)
    return _start_detached(None if is_usual else arguments, options.port, caller)


def add_restart_options(parser: Parser) -> None:
    """Add the options of `daemon restart`."""
    _add_port(parser)


def restart(options: Namespace, caller: Caller) -> int:
    """Stop the daemon if one is running, and start one, on the same port unless one is given."""
    from styxy.client.daemon.stopping import stop

    _check_may_start("restart", caller)
    manager = _manager(caller)
    if manager is not None and manager.state().is_running:
        return _restart_service(manager, options.port, caller)
    record = read_record(caller.paths)
    port = options.port or (_named_port(record.pid) if record and record.pid else None)
    _check_settings(caller, port=port)
    if options.port is not None and (record is None or record.port != options.port):
        _check_free(options.port)
    _check_home(caller.paths.home)
    with caller.waiting_for("the daemon to stop"):
        stop(caller.connection())
    arguments = server_arguments(port=port) if port is not None else None
    return _start_detached(arguments, options.port, caller)


def _restart_service(manager: Manager, port: int | None, caller: Caller) -> int:
    """Have the service manager restart the daemon, which keeps its sockets open meanwhile."""
    if port is not None:
        raise _fixed_by_service(port, manager)
    with caller.waiting_for("the service to restart"):
        manager.restart()
    answer = caller.connection().ask("GET", "/status")
    caller.show(answer, _running(answer, caller))
    return 0


def _manager(caller: Caller) -> Manager | None:
    from styxy.client.service.choice import managing

    record = read_record(caller.paths)
    was_managed = record is not None and record.is_managed
    return managing(caller.paths, caller.env, was_managed=was_managed)


def _fixed_by_service(port: int | None, manager: Manager) -> InvalidInput:
    """Build the error for an option that the service knows nothing of."""
    from styxy.client.service.service_manager import TURN_OFF

    if port is None:
        end = "styxy service uninstall" if manager.is_installed() else TURN_OFF
        return InvalidInput(
            f"the service starts this home's daemon, always with a token; first: {end}",
            suggestions=[end],
        )
    move = f"styxy config set listen-port {port} && styxy service install"
    return InvalidInput(
        f"the service starts this home's daemon; to move it: {move}", suggestions=[move]
    )


def _check_may_start(word: str, caller: Caller) -> None:
    if not caller.may_start:
        raise InvalidInput(
            f"`styxy daemon {word}` starts a daemon, which --no-start forbids; omit one"
        )


def _check_settings(caller: Caller, *, port: int | None, insecure: bool = False) -> None:
    """Reject settings that no daemon starts with, before doing anything."""
    from styxy.adapters.settings import load_settings

    load_settings(caller.env, port=port, insecure=insecure)


def _check_home(home: str) -> None:
    """Reject a home in which no daemon could start, before one is stopped. Raises `Unavailable`."""
    if os.path.lexists(home) and not os.access(home, os.W_OK | os.X_OK):
        raise Unavailable(f"{home} cannot be written, so the daemon was not stopped")


def _check_free(port: int) -> None:
    """Reject a port that is taken, before anything is stopped. Raises `Conflict`."""
    from styxy.adapters.portable.choice import open_kernel

    kernel = open_kernel()
    try:
        is_free = kernel.is_free(Port(port))
    finally:
        kernel.close()
    if not is_free:
        raise Conflict(
            f"port {port} is in use, so the daemon was not moved; see: styxy who {port}",
            suggestions=[f"styxy who {port}"],
        )


def stop_daemon(_options: Namespace, caller: Caller) -> int:
    """Stop the daemon; having nothing to stop is not a failure."""
    from styxy.client.daemon.stopping import forget, stop

    caller.may_start = False
    record, manager = read_record(caller.paths), _manager(caller)
    state = manager.state() if manager is not None else None
    with caller.waiting_for("the daemon to stop"):
        if manager is not None and state is not None and (state.is_running or state.is_pending):
            pid = state.pid
            manager.stop()
            forget(caller.connection())
        else:
            state, pid = None, stop(caller.connection())
    message = f"the daemon (pid {pid}) has stopped" if pid else "no daemon was running"
    if manager is not None and state is not None:
        message = f"{message}, and its service" if pid else "the service has stopped"
        message += " until you log in again" if manager.is_enabled() else ""
        message += "; to start it: styxy daemon start -d"
    elif pid and record is not None and record.is_managed:
        message += "; a service manager had started it, and may start it again"
    body = {"success": True, "stopped": pid is not None, "pid": pid, "message": message}
    caller.report(body, message)
    return 0


def status(_options: Namespace, caller: Caller) -> int:
    """Show the state of the daemon; never start one."""
    caller.may_start = False
    answer = caller.connection().ask("GET", "/status")
    caller.show(answer, _running(answer, caller))
    return 0


def add_logs_options(parser: Parser) -> None:
    """Add the options of `daemon logs`."""
    parser.add_argument(
        "-f", "--follow", action="store_true", help="keep printing as the log grows"
    )
    parser.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=positive_number,
        default=200,
        help="show the last N lines (200)",
    )


def logs(options: Namespace, caller: Caller) -> int:
    """Show the daemon's log."""
    from styxy.client.daemon.log_tail import follow, last_lines

    path = caller.paths.daemon_log
    if options.follow and caller.wants_json:
        raise InvalidInput("--json prints one document and cannot follow; omit -f or --json")
    try:
        lines, end = last_lines(path, options.lines)
    except FileNotFoundError:
        raise NotFound(f"no log yet: {path}") from None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    caller.report({"log": path, "lines": lines}, "\n".join(lines))
    if options.follow:
        caller.out.flush()
        for text in follow(path, end):
            caller.out.write(text)
            caller.out.flush()
    return 0


def _start_detached(arguments: list[str] | None, port: int | None, caller: Caller) -> int:
    connection = caller.connection()
    try:
        if not connection.listens():
            connection.refuse_elsewhere()
        is_new = start_once(connection, caller.env, patience=START_PATIENCE, arguments=arguments)
    except DaemonUnreachable as failure:
        # The aim was to start it, not to reach it: it refused, it is not absent.
        raise Unavailable(failure.message, **failure.context) from None
    answer = connection.ask("GET", "/status")
    caller.show(answer, _running(answer, caller))
    record = read_record(caller.paths)
    actual = record.port if record else None
    if not is_new and port and actual and port != actual:
        caller.complain(
            f"it was already running on port {actual}; to move it: styxy daemon restart -p {port}"
        )
    return 0


def _named_port(pid: int) -> int | None:
    """Return the port that a daemon was started with; a configured one is reread by the next."""
    from styxy.adapters.portable.choice import open_processes

    words = open_processes().command(pid) or []
    if "styxy.server" not in words or "--port" not in words[:-1]:
        return None
    return port_number(words[words.index("--port") + 1])


def _running(answer: Answer, caller: Caller) -> str:
    record = None if caller.paths.socket_override else read_record(caller.paths)
    socket = caller.paths.socket_override or (record.socket if record else None)
    text = render.running(answer.data, port=record.port if record else None, socket=socket)
    line, *warnings = text.split("\n")
    paint = caller.screen.paint
    line = line.replace("is running", paint("is running", "ok"), 1)
    warnings = [each.replace("warning:", paint("warning:", "warning"), 1) for each in warnings]
    return "\n".join([line, *warnings])


def add_open_options(parser: Parser) -> None:
    """Add the options of `open`."""
    parser.add_argument(
        "--print", action="store_true", dest="prints", help="print the address, open nothing"
    )
    parser.add_argument(
        "--no-browser", action="store_true", dest="prints", help="the same as --print"
    )


def open_page(options: Namespace, caller: Caller) -> int:
    """Sign a browser in to the page, with a code that works once."""
    from styxy.client.daemon.browser import opened_by

    answer = caller.connection().ask("POST", "/page/code")
    url = str(answer.data["url"])
    program = None
    if not options.prints:
        with caller.waiting_for("the browser"):
            program = opened_by(url, caller.env)
    seconds = answer.data["expires_in"]
    body = {"success": True, "url": url, "expires_in": seconds, "opened_by": program}
    page = url.partition("#")[0]
    caller.report(body, url if program is None else f"opened {page} with {program}")
    if program is None and not options.prints:
        caller.complain(f"no browser could be started; open this address within {seconds} s")
    elif program is None:
        caller.remark(f"open it within {seconds} s; it works once")
    return 0


def _add_port(parser: Parser) -> None:
    parser.add_argument("-p", "--port", metavar="PORT", type=port_number, help="TCP port (9876)")


COMMANDS = (
    Command(
        "daemon start",
        "Start the daemon, in the foreground unless -d is given.",
        example="styxy daemon start -d",
        add_options=add_start_options,
        run=start,
    ),
    Command(
        "daemon stop",
        "Stop the daemon and wait until it has ended.",
        example="styxy daemon stop",
        add_options=no_options,
        run=stop_daemon,
    ),
    Command(
        "daemon status",
        "Show the state of the daemon (exit 3 if it is stopped).",
        example="styxy daemon status --json",
        add_options=no_options,
        run=status,
    ),
    Command(
        "daemon restart",
        "Restart the daemon.",
        example="styxy daemon restart -p 9877",
        add_options=add_restart_options,
        run=restart,
    ),
    Command(
        "daemon logs",
        "Show the daemon's log.",
        example="styxy daemon logs -f",
        add_options=add_logs_options,
        run=logs,
    ),
    Command(
        "open",
        "Open the page with all ports of this machine in the browser, and sign it in.",
        example="styxy open",
        add_options=add_open_options,
        run=open_page,
    ),
)
