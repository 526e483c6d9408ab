"""The sockets that the daemon listens on, and the file that records where they are.

The sockets are created here, not by the HTTP server: with protocol 0, asyncio never sets
TCP_NODELAY, and every response would take 44 ms.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from typing import TYPE_CHECKING

from msgspec import Struct, field

from styxy.adapters.fd_limits import is_want, refusal
from styxy.adapters.kernel import has_ipv6
from styxy.core.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.paths import Paths
    from styxy.adapters.settings import Settings
    from styxy.server.net.service_manager import PassedSockets

BACKLOG = 2048
"""Questions may arrive in bursts of hundreds, and in a flood an honest client waits less behind
thousands that are closed at once, at 40 microseconds each, than for its next attempt, which comes
after a second (tcp(7), tcp_syn_retries). The kernel caps this at net.core.somaxconn."""

_MAX_DAEMON_FILE = 64 * 1024  # bytes; ours has a few hundred


class Sockets(Struct, kw_only=True):
    """The open listening sockets; `notes` has a sentence about each that could not be opened.

    `names` are those of the Unix sockets; `lent` are the names that a service manager has given
    and takes away itself.
    """

    http: list[socket.socket]
    line: socket.socket
    note: socket.socket
    names: tuple[str, ...]
    lent: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Close them all, and delete the names of our own Unix sockets."""
        for sock in (*self.http, self.line, self.note):
            sock.close()
        for name in self.names:
            if name not in self.lent:
                _unlink(name)


def open_sockets(
    paths: Paths, settings: Settings, kernel: KernelLook, passed: PassedSockets
) -> Sockets:
    """Open the TCP and the Unix sockets that were not passed. Raises `Conflict`, and then opens
    none."""
    notes: list[str] = []
    opened: list[socket.socket] = []
    lent: set[str] = set()
    kinds = {
        paths.socket(): socket.SOCK_STREAM,
        paths.line_socket(): socket.SOCK_STREAM,
        paths.note_socket(): socket.SOCK_DGRAM,
    }
    try:
        opened += _tcp_sockets(settings, kernel, notes, passed)
        for path, kind in kinds.items():
            theirs = passed.take(kind, path)
            opened.append(theirs or _unix_socket(path, kind))
            if theirs:
                lent.add(path)
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    *http, line, note = opened
    notes += passed.notes
    return Sockets(
        http=http, line=line, note=note, names=tuple(kinds), lent=frozenset(lent), notes=notes
    )


def write_daemon_file(path: str, facts: Mapping[str, object]) -> None:
    """Record where the daemon is, in one step: a reader sees the old file or the new one."""
    temporary = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    _unlink(temporary)
    # The native library reads this file and does not decode escapes: paths are written verbatim.
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(os.fsencode(text))
    os.replace(temporary, path)


def read_daemon_file(path: str) -> dict[str, object] | None:
    """Read where a daemon says it is; None if there is none.

    Raises `Unavailable` if no descriptor is left to look with.
    """
    try:
        # A FIFO in its place must not block anybody (fifo(7)).
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            facts = json.loads(os.fsdecode(file.read(_MAX_DAEMON_FILE)))
    except OSError as error:
        if is_want(error):
            raise refusal(error) from error
        return None
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) and {"pid", "port"} <= facts.keys() else None


def _tcp_sockets(
    settings: Settings, kernel: KernelLook, notes: list[str], passed: PassedSockets
) -> Iterable[socket.socket]:
    hosts = [host for host in settings.hosts if ":" not in host or has_ipv6()]
    opened: list[socket.socket] = []
    for host in hosts:
        try:
            theirs = passed.take(socket.SOCK_STREAM, (host, settings.listen_port))
            opened.append(theirs or _tcp_socket(host, settings.listen_port))
        except OSError as error:
            for sock in opened:
                sock.close()
            if error.errno != errno.EADDRINUSE:
                raise Unavailable(
                    f"cannot listen on {host}:{settings.listen_port}: {error.strerror}"
                ) from error
            notes.append(_explain_busy(settings, kernel))
            return []
    return opened


def _tcp_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _explain_busy(settings: Settings, kernel: KernelLook) -> str:
    """Describe whose the port is; raises `Conflict` unless it is another user's."""
    port = settings.listen_port
    users = {each.uid for each in kernel.listeners() if each.port == port}
    if users and os.geteuid() not in users:
        return (
            f"port {port} is in use by user {min(users)}, so this daemon serves only its Unix "
            "socket; for TCP, start it with --port"
        )
    lasting = "styxy config set listen-port N"
    if settings.has_port_variable:  # it would override the file
        lasting = "export STYXY_DAEMON_PORT=N"
    raise Conflict(
        f"port {port} is in use by another program of yours, perhaps another home's daemon; "
        f"choose another: styxy daemon start -d -p N, or for good: {lasting}",
        suggestions=["styxy daemon start -d -p N", lasting],
        port=port,
    )


def _unix_socket(path: str, kind: socket.SocketKind) -> socket.socket:
    # The journal's lock guarantees that no other daemon has this home, so a leftover name is a dead
    # daemon's; but with STYXY_SOCKET, the name may be anybody's.
    if _is_answered(path, kind):
        raise Conflict(f"another program is listening on {path}; choose another STYXY_SOCKET")
    if os.path.lexists(path) and not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise Conflict(f"{path} exists and is not a socket; choose another STYXY_SOCKET")
    _unlink(path)
    sock = socket.socket(socket.AF_UNIX, kind)
    old_mask = os.umask(0o177)
    try:
        sock.bind(path)
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(f"cannot listen on {path}: {error.strerror}") from error
    finally:
        os.umask(old_mask)
    return sock


def _is_answered(path: str, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
