"""Looks at paths that somebody else chose, within a deadline.

A path may lie on a mount whose server is dead (sshfs, NFS), and a look at it then blocks in the
kernel, often where no signal reaches it. A thread would not do: a process with a thread in such a
wait cannot end, keeps its sockets and locks, and stays a zombie until the mount answers. So looks
are made by processes: a *keeper* that never looks at anything itself and forks *workers* on demand.
All are forks of this process, because the package may have been removed since (an upgrade), and
children of nobody here: this process may become another program (execve(2)), which would not know
them. They end as soon as their socket is closed, and only a mount can delay that.

A look that is late goes on, and its answer is taken in when it comes. Until then nobody else waits
for the same path, nor for one on the same mount of a kind that depends on a server.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import marshal
import os
import select
import signal
import socket
import warnings

from styxy.adapters.fd_limits import OWN_DESCRIPTORS
from styxy.adapters.projects.mount_table import MountTable
from styxy.adapters.projects.mounts import dependent_mount
from styxy.core.errors import WORLDS_ERRORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeVar

    T = TypeVar("T")
    Key = tuple[str, str, tuple[str, ...]]
    """A look: the module and name of its function, and the arguments."""


SECONDS = 0.05
"""How long a look may take. A guest has 250 ms for everything, and most looks take a fifth of one;
while others are overdue, it is divided by their number, so that a crowd of dead mounts costs little
more than one."""

PATIENT_SECONDS = 0.25
"""How long a command of its own waits for a look."""

STARVED_SECONDS = 0.2
"""How long a worker is waited for that is not blocked, but waits for a processor."""

MOST_WORKERS = 8
"""Processes that look; where as many are stuck, every path is known by its spelling alone."""

MOST_ANSWERS = 1000
"""Answers that are remembered for the time when a path is silent; the oldest gives way."""

_LENGTH_BYTES = 4


class DirectLookups:
    """Looks by itself, however long it takes: for whoever asks about paths of its own."""

    silent: tuple[str, ...] = ()

    def ask(self, look: Callable[..., T], *words: str, otherwise: T) -> T:
        """Look; `otherwise` is the answer of a look that fails."""
        try:
            return look(*words)
        except WORLDS_ERRORS:
            return otherwise

    def is_directory(self, path: str) -> bool:
        """Return whether a path is a directory."""
        return os.path.isdir(path)


def reach(path: str) -> bool:
    """Look at a path, and come back."""
    os.path.lexists(path)
    return True


class Lookups:
    """Has workers look at paths. For one thread; the answers of a look are plain data.

    `may_hang` says whether any look may; by default, whether a mount depends on a server. As long
    as none does, looks are made here: a worker has to wake up first, and takes three times as long.
    """

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        most_workers: int = MOST_WORKERS,
        may_hang: Callable[[], bool] | None = None,
    ) -> None:
        self._mounts = MountTable()
        self._may_hang = may_hang or self._mounts.has_dependent
        self._seconds = seconds
        self._most_workers = most_workers
        self._keeper: socket.socket | None = None
        self._idle: list[_Worker] = []
        self._overdue: list[_Look] = []
        self._answers: dict[Key, Any] = {}

    def start(self) -> None:
        """Fork the keeper and a first worker now, while this process is small and has one thread;
        otherwise the first look does it."""
        if worker := self._new_worker():
            self._idle.append(worker)

    def close(self) -> None:
        """Let the keeper and the workers end; none of them is waited for."""
        for each in (*self._idle, *(look.worker for look in self._overdue)):
            each.link.close()
        if self._keeper is not None:
            self._keeper.close()
        self._keeper, self._idle, self._overdue = None, [], []
        self._mounts.close()

    def __del__(self) -> None:
        """Close what a command that has looked leaves to the collector."""
        self.close()

    def ask(self, look: Callable[..., T], *words: str, otherwise: T) -> T:
        """Look within the deadline; what is late, or on a mount that is silent, gets the answer of
        last time or else `otherwise`. `look` is a function of a module, `words` are its arguments,
        and the first is the path.
        """
        if not self._overdue and not self._may_hang():
            return DirectLookups().ask(look, *words, otherwise=otherwise)
        key = (look.__module__, look.__name__, words)
        self._take_in()
        is_silent = any(each.concerns(words[0]) for each in self._overdue)
        if not is_silent and not self._make(key) and not self._overdue:
            # No worker can be had, and nothing is known to be silent: better slow than wrong.
            return DirectLookups().ask(look, *words, otherwise=otherwise)
        answers: dict[Key, T] = self._answers  # a look always answers in one type
        return answers.get(key, otherwise)

    def is_directory(self, path: str) -> bool:
        """Return whether a path is a directory; of a silent one nobody says that it is gone."""
        return self.ask(os.path.isdir, path, otherwise=True)

    @property
    def silent(self) -> tuple[str, ...]:
        """The paths that do not answer now."""
        self._take_in()
        return tuple(each.path for each in self._overdue)

    def _make(self, key: Key) -> bool:
        """Hand a look to a worker and wait; remember the answer, or that it is overdue.

        Return False if there was no worker.
        """
        for _ in range(2):  # a worker may have been killed while it was idle
            worker = self._idle.pop() if self._idle else self._new_worker()
            if worker is None:
                return False
            if worker.hand_over(key):
                if not worker.wait(self._seconds, share=1 / (1 + len(self._overdue))):
                    self._overdue.append(_Look(key, worker))
                    return True
                if self._take(worker, key):
                    return True
            worker.link.close()
        return False

    def _take(self, worker: _Worker, key: Key) -> bool:
        """Remember a worker's answer and let it wait for another look; False if it has ended."""
        answer = worker.answer()
        if answer is None:
            return False
        self._idle.append(worker)
        if answer:  # else it failed: what was known stays
            self._remember(key, answer[0])
        return True

    def _take_in(self) -> None:
        """Take in the answers that were late."""
        for each in [each for each in self._overdue if each.worker.has_answer()]:
            self._overdue.remove(each)
            if not self._take(each.worker, each.key):
                each.worker.link.close()

    def _remember(self, key: Key, answer: object) -> None:
        self._answers.pop(key, None)
        self._answers[key] = answer
        while len(self._answers) > MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]

    def _new_worker(self) -> _Worker | None:
        """Have the keeper fork a worker; None if there are enough, or the machine has no room."""
        if len(self._idle) + len(self._overdue) >= self._most_workers:
            return None
        try:
            if self._keeper is None:
                self._keeper = _fork_keeper()
            ours, theirs = socket.socketpair()
        except OSError:
            return None  # EMFILE, EAGAIN, ENOMEM
        with theirs:
            try:
                socket.send_fds(self._keeper, [b"\0"], [theirs.fileno()])
            except OSError:
                ours.close()
                self._keeper = None  # EPIPE: it was killed; the next look starts another
                return None
        return _Worker(ours)


