"""Which processes a command would end: its kills, looked up in the kernel at this moment."""

from __future__ import annotations

import glob
import os
import stat
import subprocess
from itertools import islice
from typing import TYPE_CHECKING

from styxy.core.advice.guard import Victims
from styxy.core.model.ports import Port
from styxy.core.reports.ownership import ownership, session_of
from styxy.core.reports.process_tree import job

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from styxy.adapters.processes import Processes
    from styxy.core.advice.occupants import Occupant
    from styxy.core.commands.kills.kill import Kill
    from styxy.server.agents.occupants import Occupants
    from styxy.server.agents.sessions import Session, Sessions
    from styxy.server.service.service import Service

LONGEST_PATTERN = 200
LONGEST_ARGUMENTS = 65536
"""Characters of a pattern, and of a command line that it is searched for in."""

SEARCH_SECONDS = 0.05
"""Time for `grep` to match a pattern: somebody waits for the hook's answer."""

ENOUGH = 10
"""Servers of others that are judged; three are named, and the rest is at least so many."""

MOST_PID_FILES = 32
LARGEST_PID_FILE = 1024
"""Files of pids that one word may mean, and bytes of each that are read."""

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
        sockets = self._listening()
        ended: set[int] = set()
        connected: set[int] = set()
        ports: set[Port] = set()
        for kill in kills:
            ended |= self._selected(kill, session, directory=directory, as_root=as_root)
            ports |= set(sockets.values()) & {Port(port) for port in kill.ports}
            if kill.has_clients:
                connected |= self._connected(kill.ports)
        # A port, a group or a parent may be named whose ends are the agent's own.
        own = self._service.context.pid
        protected = {*session.ancestors, own}
        ended |= {pid for pid in protected if ports and self._ports_of(pid, sockets) & ports}
        ancestor = next((pid for pid in session.ancestors if pid in ended | connected), None)
        # Looking takes long, and an agent's own end is reason enough.
        looked_at = (ended | connected) - protected if ancestor is None else set()
        served, listening = self._served(looked_at, sockets)
        lost = ports | served | self._leased(ended)
        if own in ended:
            lost -= self._ports_of(own, sockets)
        servers = self._judged(sorted(lost) if ancestor is None else (), session)
        return Victims(
            servers=servers,
            is_cut=len(servers) < len(lost),
            clients=self._foreign(connected - ended - listening - {own}, session),
            ancestor=(self._name(ancestor), ancestor) if ancestor is not None else None,
            daemon=own if own in ended else None,
        )

    def _judged(self, ports: Iterable[Port], session: Session) -> tuple[Occupant, ...]:
        """Say who is on some ports, until enough of them are others'."""
        found: list[Occupant] = []
        foreign = 0
        for port in ports:
            occupant = self._occupants.on(port, session)
            if occupant is None:
                continue
            found.append(occupant)
            foreign += occupant.whose != "own"
            if foreign == ENOUGH:
                break
        return tuple(found)

    def _selected(
        self, kill: Kill, session: Session, *, directory: str | None, as_root: bool
    ) -> set[int]:
        """Return the processes that a kill names by id or by name, as far as it can reach them."""
        if not kill.pids and not kill.names:
            return set()
        processes = self._service.context.processes
        pids = processes.pids()
        found = _by_id(kill, pids, session, directory=directory)
        if kill.names:
            found |= set(_named(kill, pids, processes))
        own = os.geteuid()
        reaches_all = as_root or own == 0
        return {pid for pid in found.intersection(pids) if reaches_all or _user(pid) == own}

    def _name(self, pid: int) -> str:
        return self._service.context.processes.name(pid) or "a process"

    def _listening(self) -> dict[int, Port]:
        """Return the port of each listening socket, by inode."""
        context = self._service.context
        now = context.clock()
        context.listeners.look(now)
        context.listeners.look_at_udp(now)
        return {
            each.inode: each.port
            for udp in (False, True)
            for each in context.kernel.listeners(udp=udp)
            if not udp or each.port not in context.ephemeral
        }

    def _ports_of(self, pid: int, sockets: Mapping[int, Port]) -> set[Port]:
        """Return the ports that a process listens on."""
        found = sockets.keys() & self._service.context.processes.sockets_of(pid)
        return {sockets[inode] for inode in found}

    def _connected(self, ports: Iterable[int]) -> set[int]:
        context = self._service.context
        inodes = [inode for port in ports for inode in context.kernel.connections(Port(port))]
        return {pid for pids in context.processes.holders_of(inodes).values() for pid in pids}

    def _served(self, ended: set[int], sockets: Mapping[int, Port]) -> tuple[set[Port], set[int]]:
        """Return the ports whose server would end, with its process or with its launcher, and the
        processes that listen on them.

        Only the ended processes and those below them are looked at, because somebody waits for the
        answer, and a machine may have a thousand processes.
        """
        table = self._service.context.processes.trees(ended)
        lost: set[Port] = set()
        listening: set[int] = set()
        for pid in table:
            ports = self._ports_of(pid, sockets)
            if ports and ended & {each.pid for each in job(pid, table)}:
                lost |= ports
                listening.add(pid)
        return lost, listening

    def _leased(self, ended: set[int]) -> set[Port]:
        """Return the leases whose holder would end."""
        return {
            lease.port
            for lease in self._service.desk.lease_index
            if lease.holder is not None and lease.holder.pid in ended
        }

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


