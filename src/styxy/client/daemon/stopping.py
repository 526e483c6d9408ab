"""Stops the daemon and nothing else: a pid in a file may belong to another process by now.

The process is first pinned by a pidfd and then identified, so that the signal reaches exactly the
process that was identified (pidfd_open(2)). Two things identify it: the kernel reports it as the
listener on the daemon's socket, or it started before `daemon.json` was written and runs the server.
"""

from __future__ import annotations

import contextlib
import os
import signal

from styxy.adapters.portable.choice import open_processes
from styxy.adapters.portable.handles import Handle, pin
from styxy.adapters.portable.peers import peer_of
from styxy.client.daemon.connection import Connection, DaemonRecord, read_record
from styxy.core.errors import Conflict, DaemonUnreachable, Forbidden, StyxyError

STOP_PATIENCE = 10.0
"""Seconds for a clean stop: the server gives its open connections a few of them."""

_STARTED_SLACK = 2.0  # seconds; /proc counts in ticks and `btime` in whole seconds


def stop(connection: Connection, *, patience: float = STOP_PATIENCE) -> int | None:
    """Stop the daemon and wait until it has ended; return its pid, or None if none was running.

    Raises `Conflict` if it does not end within `patience` seconds, or cannot be identified with
    certainty; nothing has been killed then.
    """
    pid = _claimed_pid(connection)
    if pid is None:
        return None
    try:
        process = pin(pid)
    except ProcessLookupError:
        return None
    try:
        if not _is_daemon(connection, pid):
            _refuse_if_one_listens(connection, pid)
            return None
        _end(process, pid, patience)
    finally:
        process.close()
    return pid


def forget(connection: Connection) -> None:
    """Remove what a daemon has left for its successor under a service manager, if there is none.

    Such a daemon leaves `daemon.json` behind: its sockets outlive it.
    """
    record = read_record(connection.paths)
    if record is not None and record.is_managed and not connection.listens():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(connection.paths.daemon_file)


def started_at(pid: int) -> float:
    """Return when a process started, in seconds since the epoch. Raises `ProcessLookupError`."""
    processes = open_processes()
    holder = processes.holder(pid)
    if holder is None:
        raise ProcessLookupError(pid)
    return processes.started_at(holder)


def _claimed_pid(connection: Connection) -> int | None:
    record = None if connection.paths.socket_override else read_record(connection.paths)
    if record is not None and record.pid is not None:
        return record.pid
    if not connection.listens():
        connection.refuse_elsewhere()
        return None
    pid = connection.ask("GET", "/status").data.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        raise DaemonUnreachable("the daemon's pid is unknown, so it cannot be stopped")
    return pid


def _is_daemon(connection: Connection, pid: int) -> bool:
    link = connection.try_connect()
    if link is not None:
        listener, _, _ = peer_of(link)
        link.close()
        return listener == pid or _says_so(connection, pid)
    record = read_record(connection.paths)
    return record is not None and _runs_server_since(pid, record)


def _says_so(connection: Connection, pid: int) -> bool:
    # If a service manager opened the socket, the kernel reports it as the listener.
    try:
        return connection.ask("GET", "/status").data.get("pid") == pid
    except StyxyError:
        return False


def _runs_server_since(pid: int, record: DaemonRecord) -> bool:
    """Recognise a daemon whose socket was removed, as at the end of a login session."""
    try:
        words, began = open_processes().command(pid) or [], started_at(pid)
    except ProcessLookupError:
        return False
    written = record.started_at
    return "styxy.server" in words and written is not None and began <= written + _STARTED_SLACK


def _refuse_if_one_listens(connection: Connection, pid: int) -> None:
    if connection.listens():
        raise Conflict(
            f"a daemon is listening, but process {pid} may not be it; nothing was stopped",
            pid=pid,
        )


def _end(process: Handle, pid: int, patience: float) -> None:
    try:
        process.send(signal.SIGTERM)
        # A daemon stopped with SIGSTOP would keep the request for later.
        process.send(signal.SIGCONT)
    except ProcessLookupError:
        return  # ESRCH: it ended by itself between the check and the signal
    except PermissionError:
        raise Forbidden(f"the daemon (pid {pid}) belongs to another user") from None
    if not process.wait(patience):
        raise Conflict(
            f"the daemon (pid {pid}) did not stop within {patience:g} s; try: kill -9 {pid}",
            pid=pid,
            suggestions=[f"kill -9 {pid}"],
        )
