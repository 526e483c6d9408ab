"""The questions of `adapters.processes`, answered by psutil.

A process is known by its pid and the hundredth of a second in which it began. Control groups, exit
statuses of strangers and pidfds there are none; deaths are seen by looking, once a second.
"""

from __future__ import annotations

import errno
import os
import subprocess
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import psutil

from styxy.adapters.portable.sockets import Scanner
from styxy.adapters.processes import Processes
from styxy.core.model.leases import Holder
from styxy.core.reports.process_tree import Process, below

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

Answer = TypeVar("Answer")

BOOT_ID = "/proc/sys/kernel/random/boot_id"

_HUNDREDTHS = 100

_GONE = (psutil.Error, OSError)
"""What psutil raises for a process that has ended or belongs to another user."""


class PortableProcesses(Processes):
    """Queries the processes of this machine through psutil."""

    has_pidfds = False

    def __init__(self, *, is_directory: Callable[[str], bool] = os.path.isdir) -> None:
        self._is_directory = is_directory
        self._scanner = Scanner()
        self.boot = _boot()

    def holder(self, pid: int) -> Holder | None:
        """Identify a living process; None if there is none (a zombie has ended, too)."""
        try:
            process = psutil.Process(pid)
            if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return None
            return Holder(pid=pid, start_time=_began(process), boot=self.boot)
        except _GONE:
            return None

    def exit_status(self, holder: Holder, pidfd: int) -> int | None:
        """Return None: only a process's parent learns it."""
        return None

    def name(self, pid: int) -> str | None:
        """Return a process's short name."""
        return _asked(pid, psutil.Process.name)

    def command(self, pid: int) -> list[str] | None:
        """Return a process's command line as a list of words."""
        return _asked(pid, psutil.Process.cmdline) or None

    def uid(self, pid: int) -> int | None:
        """Return the real user id of a process; None if it has ended."""
        uids = _asked(pid, psutil.Process.uids)
        return uids.real if uids else None

    def executable(self, pid: int) -> str | None:
        """Return the path of the file that a process executes."""
        return _asked(pid, psutil.Process.exe) or None

    def directory(self, pid: int) -> str | None:
        """Return a process's working directory."""
        return _asked(pid, psutil.Process.cwd) or None

    def has_lost_directory(self, pid: int) -> bool:
        """Return whether a process's working directory was deleted and not made again."""
        path = self.directory(pid)
        return path is not None and not self._is_directory(path)

    def has_terminal(self, pid: int) -> bool:
        """Return whether a terminal controls a process: its streams are not shown."""
        return _asked(pid, psutil.Process.terminal) is not None

    def terminal(self, pid: int) -> int | None:
        """Return the device number of the terminal that controls a process; 0 is none."""
        if not psutil.pid_exists(pid):
            return None
        path = _asked(pid, psutil.Process.terminal)
        try:
            return os.stat(path).st_rdev if path else 0
        except OSError:
            return 0  # ENOENT: the terminal is gone

    def variables(self, pid: int, *names: str) -> dict[str, str]:
        """Return those of some environment variables that were set when the image started."""
        found = _asked(pid, psutil.Process.environ) or {}
        return {name: found[name] for name in names if name in found}

    def parents(self, pid: int) -> Iterator[int]:
        """Walk from a process upwards to the first one of all, itself left out."""
        while pid > 1:
            parent = _asked(pid, psutil.Process.ppid)
            if parent is None:
                return
            pid = parent
            yield pid

    def started_at(self, holder: Holder) -> float:
        """Return when a process of this boot began: seconds since the epoch."""
        return holder.start_time / _HUNDREDTHS

    def pids(self) -> list[int]:
        """List every process."""
        return psutil.pids()

    def table(self) -> dict[int, Process]:
        """Read every process; what is hidden because it is another user's stays empty."""
        looked = (self._look(pid) for pid in psutil.pids())
        return {each.pid: each for each in looked if each is not None}

    def trees(self, pids: Collection[int]) -> dict[int, Process]:
        """Read some processes and all below them."""
        table = self.table()
        wanted = {*pids, *(each for pid in pids for each in below(pid, table))}
        return {pid: table[pid] for pid in wanted & table.keys()}

    def sockets_of(self, pid: int) -> set[int]:
        """Return the numbers of a process's sockets; none if they are not visible."""
        return {each.number for each in self._scanner.scan().sockets if pid in each.pids}

    def has_socket(self, pid: int, inode: int) -> bool:
        """Return whether a process visibly has a socket."""
        return inode in self.sockets_of(pid)

    def holders_of(self, inodes: Collection[int]) -> dict[int, list[int]]:
        """Find every visible process that has a socket, for each socket's number."""
        holders: dict[int, list[int]] = {inode: [] for inode in inodes}
        for each in self._scanner.scan().sockets if holders else ():
            if each.number in holders:
                holders[each.number] = list(each.pids)
        return holders

    def cgroup(self, pid: int) -> str:
        """Return nothing: control groups are Linux's own."""
        return ""

    def pidfd(self, pid: int) -> int:
        """Raise `OSError`: there is no descriptor for a process (ENOSYS)."""
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def _look(self, pid: int) -> Process | None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                return Process(
                    pid=pid,
                    parent=process.ppid(),
                    group=os.getpgid(pid),
                    session=os.getsid(pid),
                    uid=process.uids().real,
                    name=process.name(),
                    words=tuple(self.command(pid) or ()),
                    directory=self.directory(pid),
                    started=_began(process),
                )
        except _GONE:
            return None


def _began(process: psutil.Process) -> int:
    return round(process.create_time() * _HUNDREDTHS)


def _asked(pid: int, question: Callable[[psutil.Process], Answer]) -> Answer | None:
    """Ask one thing about a process; None if it has ended, or is another user's."""
    try:
        return question(psutil.Process(pid))
    except _GONE:
        return None


@lru_cache(maxsize=1)
def _boot() -> str:
    """Return what tells this boot from every other one."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        pass  # ENOENT: not Linux
    try:
        return subprocess.run(
            ["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return str(round(psutil.boot_time() / 60))  # a clock that is set right moves it
