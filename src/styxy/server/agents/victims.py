"""Which processes a command would end: its kills, looked up in the kernel at this moment."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from styxy.core.advice.guard import Victims
from styxy.core.model.ports import Port
from styxy.core.reports.ownership import ownership, session_of
from styxy.core.reports.process_tree import job

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from styxy.core.commands.kills.kill import Kill
    from styxy.core.reports.process_tree import Process
    from styxy.server.agents.occupants import Occupants
    from styxy.server.agents.sessions import Session, Sessions
    from styxy.server.service.service import Service

LONGEST_PATTERN = 200
LONGEST_ARGUMENTS = 4096
"""Characters of a pattern, and of a command line that it is searched for in."""

SEARCH_SECONDS = 0.05
"""Time for `grep` to match a pattern: somebody waits for the hook's answer."""

LARGEST_PID_FILE = 64

_SPECIAL = frozenset("\\^$.|?*+()[]{}")


class Census:
    """Finds the victims of kills, with the eyes of a session."""

    def __init__(self, service: Service, sessions: Sessions, occupants: Occupants) -> None:
        self._service = service
        self._sessions = sessions
        self._occupants = occupants

    def victims(
        self, kills: Iterable[Kill], session: Session, *, directory: str | None, as_root: bool
    ) -> Victims:
        """Return what the kills would end of what matters.

        `as_root`: the processes of other users as well. Pid files are relative to `directory`.
        """
        kills = tuple(kills)
        table = self._table(kills, as_root=as_root)
        listeners = self._listeners()
        ended: set[int] = set()
        clients: set[int] = set()
        for kill in kills:
            ended |= _selected(kill, table, session, directory=directory)
            ended |= {pid for pid, ports in listeners.items() if ports & set(kill.ports)}
            if kill.has_clients:
                clients |= self._connected(kill.ports)
        # A group or a parent may be named whose ends are the agent's own.
        ancestor = next((pid for pid in sorted(ended | clients) if pid in session.ancestors), None)
        daemon = self._service.context.pid
        servers = self._servers(ended - {daemon}, table, listeners)
        return Victims(
            servers=tuple(
                occupant
                for port in sorted(servers)
                if (occupant := self._occupants.on(port, session)) is not None
            ),
            clients=self._foreign(clients - ended - listeners.keys(), session),
            ancestor=(self._name(ancestor), ancestor) if ancestor is not None else None,
            daemon=daemon if daemon in ended else None,
        )

    def _table(self, kills: Iterable[Kill], *, as_root: bool) -> dict[int, Process]:
        """Read all processes that the kills could reach, if they name any by id or by name.

        A listener is found without: reading a few hundred processes takes tens of milliseconds, and
        most kills are by port.
        """
        if not any(kill.pids or kill.names for kill in kills):
            return {}
        own = os.geteuid()
        table = self._service.context.processes.table()
        reaches_all = as_root or own == 0
        return {pid: each for pid, each in table.items() if reaches_all or each.uid == own}

    def _name(self, pid: int) -> str:
        return self._service.context.processes.name(pid) or "a process"

    def _listeners(self) -> dict[int, set[int]]:
        """Return the ports that each process listens on."""
        context = self._service.context
        now = context.clock()
        context.listeners.look(now)
        context.listeners.look_at_udp(now)
        sockets = {
            each.inode: each.port
            for udp in (False, True)
            for each in context.kernel.listeners(udp=udp)
            if not udp or each.port not in context.ephemeral
        }
        found: dict[int, set[int]] = {}
        for inode, pids in context.processes.holders_of(sockets).items():
            for pid in pids:
                found.setdefault(pid, set()).add(sockets[inode])
        return found

    def _connected(self, ports: Iterable[int]) -> set[int]:
        context = self._service.context
        inodes = [inode for port in ports for inode in context.kernel.connections(Port(port))]
        return {pid for pids in context.processes.holders_of(inodes).values() for pid in pids}

    def _servers(
        self, ended: set[int], table: Mapping[int, Process], listeners: Mapping[int, set[int]]
    ) -> set[Port]:
        """Return the ports whose server would end: with its process, or with its launcher."""
        lost: set[Port] = set()
        for pid, ports in listeners.items():
            launchers = {each.pid for each in job(pid, table)} if pid in table else {pid}
            if ended & launchers:
                lost |= {Port(port) for port in ports}
        for lease in self._service.desk.lease_index:
            if lease.holder is not None and lease.holder.pid in ended:
                lost.add(lease.port)
        return lost

    def _foreign(self, clients: Iterable[int], session: Session) -> tuple[tuple[str, int], ...]:
        """Leave out the clients that this session or its project has started."""
        projects, crowd = self._service.context.projects, self._sessions.crowd()
        parties = {
            pid: self._sessions.party(pid, project=projects.of(pid)) for pid in sorted(clients)
        }
        return tuple(
            (self._name(pid), pid)
            for pid, party in parties.items()
            if session_of(party, crowd)[0] != session.instance_id
            and ownership(party, session.party, crowd).relation != "own"
        )


