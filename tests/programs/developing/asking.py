"""Whose server answers on a port: by a mark in its page, or by the session that listens there."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

_PATIENCE = 20.0
"""Seconds for an answer; the first page of some is built when it is asked for."""

_LISTENING = "0A"  # TCP_LISTEN (<net/tcp_states.h>), as proc_net_tcp has it

_ADDRESSES = {
    "0100007F": "127.0.0.1",
    "0000000000000000FFFF00000100007F": "127.0.0.1",
    "00000000": "0.0.0.0",
    "00000000000000000000000001000000": "::1",
    "00000000000000000000000000000000": "::",
}
"""What proc_net_tcp calls the addresses that loopback reaches; any other is none of them."""

_REACHED_AT = {
    "127.0.0.1": ("127.0.0.1",),
    "0.0.0.0": ("127.0.0.1",),
    "::1": ("::1",),
    "::": ("::1", "127.0.0.1"),
    "": (),
}
"""Where a listener on an address answers; on IPv4 only if nobody else does (IPV6_V6ONLY)."""


def marked(path: str = "/") -> Callable[[str, int], str]:
    """Ask for a page, and take of it what stands between `[[` and `]]`."""

    def ask(address: str, port: int) -> str:
        client = http.client.HTTPConnection(address, port, timeout=_PATIENCE)
        with contextlib.closing(client):
            client.request("GET", path, headers={"Host": f"localhost:{port}"})
            page = client.getresponse().read().decode(errors="replace")
        found = re.search(r"\[\[(.+?)\]\]", page)
        if found is None:
            raise ValueError(f"no mark in {page[:200]!r}")
        return found[1]

    return ask


def session_serving(path: str) -> Callable[[str, int], str]:
    """Name the session that listens on a port, if it has a page, for programs with more ports."""

    def ask(address: str, port: int) -> str:
        client = http.client.HTTPConnection(address, port, timeout=_PATIENCE)
        with contextlib.closing(client):
            client.request("GET", path, headers={"Host": f"localhost:{port}"})
            status = client.getresponse().status
        return session_of(address, port) if status == http.HTTPStatus.OK else f"status {status}"

    return ask


def session_of(address: str, port: int) -> str:
    """Name the session that listens on a port, for programs that have no words of their own.

    What the kernel chose is a side port of such a program, for its own processes.
    """
    if port >= _first_ephemeral():
        return "nobody"
    inodes = _inodes(port)
    exact = [inode for inode, at in inodes.items() if at == address] or list(inodes)
    for process in Path("/proc").glob("[0-9]*"):
        if any(inode in exact for inode in _sockets(process)):
            return _outer_session(process.name, _origins())
    return "nobody"


def processes_of(session: int) -> list[Path]:
    """Find the processes of a session, and of those that it has begun."""
    own, origins = str(session), _origins()
    return [
        Path("/proc", pid)
        for pid, (_, its) in origins.items()
        if own in (its, _outer_session(pid, origins))
    ]


def places_of(session: int) -> set[tuple[str, int]]:
    """Find the loopback addresses and ports at which a session is reached.

    A stranger may have the same port at the other address.
    """
    listeners = list(_listeners())
    own = {inode for process in processes_of(session) for inode in _sockets(process)}
    taken = {(each, port) for _, at, port in listeners for each in _REACHED_AT[at][:1]}
    return {
        (each, port)
        for inode, at, port in listeners
        if inode in own
        for each in _REACHED_AT[at]
        if each in _REACHED_AT[at][:1] or (each, port) not in taken
    }


def _first_ephemeral() -> int:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8")
    return int(text.split()[0])


def _inodes(port: int) -> dict[str, str]:
    return {inode: at for inode, at, listened in _listeners() if listened == port}


def _listeners() -> Iterator[tuple[str, str, int]]:
    """Read inode, address and port of each listening socket (proc_net_tcp in the kernel)."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == _LISTENING:
                yield fields[9], _ADDRESSES.get(address, ""), int(port, 16)


def _outer_session(pid: str, origins: dict[str, tuple[str, str]]) -> str:
    """Name the session of a process, or of whoever started that one, up to this test's own.

    A helper may be a session of its own, such as the adapter of debugpy.
    """
    own = str(os.getsid(0))
    parent, session = origins.get(pid, ("", ""))
    while parent not in ("", "0", "1"):
        grandparent, outer = origins.get(parent, ("", ""))
        if outer in ("", own):
            break
        parent, session = grandparent, outer
    return session


def _origins() -> dict[str, tuple[str, str]]:
    """Read the parent and the session of each process."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            # The name of the program, in parentheses, may contain anything (proc(5), stat).
            stat = Path("/proc", pid, "stat").read_text(encoding="utf-8", errors="replace")
            _, parent, _, session, *_ = stat.rpartition(")")[2].split()
            found[pid] = (parent, session)
    return found


def _sockets(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended
        for descriptor in process.joinpath("fd").iterdir():
            with contextlib.suppress(OSError):
                kind, _, inode = str(descriptor.readlink()).partition(":")
                if kind == "socket":
                    yield inode.strip("[]")