def _by_id(
    kill: Kill, pids: Collection[int], session: Session, *, directory: str | None
) -> set[int]:
    found: set[int] = set()
    for text in kill.pids:
        if text == "$PPID":  # the parent of the shell that the agent starts
            found |= set(session.ancestors[:1])
        for number in _numbers(text, directory):
            if number == -1:
                found |= {pid for pid in pids if pid > 1}  # kill(2): all but init
            elif number < 0:
                groups = {-number, _group(-number)}  # of `-$(ps -o pgid= PID)`, the PID is known
                found |= {pid for pid in pids if _group(pid) in groups}
            elif number > 0:
                found.add(number)
    return found


def _numbers(text: str, directory: str | None) -> list[int]:
    """Return the ids that a word stands for; `-@FILE` are the groups of those in the file."""
    sign, mark, path = text.partition("@")
    words = [text]
    if mark:
        found = [each for file in _files(path, directory) for each in _in_file(file)]
        words = [sign + each for each in found]
    return [number for number in map(_number, words) if number is not None]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None  # ESRCH: it has ended


def _user(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None  # ENOENT: it has ended


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 11 else None


def _files(path: str, directory: str | None) -> list[str]:
    """Return the absolute paths of the files that a word means: `*.pid`."""
    path = os.path.expanduser(path)
    if "\0" in path or (not os.path.isabs(path) and directory is None):
        return []
    whole = os.path.join(directory or "/", path)
    if not glob.has_magic(whole):
        return [whole]
    folder, _, name = whole.rpartition("/")
    if glob.has_magic(folder):
        return []  # it could take for ever
    found = islice(glob.iglob(name, root_dir=folder or "/"), MOST_PID_FILES)
    return [os.path.join(folder, each) for each in found]


def _in_file(path: str) -> list[str]:
    """Read a file of pids: a regular file of a few bytes, never anything that could block."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return []  # no such file: the kill will say so itself
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        data = os.read(descriptor, LARGEST_PID_FILE)
    except OSError:
        return []  # EIO
    finally:
        os.close(descriptor)
    is_cut = len(data) == LARGEST_PID_FILE  # and the last number with it
    words = data.split()[:-1] if is_cut else data.split()
    return [word.decode("ascii", "replace") for word in words]


def _named(kill: Kill, pids: Collection[int], processes: Processes) -> Iterator[int]:
    """Return the processes with a name, as pkill(1) and killall(1) find them."""
    if kill.how in _BY_WHOLE_NAME and not kill.are_patterns:
        wanted = {_folded(name.rpartition("/")[2], kill) for name in kill.names}
        for pid in pids:
            if wanted & {_folded(name, kill) for name in _names(pid, processes)}:
                yield pid
        return
    lines = {
        pid: _folded(_searched(pid, kill, processes), kill)
        for pid in pids
        if pid != os.getpid() or kill.in_arguments
    }
    for name in kill.names:
        pattern = _folded(name, kill)
        yield from _matching(f"^({pattern})$" if kill.is_whole else pattern, lines)


_BY_WHOLE_NAME = ("killall", "skill", "fkill", "fkill-cli", "taskkill", "start-stop-daemon")


def _searched(pid: int, kill: Kill, processes: Processes) -> str:
    if not kill.in_arguments:
        return processes.name(pid) or ""
    return " ".join(processes.command(pid) or ())[:LONGEST_ARGUMENTS]


def _folded(text: str, kill: Kill) -> str:
    return text.lower() if kill.ignores_case else text


def _names(pid: int, processes: Processes) -> set[str]:
    # The kernel keeps 15 characters of a name (comm, proc(5)).
    words = processes.command(pid)
    return {processes.name(pid) or "", words[0].rpartition("/")[2] if words else ""}


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
