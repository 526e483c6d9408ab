"""service install, uninstall, status: the service manager that keeps the daemon running."""

from __future__ import annotations

from styxy.client.cli.command import Command, no_options
from styxy.core.errors import EXIT_REFUSED, StyxyError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.service.description import Description
    from styxy.client.service.service_manager import Manager, State

MANAGERS = ("systemd", "launchd")


def add_install_options(parser: Parser) -> None:
    """Add the options of `service install`."""
    parser.add_argument(
        "--print", action="store_true", help="show the files, and write and start nothing"
    )
    parser.add_argument(
        "--manager", choices=MANAGERS, help="with --print: whose files (this system's)"
    )


def install(options: Namespace, caller: Caller) -> int:
    """Install the service or bring it up to date, and start it; twice is once."""
    from styxy.client.service.choice import manager_of

    manager = manager_of(caller.env, options.manager)
    daemon = describe(caller)
    if options.print:
        return _print(manager.texts(daemon), caller)
    _refuse_unusable(manager)
    manager.check_ours(daemon.home)
    was_there, state = manager.is_installed(), manager.state()
    packaged = manager.packaged()
    if state.is_running and not manager.differs(daemon):
        manager.enable()  # somebody may have disabled it
        return _report("unchanged", manager, state, caller)
    with caller.waiting_for("the service to start"):
        _put_in_place(manager, daemon, Before(manager, state, packaged), caller)
    notes = [] if packaged is None else [f"it takes the place of {packaged}, which stays there"]
    action = "updated" if was_there else "installed"
    return _report(action, manager, manager.state(), caller, notes=notes)


def describe(caller: Caller) -> Description:
    """Describe the daemon of the caller's home, as this command line would start it."""
    from styxy.client.daemon.starting import server_arguments
    from styxy.client.service.description import described

    return described(caller.paths, caller.env, command=tuple(server_arguments()))


class Before:
    """How the service was: the text of our files, and whether a package's ran or was enabled."""

    def __init__(self, manager: Manager, state: State, packaged: str | None) -> None:
        self.files = manager.content()
        self.is_packaged = packaged is not None
        self.has_daemon = state.is_running
        self.was_started = state.is_running or state.is_pending
        self.was_enabled = manager.is_enabled()


def _put_in_place(manager: Manager, daemon: Description, before: Before, caller: Caller) -> None:
    import os

    from styxy.adapters.home import private_home

    private_home(daemon.home)
    os.makedirs(os.path.dirname(daemon.log), mode=0o700, exist_ok=True)
    try:
        _replace(manager, daemon, before, caller)
    except KeyboardInterrupt:
        caller.complain(_undo(manager, before))
        raise
    except StyxyError as failure:
        raise Unavailable(
            f"{_undo(manager, before)}: {failure.message}; see: styxy daemon logs",
            suggestions=["styxy daemon logs"],
        ) from None


def _replace(manager: Manager, daemon: Description, before: Before, caller: Caller) -> None:
    from styxy.client.daemon.stopping import stop

    if before.is_packaged:
        manager.set_aside()
    if before.files:
        manager.stop()  # its sockets may be open though it does not run, or have to be others
    if before.is_packaged or not before.has_daemon:
        caller.may_start = False
        stop(caller.connection())  # leases outlive it
    manager.write(manager.texts(daemon))
    manager.enable()
    manager.start()


def _undo(manager: Manager, before: Before) -> str:
    """Put back what was there; say how it is now."""
    if not before.files:
        _take_away(manager)
        return f"the service was not installed{_undo_package(manager, before)}"
    try:
        manager.stop()
        manager.write(before.files)
        manager.enable()
        manager.start()
    except Unavailable:
        return "the service was not brought up to date, and does not run any more"
    return "the service was not brought up to date, and runs as before"


def _undo_package(manager: Manager, before: Before) -> str:
    """Have the package's service, which was set aside, as it was; say how it is now."""
    if not before.is_packaged or not (before.was_enabled or before.was_started):
        return ""
    try:
        if before.was_enabled:
            manager.enable()
        if before.was_started:
            manager.start()
    except Unavailable:
        return ", and the package's does not run any more"
    return ", and the package's is as before"


def uninstall(_options: Namespace, caller: Caller) -> int:
    """Stop the service and remove it; having none is not a failure."""
    from styxy.client.daemon.stopping import forget
    from styxy.client.service.choice import manager_of
    from styxy.client.service.service_manager import TURN_OFF

    manager = manager_of(caller.env)
    if not manager.is_installed():
        message = "no service was installed"
        if manager.problem() is None and manager.packaged() is not None:
            message += f"; to turn off the package's: {TURN_OFF}"
        caller.report(
            {"success": True, "action": "absent", "files": [], "message": message}, message
        )
        return 0
    manager.check_ours(caller.paths.home)
    with caller.waiting_for("the service to stop"):
        removed = _take_away(manager)
    caller.may_start = False
    forget(caller.connection())
    message = "the service is gone; commands start the daemon when they need it"
    body = {"success": True, "action": "removed", "files": removed, "message": message}
    caller.report(body, "\n".join([message, *(f"  removed {path}" for path in removed)]))
    return 0