def _selected(
    kill: Kill, table: Mapping[int, Process], session: Session, *, directory: str | None
) -> set[int]:
    """Return the processes that a kill names by id or by name."""
    found: set[int] = set()
    for text in kill.pids:
        if text == "$PPID":  # the parent of the shell that the agent starts
            found |= set(session.ancestors[:1])
        number = _number(_in_file(text[1:], directory) if text.startswith("@") else text)
        if number is None:
            continue
        if number == -1:
            found |= {pid for pid in table if pid > 1}  # kill(2): all but init
        elif number < 0:
            found |= {pid for pid, each in table.items() if each.group == -number}
        elif number > 0:
            found.add(number)
    for name in kill.names:
        found |= set(_named(name, kill, table))
    return found


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 11 else None


def _in_file(path: str, directory: str | None) -> str:
    """Read a pid file: a regular file of a few bytes, never anything that could block."""
    if not os.path.isabs(path) and directory is None:
        return ""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(os.path.join(directory or "/", path), flags)
    except (OSError, ValueError):
        return ""  # no such file: the kill will say so itself
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        words = os.read(descriptor, LARGEST_PID_FILE).split()
    except OSError:
        return ""  # EIO
    finally:
        os.close(descriptor)
    return words[0].decode("ascii", "replace") if words else ""


def _named(name: str, kill: Kill, table: Mapping[int, Process]) -> Iterator[int]:
    """Return the processes with a name, as pkill(1) and killall(1) find them."""
    if kill.how in ("killall", "skill", "fkill", "fkill-cli", "taskkill", "start-stop-daemon"):
        wanted = name.rpartition("/")[2]
        yield from (pid for pid, each in table.items() if wanted in _names(each))
        return
    lines = {
        pid: " ".join(each.words)[:LONGEST_ARGUMENTS] if kill.in_arguments else each.name
        for pid, each in table.items()
        if pid != os.getpid() or kill.in_arguments
    }
    yield from _matching(name, lines)


def _names(process: Process) -> set[str]:
    # The kernel keeps 15 characters of a name (comm, proc(5)).
    first = process.words[0].rpartition("/")[2] if process.words else ""
    return {process.name, first}


def _matching(pattern: str, lines: Mapping[int, str]) -> list[int]:
    """Match an extended regular expression, which is not ours and could take for ever."""
    pattern = pattern[:LONGEST_PATTERN]
    core = pattern.strip("^$")
    if not _SPECIAL & set(core.replace(".", "")):
        return [pid for pid, line in lines.items() if _matches(pattern, line)]
    typed = "".join(f"{line.translate(_ONE_LINE)}\n" for line in lines.values())
    try:
        done = subprocess.run(
            ["grep", "-n", "-E", "-e", pattern],
            input=typed.encode("utf-8", "replace"),
            capture_output=True,
            timeout=SEARCH_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []  # no grep, NUL in the pattern, too slow: it is not known whom this would end
    pids = list(lines)
    numbers = (each.partition(b":")[0] for each in done.stdout.splitlines())
    return [pids[int(number) - 1] for number in numbers if number.isdigit()]


_ONE_LINE = {ord("\n"): " ", ord("\r"): " "}


def _matches(pattern: str, line: str) -> bool:
    """Match a pattern whose only special characters are `^`, `$` and `.`."""
    core = pattern.removeprefix("^").removesuffix("$")
    if pattern.startswith("^") and pattern.endswith("$"):
        return len(core) == len(line) and _agrees(core, line, 0)
    if pattern.startswith("^"):
        return _agrees(core, line, 0)
    if pattern.endswith("$"):
        return _agrees(core, line, len(line) - len(core))
    # The longest piece without a dot is found quickly, and the rest compared there.
    piece = max(core.split("."), key=len)
    offset = core.index(piece)
    place = line.find(piece)
    while place >= 0:
        if _agrees(core, line, place - offset):
            return True
        place = line.find(piece, place + 1) if piece else -1
    return False


def _agrees(core: str, line: str, start: int) -> bool:
    part = line[start : start + len(core)] if start >= 0 else ""
    return len(part) == len(core) and all(
        wanted in (".", found) for wanted, found in zip(core, part, strict=True)
    )
