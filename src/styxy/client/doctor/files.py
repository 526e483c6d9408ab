"""Checks of what lies on the disk: modes and owners, the configuration, the journal, leftovers."""

from __future__ import annotations

import os
import shlex
import stat
from typing import TYPE_CHECKING

from styxy import __version__
from styxy.adapters.config_file import load
from styxy.adapters.home import is_token
from styxy.client.daemon import preloading
from styxy.client.doctor.fixes import another_port, another_port_number, unwritable
from styxy.client.doctor.running import INSTALL, RESTART, START, WITH_TOKEN, from_health
from styxy.client.doctor.verdict import Outcome, error, ok, warning, worst
from styxy.core.errors import JournalFailed

if TYPE_CHECKING:
    from styxy.adapters.paths import Paths
    from styxy.client.doctor.examination import Examination

OURS = ("styxy.db", "daemon.json", "reassignments.log", "logs/daemon.log")
"""Files that Styxy writes; the user's own may have any mode in a directory that is private."""

SET_ASIDE = "set-aside"
"""Directory of the home for what is damaged and may be needed."""

OTHERS = 0o077
"""The bits of a mode that let others in."""


def home(seen: Examination) -> Outcome:
    """See that the home is a directory of ours that nobody else reads, and that can be written."""
    path = seen.paths.home
    found = _private_directory(path) if os.path.lexists(path) else ok(f"{path} is not made yet")
    closed = unwritable(path)
    if found.verdict == "ok" and closed is not None:
        return error(closed[0], fix=closed[1])
    if not os.path.lexists(path):
        return found
    paths = [seen.paths.in_home(name) for name in OURS]
    inside = [_private_file(path) for path in paths if os.path.lexists(path)]
    return worst([found, *(each for each in inside if each.verdict != "ok")])


def agents(seen: Examination) -> Outcome:
    """See that the hooks of coding agents are of this version, and that their files can be read."""
    from styxy.client.agents.install.installing import Installer
    from styxy.client.agents.install.status import places_of_user

    places = places_of_user(Installer(seen.paths, seen.env))
    if not places:
        return ok("no coding agent has hooks of Styxy")
    named = ", ".join(
        name if place.state == "current" else f"{name} ({place.state})"
        for name, place in places.items()
    )
    bad = [place for place in places.values() if place.state in ("outdated", "broken")]
    if bad:
        return warning(f"hooks of coding agents: {named}", fix="styxy agent status")
    return ok(f"hooks of coding agents: {named}")


def token(seen: Examination) -> Outcome:
    """See that the token for TCP is there, private, and can be used."""
    path = seen.paths.token_file
    if not os.path.lexists(path):
        if seen.status is None:
            return ok("the next daemon makes one")
        return warning(f"{path} is gone; the daemon writes it again at once", fix="styxy doctor")
    found = _private_file(path)
    if found.verdict == "ok" and not is_token(path):
        aside = shlex.quote(path + ".aside")
        fix = f"mv {shlex.quote(path)} {aside}"
        return error(f"{path} holds no token of 64 hex digits", fix=fix)
    is_asked = from_health(seen, "authentication", fix=WITH_TOKEN, named=True)
    return worst([found, is_asked]) if is_asked.verdict != "ok" else found


def sockets(seen: Examination) -> Outcome:
    """See that the sockets are there, private and open."""
    if seen.status is None:
        return ok("no daemon has opened any")
    paths = [seen.paths.socket(), seen.paths.line_socket(), seen.paths.note_socket()]
    if seen.record is not None and seen.paths.socket_override is None:
        named = (seen.record.content.get(key) for key in ("socket", "line_socket", "note_socket"))
        paths = [path for path in named if isinstance(path, str)]
    outcomes = [_socket(path) for path in paths]
    has_tcp = seen.record is None or seen.record.port is not None
    daemon_side = from_health(seen, "doors", fix=RESTART if has_tcp else _moving(seen))
    return worst([*outcomes, daemon_side])


def _moving(seen: Examination) -> str:
    """Write what moves the daemon to a TCP port that is free."""
    if seen.record is not None and seen.record.content.get("managed") is True:
        return f"{another_port(seen)} && {INSTALL}"
    # A restart takes the port that the last daemon was started with, unless it is named.
    return f"{another_port(seen)} && {RESTART} -p {another_port_number(seen)}"


def runtime(seen: Examination) -> Outcome:
    """See that the directory of the sockets and the map is ours alone, and so is the map."""
    path = seen.paths.runtime_dir()
    if seen.paths.socket_override is not None:
        return ok(f"STYXY_SOCKET={seen.paths.socket_override} takes its place")
    if not os.path.lexists(path):
        if seen.status is None:
            return ok(f"{path} is made by the next daemon")
        # A login session that ended takes its runtime directory with it.
        return warning(f"{path} is gone, or the daemon was started with another", fix=RESTART)
    port_map = seen.paths.port_map()
    inside = [_private_file(port_map)] if os.path.lexists(port_map) else []
    return worst([_private_directory(path), *(each for each in inside if each.verdict != "ok")])


