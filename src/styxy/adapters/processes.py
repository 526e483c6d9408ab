"""Processes as /proc shows them (proc(5)): identity, directory, sockets.

A process may end between two looks; every query then returns None or leaves it out. If no
descriptor is left to look with, `Unavailable` is raised: a process that cannot be seen is not dead.
"""

from __future__ import annotations

import fcntl
import functools
import os
import pwd
import struct
from itertools import islice
from typing import TYPE_CHECKING

from styxy.adapters.fd_limits import is_want, refusal
from styxy.core.model.leases import Holder
from styxy.core.reports.process_tree import Process, below

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_GONE = OSError
"""What /proc answers for a process that has ended or belongs to another user. Whatever else it
answers concerns that process alone, too; a lack of descriptors is `Unavailable`, and no OSError."""

_PIECE = 1 << 16
"""Bytes of a file that are read at a time; most files of /proc fit into one piece."""

MOST_DESCRIPTORS = 10_000
"""Descriptors of one process among which a socket is searched; each costs about 2 us."""

_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")

_PIDFD_INFO = struct.Struct("=QQ11Ii")
"""The first version of `struct pidfd_info` (linux/pidfd.h): mask, cgroup, ids, and the status."""
_PIDFD_GET_INFO = 3 << 30 | _PIDFD_INFO.size << 16 | 0xFF << 8 | 11
_PIDFD_INFO_EXIT = 1 << 3

_EXIT_STATUS = 49
"""Field 52 of /proc/pid/stat, counted from the first one after the name."""

_DELETED = " (deleted)"
"""What /proc appends to the path of a deleted directory; a real name may end like this, too."""


