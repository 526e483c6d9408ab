"""Starts the daemon exactly once, however many commands want one at the same moment.

The command that gets the start lock checks again, starts the daemon, and keeps the lock until it
answers; the others then find it running. A failed start is recorded in the lock file, so that those
who waited for it fail at once with the same message instead of trying the same thing twenty times.

The daemon is detached by two forks: `styxy run` turns this very process into somebody's program,
and that program must never find a daemon among its children.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time

from styxy.adapters.fd_limits import OWN_DESCRIPTORS
from styxy.adapters.home import open_regular, private_home
from styxy.client.daemon import preloading
from styxy.core.errors import EXIT_USAGE, DaemonUnreachable, InvalidInput, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from styxy.adapters.paths import Paths
    from styxy.client.daemon.connection import Connection
    from styxy.core.errors import StyxyError

NATIVE_SUPERVISOR = "styxy-seccomp"

START_PATIENCE = 10.0
"""Seconds for a daemon to start; about 0.3 on an idle machine, but a journal may need repair."""

_LOCK_INTERVAL = 0.02  # seconds between two attempts at the start lock; flock(2) has no timeout
_OTHERS_PATIENCE = 0.5  # seconds for a daemon started by a command that gave up waiting
_SLOW = 1.0  # seconds of a start after which `on_slow` is called
_LONGEST_REPORT = 4096

_SERVICE_MANAGER = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                    "WATCHDOG_PID", "WATCHDOG_USEC")  # fmt: skip


def start_once(
    connection: Connection,
    env: Mapping[str, str],
    *,
    patience: float,
    arguments: Sequence[str] | None = None,
    on_slow: Callable[[], None] | None = None,
) -> bool:
    """Make a daemon listen within `patience` seconds; return False if one already did.

    `on_slow` is called if that takes longer than a second.

    Raises `DaemonUnreachable` with the daemon's own message if it refuses to start, `InvalidInput`
    if a variable of the environment is the reason.
    """
    paths = connection.paths
    began = time.monotonic()
    deadline = began + patience
    try:
        private_home(paths.home)
        lock = StartLock(paths.in_home("start.lock"))
    except Unavailable as refused:
        raise DaemonUnreachable(refused.message) from None
    except OSError as error:
        raise DaemonUnreachable(
            f"cannot write to {error.filename or paths.home}: {error.strerror}; "
            "set STYXY_HOME to a directory of your own"
        ) from None
    try:
        lock.acquire(deadline)
        if connection.listens():
            return False
        lock.raise_failure_since(began)
        if arguments is None and _start_service(connection, env, lock=lock, deadline=deadline):
            return True
        own = arguments or server_arguments()
        _start(connection, env, arguments=own, lock=lock, deadline=deadline, on_slow=on_slow)
        return True
    finally:
        lock.close()


def server_arguments(*, port: int | None = None, insecure: bool = False) -> list[str]:
    """Build the server's command line, without what only a detached one needs.

    -P, because `python -m` would put the working directory first on the module path, and any
    project may have a `logging.py` of its own.
    """
    arguments = [sys.executable, "-P", "-m", "styxy.server"]
    if port is not None:
        arguments += ["--port", str(port)]
    if insecure:
        arguments.append("--insecure-no-auth")
    return arguments


def server_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Build the daemon's environment: without interception, relative paths made absolute."""
    own = {**env, **absolute_paths(env), "STYXY_DISABLE_REASSIGN": "1"}
    preloading.HERE.set_in(own, preloading.HERE.others(env))
    if "PYTHONPATH" in env:
        parts = env["PYTHONPATH"].split(os.pathsep)
        own["PYTHONPATH"] = os.pathsep.join(os.path.abspath(part) for part in parts)
    return own


def absolute_paths(env: Mapping[str, str]) -> dict[str, str]:
    """Make variables that hold paths absolute, for a process with another working directory.

    A relative path is relative to the directory in which the command was typed; the native library
    agrees.
    """
    names = ("STYXY_HOME", "STYXY_SOCKET")
    return {name: os.path.abspath(env[name]) for name in names if env.get(name)}


class StartLock:
    """Lets one command at a time start a daemon; the kernel drops the lock with its holder."""

    def __init__(self, path: str) -> None:
        self._file = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)

    def acquire(self, deadline: float) -> None:
        """Wait for the lock until `deadline` (monotonic seconds)."""
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise DaemonUnreachable(
                        "another command is still starting the daemon; see: styxy daemon logs"
                    ) from None
                time.sleep(_LOCK_INTERVAL)
            else:
                return

    def note_failure(self, failure: StyxyError) -> None:
        """Leave a message for those who wait for the lock."""
        # CLOCK_MONOTONIC is one clock for all processes of a boot (clock_gettime(2)).
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(
                self._file, f"{time.monotonic()} {failure.exit_code} {failure.message}".encode(), 0
            )
        except OSError:
            return  # ENOSPC, EDQUOT: each waiting command will find out itself

    def raise_failure_since(self, moment: float) -> None:
        """Raise the failure of the command that has had the lock since `moment` (monotonic
        seconds).
        """
        note = os.pread(self._file, _LONGEST_REPORT, 0)
        try:
            noted, code, message = note.decode().split(" ", 2)
            failed_at = float(noted)
        except ValueError:
            return  # empty or damaged: no message
        if moment <= failed_at <= time.monotonic():
            raise _failure(code, message)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._file)