def configuration(seen: Examination) -> Outcome:
    """See that config.json is in order, and in force."""
    loaded = load(seen.paths.config_file)
    fix = "styxy config validate"
    found = from_health(seen, "configuration", fix=fix)
    if loaded.problems:
        more = f" (and {len(loaded.problems) - 1} more)" if len(loaded.problems) > 1 else ""
        # A daemon that has read it also says what is in force instead.
        is_known = found.verdict != "ok"
        return error(found.message if is_known else f"{loaded.problems[0]}{more}", fix=fix)
    if seen.status is None:
        there = "there is no config.json" if loaded.is_missing else "config.json is in order"
        found = ok(there)
    return found


def database(seen: Examination) -> Outcome:
    """See that the journal is sound, by the daemon that has it open, else by reading a copy."""
    if seen.status is not None:
        closed = unwritable(seen.paths.home)
        fix = closed[1] if closed else "styxy daemon logs"
        found = [from_health(seen, name, fix=fix) for name in ("journal", "backups")]
        if closed is None:  # what the last start found is said until it is dealt with
            fix = _put_away(seen.paths, _damaged(seen.paths)) or "styxy daemon restart"
        return worst([found[0], from_health(seen, "database", fix=fix), found[1]])
    path = seen.paths.database
    if seen.silence is not None:
        return ok("in use by the daemon that does not answer")
    if not os.path.lexists(path):
        return ok("there is none yet")
    from styxy.adapters.journal.recovery import inspect

    try:
        return ok(f"{path} is sound, with {inspect(path)} events")
    except JournalFailed as failure:
        message = f"{failure.message}; the next daemon sets it aside and loads the newest backup"
        return error(message, fix=START)


def leftovers(seen: Examination) -> Outcome:
    """See that nothing lies about: files of dead daemons, of older versions, damaged journals."""
    outcomes = [ok("nothing is left over")]
    paths = seen.paths
    if not seen.listens and os.path.lexists(paths.daemon_file):
        outcomes.append(
            warning(
                f"{paths.daemon_file} is of a daemon that died; the next one follows", fix=START
            )
        )
    damaged = _damaged(paths)
    if damaged:
        message = (
            f"{', '.join(os.path.basename(path) for path in damaged)} could not be read in full "
            "and was set aside"
        )
        outcomes.append(warning(message, fix=_put_away(paths, damaged)))
    used = _libraries_in_use(seen)
    stale = [
        *(path for path in _listed(paths.home) if path.endswith(".part")),
        *(path for path in _listed(paths.backups) if path.endswith(".part")),
        *(path for path in _listed(paths.in_home("lib")) if not _is_needed(path, used)),
    ]
    if stale:
        named = " ".join(shlex.quote(path) for path in stale)
        message = f"nobody needs {', '.join(os.path.basename(path) for path in stale)} any more"
        outcomes.append(warning(message, fix=f"rm -r {named}"))
    return worst(outcomes)


def _damaged(paths: Paths) -> list[str]:
    return [
        *(path for path in _listed(paths.home) if ".damaged-" in path),
        *(path for path in _listed(paths.backups) if path.endswith(".damaged")),
    ]


def _put_away(paths: Paths, damaged: list[str]) -> str | None:
    """Give the command that moves damaged files; they may be the only copy of some lease, so none
    is ever deleted. None if there are none.
    """
    if not damaged:
        return None
    away = shlex.quote(paths.in_home(SET_ASIDE))
    named = " ".join(shlex.quote(path) for path in damaged)
    return f"mkdir -p {away} && mv {named} {away}"


def _is_needed(library: str, used: str) -> bool:
    # Whoever has it in the variable would get an error line from every command.
    return os.path.basename(library) == __version__ or library + "/" in used


def _libraries_in_use(seen: Examination) -> str:
    values = (seen.processes.variable(pid, preloading.HERE.variable) for pid in seen.table)
    return " ".join(each for each in values if each)


def _private_directory(path: str) -> Outcome:
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        return _in_the_way(path, "is a link or a file, and no directory")
    return _private(path, status)


def _private_file(path: str) -> Outcome:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return _in_the_way(path, "is not a regular file")
    return _private(path, status)


def _in_the_way(path: str, what: str) -> Outcome:
    return error(f"{path} {what}", fix=f"mv {shlex.quote(path)} {shlex.quote(path + '.aside')}")


def _socket(path: str) -> Outcome:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return error(f"{path} is gone", fix=RESTART)
    if not stat.S_ISSOCK(status.st_mode):
        return error(f"{path} is no socket", fix=f"rm -r {shlex.quote(path)} && {RESTART}")
    return _private(path, status)


def _private(path: str, status: os.stat_result) -> Outcome:
    if status.st_uid != os.geteuid():
        fix = f"sudo chown -R {os.geteuid()} {shlex.quote(path)}"
        return error(f"{path} belongs to user {status.st_uid}", fix=fix)
    mode = stat.S_IMODE(status.st_mode)
    if mode & OTHERS:
        fix = f"chmod go-rwx {shlex.quote(path)}"
        return error(f"others can use {path} (mode {mode:04o})", fix=fix)
    return ok(f"{path} is yours alone (mode {mode:04o})")


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.path.join(directory, name) for name in os.listdir(directory))
    except OSError:
        return []  # ENOENT: nothing there yet; EACCES: said by the check of the home