class Processes:
    """Queries the processes of this machine. `is_directory` looks at the paths of their working
    directories, and may not be answered."""

    has_pidfds = True
    """Whether the end of a process can be waited for."""

    def __init__(self, *, is_directory: Callable[[str], bool] = os.path.isdir) -> None:
        self._is_directory = is_directory
        self.boot = _read_text("/proc/sys/kernel/random/boot_id").strip()
        self._booted_at = _boot_time()
        self._ticks = os.sysconf("SC_CLK_TCK")

    def holder(self, pid: int) -> Holder | None:
        """Identify a living process; None if there is none (a zombie has ended, too)."""
        try:
            stat = _read_text(f"/proc/{pid}/stat")
        except _GONE:
            return None
        # The name, field 2, is in parentheses and may hold any byte, so count from its end.
        fields = stat.rpartition(")")[2].split()
        state, start_time = fields[0], fields[19]
        if state in "ZX" or not _is_process(pid):
            return None
        return Holder(pid=pid, start_time=int(start_time), boot=self.boot)

    def is_alive(self, holder: Holder) -> bool:
        """Return whether this very process is alive, not another one with its pid."""
        return self.holder(holder.pid) == holder

    def pidfd(self, pid: int) -> int:
        """Open a descriptor that is readable once a process has ended (pidfd_open(2)).

        Raises `OSError`; ENOSYS where there is no such thing.
        """
        return os.pidfd_open(pid)

    def exit_status(self, holder: Holder, pidfd: int) -> int | None:
        """Return the status of a process that has ended, in the form of wait(2); None if the kernel
        does not tell: a process that was waited for is shown since Linux 6.15 alone.
        """
        status = _status_of_zombie(holder)
        return status if status is not None else _status_of_ended(pidfd)

    def name(self, pid: int) -> str | None:
        """Return a process's short name (comm)."""
        try:
            return _read_text(f"/proc/{pid}/comm").removesuffix("\n")
        except _GONE:
            return None

    def command(self, pid: int) -> list[str] | None:
        """Return a process's command line as a list of words."""
        try:
            line = _read_text(f"/proc/{pid}/cmdline").rstrip("\0")
        except _GONE:
            return None
        return line.split("\0") if line else None  # empty: a zombie, or a thread of the kernel

    def uid(self, pid: int) -> int | None:
        """Return the real user id of a process; None if it has ended.

        Not the owner of its directory in /proc, which is root for one that cannot be dumped
        (proc(5)).
        """
        try:
            status = _read_text(f"/proc/{pid}/status")
        except _GONE:
            return None
        return int(status.partition("\nUid:")[2].split(maxsplit=1)[0])

    def executable(self, pid: int) -> str | None:
        """Return the path of the file that a process executes."""
        return _link(f"/proc/{pid}/exe")

    def directory(self, pid: int) -> str | None:
        """Return a process's working directory."""
        path = _link(f"/proc/{pid}/cwd")
        if path is not None and path.endswith(_DELETED) and not self._is_directory(path):
            return path.removesuffix(_DELETED)
        return path

    def has_lost_directory(self, pid: int) -> bool:
        """Return whether a process's working directory was deleted and not made again."""
        path = _link(f"/proc/{pid}/cwd")
        return (
            path is not None
            and path.endswith(_DELETED)
            and not self._is_directory(path)
            and not self._is_directory(path.removesuffix(_DELETED))
        )

    def has_terminal(self, pid: int) -> bool:
        """Return whether standard input and standard output of a process are a terminal."""
        streams = (_link(f"/proc/{pid}/fd/{number}") for number in (0, 1))
        return all(each is not None and each.startswith(_TERMINALS) for each in streams)

    def group(self, pid: int) -> int | None:
        """Return the process group of a process (credentials(7))."""
        try:
            return os.getpgid(pid)
        except OSError:
            return None  # ESRCH: it has ended

    def terminal(self, pid: int) -> int | None:
        """Return the device number of the terminal that controls a process; 0 is none."""
        try:
            stat = _read_text(f"/proc/{pid}/stat")
        except _GONE:
            return None
        # The kernel packs it as makedev(3) does, for every terminal with a small number.
        return int(stat.rpartition(")")[2].split()[4])

    def variable(self, pid: int, name: str) -> str | None:
        """Return the value that an environment variable had when the program image started."""
        return self.variables(pid, name).get(name)

    def variables(self, pid: int, *names: str) -> dict[str, str]:
        """Return those of some environment variables that were set when the image started.

        If a name appears twice, the first counts, as it does for the process itself (getenv(3)).
        """
        try:
            environment = _read_text(f"/proc/{pid}/environ")
        except _GONE:
            return {}
        wanted = frozenset(names)
        pairs = [each.partition("=") for each in environment.split("\0")]
        return {name: value for name, equals, value in reversed(pairs) if equals and name in wanted}

    def parents(self, pid: int) -> Iterator[int]:
        """Walk from a process upwards to the first one of all, itself left out."""
        while pid > 1:
            try:
                stat = _read_text(f"/proc/{pid}/stat")
            except _GONE:
                return
            pid = int(stat.rpartition(")")[2].split()[1])
            yield pid

    def started_at(self, holder: Holder) -> float:
        """Return when a process of this boot began: seconds since the epoch, within about 1 s."""
        return self._booted_at + holder.start_time / self._ticks

    def table(self) -> dict[int, Process]:
        """Read every process; what is hidden because it is another user's stays empty."""
        looked = (self._look(pid) for pid in _pids())
        return {each.pid: each for each in looked if each is not None}

    def pids(self) -> list[int]:
        """List every process; a hundred times as fast as `table`."""
        return list(_pids())

    def trees(self, pids: Collection[int]) -> dict[int, Process]:
        """Read some processes and all below them, without looking at any other."""
        found: dict[int, Process] = {}
        left = list(pids)
        while left:
            pid = left.pop()
            process = self._look(pid) if pid not in found else None
            if process is None:
                continue
            found[pid] = process
            children = _children(pid)
            if children is None:
                table = self.table()
                below_it = {each for top in pids for each in below(top, table)}
                return {pid: table[pid] for pid in {*pids, *below_it} & table.keys()}
            left += children
        return found

    def sockets_of(self, pid: int) -> set[int]:
        """Return the inodes of a process's sockets; none if they are not visible."""
        begin = "socket:["
        return {int(each[len(begin) : -1]) for each in _descriptors(pid) if each.startswith(begin)}

    def has_socket(self, pid: int, inode: int) -> bool:
        """Return whether a process visibly has a socket, among its first MOST_DESCRIPTORS."""
        link = f"socket:[{inode}]"
        return any(each == link for each in islice(_descriptors(pid), MOST_DESCRIPTORS))

    def cgroup(self, pid: int) -> str:
        """Return the control groups of a process, as in cgroups(7)."""
        try:
            return _read_text(f"/proc/{pid}/cgroup")
        except _GONE:
            return ""

    def holders_of(self, inodes: Collection[int]) -> dict[int, list[int]]:
        """Find every visible process that has a socket, for each socket inode."""
        wanted = {f"socket:[{inode}]": inode for inode in inodes}
        holders: dict[int, list[int]] = {inode: [] for inode in inodes}
        for pid in sorted(_pids()) if wanted else ():
            for link in set(_descriptors(pid)) & wanted.keys():
                holders[wanted[link]].append(pid)
        return holders

    def _look(self, pid: int) -> Process | None:
        try:
            stat = _read_text(f"/proc/{pid}/stat")
            uid = os.stat(f"/proc/{pid}").st_uid
        except _GONE:
            return None
        name, _, rest = stat.partition("(")[2].rpartition(")")
        fields = rest.split()
        return Process(
            pid=pid,
            parent=int(fields[1]),
            group=int(fields[2]),
            session=int(fields[3]),
            uid=uid,
            name=name,
            words=tuple(self.command(pid) or ()),
            directory=self.directory(pid),
            started=int(fields[19]),
        )

    def socket_owners(self, inodes: Collection[int]) -> dict[int, int]:
        """Find one process for each socket inode: the newest that has it, because workers come
        last.

        Costs 3-9 ms for 300 processes, so ask for new inodes only.
        """
        holders = self.holders_of(inodes)
        return {inode: self._newest(pids) for inode, pids in holders.items() if pids}

    def _newest(self, pids: list[int]) -> int:
        """Return the process that was started last; its number says nothing once pids wrap."""
        if len(pids) == 1:
            return pids[0]
        started = {pid: holder.start_time for pid in pids if (holder := self.holder(pid))}
        return max(pids, key=lambda pid: (started.get(pid, 0), pid))