class _Look:
    """A look that is overdue, and what else is not to be asked meanwhile."""

    def __init__(self, key: Key, worker: _Worker) -> None:
        self.key = key
        self.worker = worker
        self.path = key[2][0]
        # A link or a `.git` file may lead anywhere: elsewhere only the path itself is left alone.
        self._silent = dependent_mount(self.path) or self.path

    def concerns(self, path: str) -> bool:
        """Return whether a path lies where this look has no answer from."""
        return f"{path}/".startswith(f"{self._silent.rstrip('/')}/")


class _Worker:
    """This end of a worker. It has at most one look to make."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._pid: int | None = None
        self._poll = select.poll()
        self._poll.register(link, select.POLLIN)

    def hand_over(self, key: Key) -> bool:
        """Tell the worker what to look at, once it is there; False if it has ended."""
        try:
            if self._pid is None:
                if not self._poll.poll(STARVED_SECONDS * 1000):
                    return False
                (self._pid,) = _receive(self.link)
            _send(self.link, key)
        except (OSError, EOFError, ValueError):
            return False  # EPIPE
        return True

    def has_answer(self) -> bool:
        """Return whether an answer has come."""
        return bool(self._poll.poll(0))

    def wait(self, seconds: float, *, share: float) -> bool:
        """Wait for an answer, longer if the worker has had no processor; both times `share`."""
        if self._poll.poll(seconds * share * 1000):
            return True
        return self._is_starved() and bool(self._poll.poll(STARVED_SECONDS * share * 1000))

    def answer(self) -> tuple[object, ...] | None:
        """Take the answer that has come: empty if the look failed; None if the worker has ended."""
        try:
            self._pid, *answer = _receive(self.link)
        except (OSError, EOFError, ValueError):
            return None
        return tuple(answer)

    def _is_starved(self) -> bool:
        """Return whether it is runnable (proc_pid_stat(5))."""
        try:
            with open(f"/proc/{self._pid}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].split()[0] == b"R"
        except OSError:
            return False  # it was killed


def _fork_keeper() -> socket.socket:
    """Fork the keeper, through a process that ends at once, so that it is no child of this one."""
    ours, theirs = socket.socketpair()
    with theirs, warnings.catch_warnings():
        # Since 3.12 a fork beside threads is warned of; these forks take no lock and load nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            _as_child(lambda: _double(theirs.detach()))
    with contextlib.suppress(ChildProcessError):  # who ignores SIGCHLD has no children to wait for
        os.waitpid(child, 0)
    return ours


def _as_child(run: Callable[[], object]) -> NoReturn:
    """Run in a forked process and end it, whatever happens, without the parent's clean-up."""
    try:
        run()
    finally:
        os._exit(0)