def _take_away(manager: Manager) -> list[str]:
    """Stop, disable and remove; what the manager cannot do any more is left to its next start."""
    for step in (manager.stop, manager.disable):
        try:
            step()
        except Unavailable:
            continue
    return manager.remove()


def status(_options: Namespace, caller: Caller) -> int:
    """Show the service; exit 1 if none is installed or it does not run."""
    from styxy.client.service.choice import alternative, manager_of

    manager = manager_of(caller.env)
    problem, is_installed = manager.problem(), manager.is_installed()
    is_ours = not is_installed or manager.serves(caller.paths.home)
    body: dict[str, object] = {
        "success": True,
        "manager": manager.name if problem is None else None,
        "problem": problem,
        "installed": is_installed,
        "home": manager.home(),
        **({"current": is_installed and not manager.differs(describe(caller))} if is_ours else {}),
        "files": list(manager.files()) if is_installed else [],
        "running": False,
        "pid": None,
    }
    if problem is not None:
        there = f"installed ({manager.files()[0]}), but " if is_installed else ""
        caller.report(body, f"{there}no service manager can be used: {problem}\n{alternative()}")
        return EXIT_REFUSED
    state = manager.state()
    body |= {"running": state.is_running, "pid": state.pid}
    caller.report(body, _described(body, manager, state))
    return 0 if is_installed and is_ours and state.is_running else EXIT_REFUSED


def _described(body: dict[str, object], manager: Manager, state: State) -> str:
    if not body["installed"] and (packaged := manager.packaged()) is not None:
        return (
            f"{manager.service}: {state.words}, as the package says in {packaged}; "
            "for one of your own: styxy service install"
        )
    if not body["installed"]:
        return f"{manager.name}: no service is installed; to install it: styxy service install"
    pid = f", pid {state.pid}" if state.pid else ""
    lines = [f"{manager.service}: {state.words}{pid}, for the home {body['home']}"]
    if body["home"] is None:
        lines = [f"{manager.service}: {state.words}{pid}; it was not written by Styxy"]
    elif "current" not in body:
        lines.append("it serves another home than yours")
    elif not body["current"]:
        lines.append("its files are out of date; to update them: styxy service install")
    elif not state.is_running:
        lines.append("to start it: styxy daemon start -d")
    return "\n".join([*lines, *(f"  {path}" for path in manager.files())])


def _refuse_unusable(manager: Manager) -> None:
    from styxy.client.service.choice import alternative

    problem = manager.problem()
    if problem is not None:
        raise Unavailable(
            f"no service manager can be used: {problem}; {alternative()}",
            suggestions=["styxy daemon start -d"],
        )


def _print(texts: dict[str, str], caller: Caller) -> int:
    shown = [text for path, content in texts.items() for text in (f"==> {path} <==", content)]
    caller.report({"success": True, "files": texts}, "\n".join(shown))
    return 0


def _report(
    action: str, manager: Manager, state: State, caller: Caller, *, notes: Sequence[str] = ()
) -> int:
    """Say what was done, and what the service does from now on."""
    done = {
        "installed": f"installed {manager.service}",
        "updated": f"brought {manager.service} up to date",
        "unchanged": f"{manager.service} is installed and up to date",
    }[action]
    if not state.is_running:
        raise Unavailable(
            f"{done}, but it is {state.words}; see: styxy daemon logs",
            suggestions=["styxy daemon logs"],
        )
    message = (
        f"{done}: the daemon (pid {state.pid}) starts when you log in, "
        "and again if it dies or hangs"
    )
    notes = list(notes)
    if manager.name == "systemd":
        notes.append("it ends with your last session; to keep it running: loginctl enable-linger")
    files = list(manager.files())
    body = {
        "success": True,
        "action": action,
        "manager": manager.name,
        "files": files,
        "pid": state.pid,
        "message": message,
        "notes": notes,
    }
    caller.report(body, "\n".join([message, *(f"  {path}" for path in files), *notes]))
    return 0


COMMANDS = (
    Command(
        "service install",
        "Have the service manager (systemd, launchd) keep the daemon running.",
        example="styxy service install --print",
        add_options=add_install_options,
        run=install,
    ),
    Command(
        "service uninstall",
        "Stop that service and remove its files.",
        example="styxy service uninstall",
        add_options=no_options,
        run=uninstall,
    ),
    Command(
        "service status",
        "Show whether the service is installed, up to date and running (exit 1 if not).",
        example="styxy service status --json",
        add_options=no_options,
        run=status,
    ),
)