def _status_of_zombie(holder: Holder) -> int | None:
    """Read the status of a process that nobody has waited for yet (proc_pid_stat(5))."""
    try:
        stat = _read_text(f"/proc/{holder.pid}/stat")
    except _GONE:
        return None
    fields = stat.rpartition(")")[2].split()
    is_it = fields[0] in "ZX" and int(fields[19]) == holder.start_time
    return int(fields[_EXIT_STATUS]) if is_it else None


def _status_of_ended(pidfd: int) -> int | None:
    """Ask for the status of a process that is gone (PIDFD_GET_INFO)."""
    info = bytearray(_PIDFD_INFO.size)
    info[:8] = _PIDFD_INFO_EXIT.to_bytes(8, "little")
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:
        return None  # ENOTTY before Linux 6.13; ESRCH and EINVAL before 6.15
    mask, *_, status = _PIDFD_INFO.unpack(info)
    return int(status) if mask & _PIDFD_INFO_EXIT else None


def _is_process(pid: int) -> bool:
    """Distinguish a process from a thread, which /proc also shows under its own number."""
    try:
        os.close(os.pidfd_open(pid))
    except OSError as error:
        # Without a descriptor to spare we cannot tell, and a process is by far the likelier.
        return is_want(error)
    return True


def _boot_time() -> int:
    """Read `btime` of proc(5): when the kernel booted, in seconds since the epoch."""
    lines = _read_text("/proc/stat").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def _pids() -> Iterator[int]:
    return (int(name) for name in _listed("/proc") if name.isdigit())


def _children(pid: int) -> list[int] | None:
    """Return a process's children; None if this kernel does not list them.

    CONFIG_PROC_CHILDREN (proc_pid_children(5)); each thread has those that it has started.
    """
    found: list[int] = []
    try:
        for thread in _listed(f"/proc/{pid}/task"):
            found += map(int, _read_text(f"/proc/{pid}/task/{thread}/children").split())
    except _GONE:
        return found if os.path.exists("/proc/thread-self/children") else None
    return found


def _descriptors(pid: int) -> Iterator[str]:
    directory = f"/proc/{pid}/fd"
    try:
        names = _listed(directory)
    except _GONE:
        return
    for name in names:
        try:
            yield os.readlink(f"{directory}/{name}")
        except PermissionError:
            return  # all of them, or none, may be read (ptrace(2))
        except _GONE:
            pass


def _link(path: str) -> str | None:
    """Return the target of a link in /proc; None if it is gone, or too deep for PATH_MAX."""
    try:
        return os.readlink(path)
    except _GONE:
        return None


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError as error:
        if is_want(error):
            raise refusal(error) from error
        raise


def _read_text(path: str) -> str:
    """Read a file of /proc in half the time that `open` takes: a hook reads one per process."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if is_want(error):
            raise refusal(error) from error
        raise
    try:
        pieces = list(iter(lambda: os.read(descriptor, _PIECE), b""))
    finally:
        os.close(descriptor)
    return os.fsdecode(b"".join(pieces))


@functools.lru_cache(maxsize=64)
def user_name(uid: int) -> str | None:
    """Return the login name of a user; None if this machine knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