def _double(link: int) -> None:
    if os.fork() == 0:
        _as_child(lambda: _keep(link))


def _keep(link: int) -> None:
    """Be the keeper: fork a worker for each socket that comes, until the link is closed.

    A worker in a look that never ends would not notice that, so all are killed with the keeper.
    """
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(asked, signal.SIG_IGN)  # it ends with its link, later than what asks it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.chdir("/")
    if link != 0:
        os.dup2(link, 0)
    for name in os.listdir(OWN_DESCRIPTORS):  # os.closerange tries all where glibc is old
        if name != "0":
            with contextlib.suppress(OSError):  # EBADF: that of the listing
                os.close(int(name))
    _rename(b"styxy-lookups")
    keeper = socket.socket(fileno=0)
    while True:
        data, descriptors, _, _ = socket.recv_fds(keeper, 1, 1)
        if not data:
            os.killpg(0, signal.SIGKILL)
        if descriptors and os.fork() == 0:
            keeper.close()
            _as_child(functools.partial(_work, socket.socket(fileno=descriptors[0])))
        for each in descriptors:
            os.close(each)


def _work(link: socket.socket) -> None:
    """Be a worker: make each look that comes, until the link is closed."""
    pid = os.getpid()
    _send(link, (pid,))
    while True:
        module, name, words = _receive(link)
        try:
            look = getattr(importlib.import_module(module), name)
            _send(link, (pid, look(*words)))
        except (AttributeError, ImportError, *WORLDS_ERRORS):
            _send(link, (pid,))


def _rename(title: bytes) -> None:
    """Show a title in the process table, for the words of this process are those of a daemon.

    The words are at the addresses that proc_pid_stat(5) names in fields 48 and 49.
    """
    with contextlib.suppress(OSError, IndexError, ValueError):
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        first, end = int(fields[45]), int(fields[46])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(first)
            memory.write(title[: end - first - 1].ljust(end - first, b"\0"))
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(title)


def _send(link: socket.socket, message: tuple[Any, ...]) -> None:
    data = marshal.dumps(message)
    link.sendall(len(data).to_bytes(_LENGTH_BYTES, "little") + data)


def _receive(link: socket.socket) -> tuple[Any, ...]:
    """Receive one message; raises `EOFError` if the link was closed."""
    head = link.recv(_LENGTH_BYTES, socket.MSG_WAITALL)
    length = int.from_bytes(head, "little")
    data = link.recv(length, socket.MSG_WAITALL) if len(head) == _LENGTH_BYTES else b""
    if len(data) < max(length, 1):
        raise EOFError
    message = marshal.loads(data)
    assert isinstance(message, tuple)
    return message