def _start_service(
    connection: Connection, env: Mapping[str, str], *, lock: StartLock, deadline: float
) -> bool:
    """Have the service manager start the daemon, if it has a service for this home."""
    from styxy.client.daemon.connection import read_record
    from styxy.client.service.choice import managing

    record = read_record(connection.paths)
    was_managed = record is not None and record.is_managed
    manager = managing(connection.paths, env, was_managed=was_managed)
    if manager is None:
        return False
    log = connection.paths.daemon_log
    try:
        _make_directory_of(log)  # systemd opens the log, and makes no directory for it
        manager.start(patience=max(1.0, deadline - time.monotonic()))
    except (OSError, Unavailable) as failure:
        logs = "styxy daemon logs"
        reason = (
            failure.message
            if isinstance(failure, Unavailable)
            else f"cannot make {os.path.dirname(log)}: {failure.strerror}"
        )
        refused = DaemonUnreachable(f"{reason}; see: {logs}", suggestions=[logs])
        lock.note_failure(refused)
        raise refused from None
    return True


def _start(
    connection: Connection,
    env: Mapping[str, str],
    *,
    arguments: Sequence[str],
    lock: StartLock,
    deadline: float,
    on_slow: Callable[[], None] | None,
) -> None:
    paths = connection.paths
    try:
        report = _spawn(paths, env, arguments)
        try:
            _wait_ready(report, deadline, paths.daemon_log, on_slow)
        finally:
            os.close(report)
    except OSError as error:
        raise DaemonUnreachable(f"cannot start a daemon: {error.strerror}") from None
    except (DaemonUnreachable, InvalidInput) as failure:
        # A command that gave up waiting dropped the lock while its daemon was still starting.
        # That daemon has the home, ours was refused, and all is well.
        until = min(deadline, time.monotonic() + _OTHERS_PATIENCE)
        while time.monotonic() < until:
            if connection.listens():
                return
            time.sleep(_LOCK_INTERVAL)
        lock.note_failure(failure)
        raise


def _spawn(paths: Paths, env: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Start a detached server; its report can be read from the returned descriptor."""
    log = _open_log(paths.daemon_log)
    report, answer = os.pipe()
    child = os.fork()
    if child == 0:
        _become_daemon(paths, env, arguments, log=log, answer=answer)
    os.close(answer)
    os.close(log)
    os.waitpid(child, 0)
    return report


_NO_LOG = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EISDIR,
    errno.EINVAL, errno.ENXIO,
)  # fmt: skip
"""Errors that the daemon reports itself; the last two are a FIFO's and a socket's."""


def _make_directory_of(path: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)


def _open_log(path: str) -> int:
    try:
        _make_directory_of(path)
        return open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in _NO_LOG:
            raise  # mostly ELOOP: somebody planted a link, and the user must know
        # An unwritable log must not prevent the daemon from starting; it reports that itself.
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _become_daemon(
    paths: Paths, env: Mapping[str, str], arguments: Sequence[str], *, log: int, answer: int
) -> NoReturn:
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        # Above 2 even if the caller had closed some of the standard three.
        log = fcntl.fcntl(log, fcntl.F_DUPFD_CLOEXEC, 3)
        answer = fcntl.fcntl(answer, fcntl.F_DUPFD, 3)
        nothing = fcntl.fcntl(os.open(os.devnull, os.O_RDONLY), fcntl.F_DUPFD_CLOEXEC, 3)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        _close_all_but(answer)
        own = server_environment(env)
        for name in _SERVICE_MANAGER:
            own.pop(name, None)  # they describe the caller, which may be a service itself
        os.chdir(paths.home)  # a daemon must not keep a directory busy
        os.umask(0o077)
        os.execve(arguments[0], [*arguments, "--ready-fd", str(answer)], own)
    except OSError as error:
        os.write(answer, f"error 1 cannot start {arguments[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(1)


def _close_all_but(kept: int) -> None:
    # The list and not a range: RLIMIT_NOFILE is a billion in some containers.
    for name in os.listdir(OWN_DESCRIPTORS):
        descriptor = int(name)
        if descriptor > 2 and descriptor != kept:
            try:
                os.close(descriptor)
            except OSError:
                continue  # EBADF: the descriptor that listed the directory is already closed


def _wait_ready(report: int, deadline: float, log: str, on_slow: Callable[[], None] | None) -> None:
    import select

    poll = select.poll()
    poll.register(report, select.POLLIN)
    line = b""
    if on_slow and not poll.poll(min(_SLOW, max(0, deadline - time.monotonic())) * 1000):
        on_slow()
    while not line.endswith(b"\n") and len(line) < _LONGEST_REPORT:
        if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
            raise DaemonUnreachable(f"the daemon is slow to start; see its log: {log}")
        data = os.read(report, _LONGEST_REPORT)
        if not data:
            break
        line += data
    word, _, rest = line.decode(errors="replace").strip().partition(" ")
    if word == "ready":
        return
    code, _, sentence = rest.partition(" ")
    raise _failure(code, sentence or f"the daemon exited before it was ready; see its log: {log}")


def _failure(code: str, message: str) -> StyxyError:
    """Build the error of a daemon that refused to start; a variable may be what is wrong."""
    if code == str(EXIT_USAGE):
        return InvalidInput(message)
    return DaemonUnreachable(message, suggestions=["styxy daemon logs"])
