"""Checks of the daemon: does it answer, is it ours, is it alone, does it keep up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from styxy import __version__
from styxy.adapters.projects.git import canonical
from styxy.client.doctor.fixes import another_port, taker_of, unwritable
from styxy.client.doctor.verdict import Outcome, error, ok, warning, worst
from styxy.client.text.render import plain

if TYPE_CHECKING:
    from styxy.client.doctor.examination import Examination
    from styxy.client.service.service_manager import Manager

START = "styxy daemon start -d"
RESTART = "styxy daemon restart"
WITH_TOKEN = "env -u STYXY_SKIP_AUTH styxy daemon restart"

LOGS = "styxy daemon logs"

INSTALL = "styxy service install"

PART_FIXES = {
    "descriptors": f"ulimit -n 4096 && {RESTART}",
    "recovery": RESTART,  # the next start looks again
    "port document": "styxy config document",  # says what prevents it, or writes it
}
"""What helps a part of the daemon; of others, the log tells more."""

ELSEWHERE = frozenset(
    {
        "journal",
        "backups",
        "database",
        "configuration",
        "doors",
        "port map",
        "loop",
        "authentication",
        "installation",
    }
)
"""Parts of /health that have a check of their own."""


def daemon(seen: Examination) -> Outcome:
    """See that the daemon answers."""
    if seen.other_network is not None:
        return error(seen.other_network.message, fix=None)
    if seen.status is not None:
        pid, took = plain(seen.status.get("pid")), seen.answer_time * 1000
        return ok(f"pid {pid} answers in {took:.0f} ms")
    if seen.silence is not None:
        return error(seen.silence.message, fix=_fix_of_silence(seen))
    found = unwritable(seen.paths.home)
    if found is not None:
        return error(f"no daemon is running, and none can start: {found[0]}", fix=found[1])
    if taker_of(seen.listen_port) == os.geteuid():
        return error(
            f"no daemon is running, and none can start: port {seen.listen_port} is in use by "
            "another program of yours, perhaps another home's daemon",
            fix=another_port(seen),
        )
    return warning("no daemon is running; the next command that needs it starts it", fix=START)


def _fix_of_silence(seen: Examination) -> str:
    """What makes the daemon answer again; one of another user cannot be restarted."""
    path = seen.paths.socket_override or (seen.record.socket if seen.record else None)
    if path is None or not os.path.exists(path) or os.stat(path).st_uid == os.geteuid():
        return RESTART
    if seen.paths.socket_override:
        return "unset STYXY_SOCKET"
    return "export STYXY_HOME=~/.styxy"


def version(seen: Examination) -> Outcome:
    """See that daemon and command line are one version, and that the daemon's files are there."""
    if seen.status is None:
        return ok(f"this is {__version__}, and no daemon answers")
    theirs = plain(seen.status.get("version"))
    if theirs != __version__:
        return warning(f"the daemon is {theirs}, this command line {__version__}", fix=RESTART)
    files = from_health(seen, "installation", fix=RESTART)
    return files if files.verdict != "ok" else ok(f"daemon and command line are {__version__}")


def service(seen: Examination) -> Outcome:
    """See that the service, if there is one, is of this version, and runs."""
    from styxy.client.daemon.starting import server_arguments
    from styxy.client.service.choice import alternative, manager_of
    from styxy.client.service.description import described

    manager = manager_of(seen.env)
    problem, is_installed = manager.problem(), manager.is_installed()
    if problem is not None:
        there = "the service is installed, but " if is_installed else ""
        return ok(f"{there}no service manager can be used: {problem}; {alternative()}")
    if not is_installed:
        is_likely = manager.is_enabled() or (seen.record is not None and seen.record.is_managed)
        return _of_a_package(seen, manager, manager.packaged() if is_likely else None)
    theirs = manager.home()
    if theirs is None or os.path.realpath(theirs) != os.path.realpath(seen.paths.home):
        return ok(f"{manager.service} is installed for {theirs or 'something else'}")
    if manager.differs(described(seen.paths, seen.env, command=tuple(server_arguments()))):
        return warning(f"{manager.service} is not as this version writes it now", fix=INSTALL)
    state = manager.state()
    if not state.is_running:
        return warning(f"{manager.service} is {state.words}", fix=START)
    return ok(f"{manager.service} is {state.words}")


def _of_a_package(seen: Examination, manager: Manager, path: str | None) -> Outcome:
    if path is None:
        return ok(f"none is installed; to have the daemon restarted if it dies or hangs: {INSTALL}")
    home, state = manager.packaged_home() or "", manager.state()
    if os.path.realpath(home) != os.path.realpath(seen.paths.home):
        return ok(f"{path} of a package is for {home}")
    shown = f"{manager.service} is {state.words}, as a package says in {path}"
    return ok(shown) if state.is_running else warning(shown, fix=START)


def stalls(seen: Examination) -> Outcome:
    """See that the daemon never stood still."""
    return from_health(seen, "loop", fix="styxy daemon logs")


def parts(seen: Examination) -> Outcome:
    """See what the daemon says of its other parts."""
    listed = seen.health.get("parts")
    names = [name for name in listed if name not in ELSEWHERE] if isinstance(listed, dict) else []
    if not names:
        return ok("no daemon to ask")
    return worst(
        [from_health(seen, name, fix=PART_FIXES.get(name, LOGS), named=True) for name in names]
    )


def alone(seen: Examination) -> Outcome:
    """See that no second daemon has this home, and none that nobody can reach."""
    home = os.path.realpath(seen.paths.home)
    servers = [pid for pid in _servers(seen) if _home_of(seen, pid) == home]
    recorded = seen.record.pid if seen.record else None
    if servers and not seen.listens:
        named = " ".join(str(pid) for pid in servers)
        # A restart finds it by its record; without one only the process table shows it.
        fix = RESTART if servers == [recorded] else f"kill -TERM {named}"
        return error(f"a daemon of this home runs and nobody can reach it: pid {named}", fix=fix)
    known = seen.status.get("pid") if seen.status else recorded
    others = [pid for pid in servers if pid != known]
    if others:
        named = " ".join(str(pid) for pid in others)
        return error(f"another daemon has this home, too: pid {named}", fix=f"kill -TERM {named}")
    return ok("no second daemon has this home")


def _servers(seen: Examination) -> list[int]:
    return [
        each.pid
        for each in seen.table.values()
        if each.uid == os.getuid()
        and any(
            pair == ("-m", "styxy.server") for pair in zip(each.words, each.words[1:], strict=False)
        )
    ]


def _home_of(seen: Examination, pid: int) -> str:
    variables = seen.processes.variables(pid, "STYXY_HOME", "HOME")
    home = variables.get("STYXY_HOME") or os.path.join(variables.get("HOME", "/"), ".styxy")
    return canonical(os.path.join(seen.processes.directory(pid) or "/", home))


def from_health(seen: Examination, name: str, *, fix: str, named: bool = False) -> Outcome:
    """Pass on what /health says of a part."""
    part = seen.part(name)
    if not part:
        return ok("no daemon to ask")
    message = f"{name}: {plain(part.get('message'))}" if named else plain(part.get("message"))
    match part.get("state"):
        case "ok":
            return ok(message)
        case "warning":
            return warning(message, fix=fix)
        case _:
            return error(message, fix=fix)
