"""Which sockets are one server: the kernel's listeners by the processes that have them.

What `styxy who` needs of servers without whose they are, which costs more to load than to find out.
"""

from __future__ import annotations

import os

from styxy.adapters.paths import Paths
from styxy.adapters.portable.choice import open_kernel
from styxy.adapters.projects.git import canonical
from styxy.core.model.ports import Port
from styxy.core.reports.who_report import is_daemon, is_server_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from styxy.adapters.processes import Processes
    from styxy.adapters.sock_diag import Listener
    from styxy.core.reports.process_tree import Process

Group = tuple["list[Listener]", "list[int]"]


def listener_groups(
    processes: Processes, port: int | None = None, *, with_udp: bool = True
) -> list[Group]:
    """Group the listeners of a port, or of all: sockets of the same processes are one server."""
    kernel, at = open_kernel(), None if port is None else Port(port)
    try:
        listeners = kernel.listeners(port=at)
        listeners += kernel.listeners(udp=True, port=at) if with_udp else []
    finally:
        kernel.close()
    holders = processes.holders_of([each.inode for each in listeners])
    groups: list[tuple[list[Listener], set[int]]] = []
    for listener in listeners:
        group, pids = [listener], _own_daemons(set(holders[listener.inode]), processes)
        for other in [each for each in groups if each[1] & pids or not (each[1] or pids)]:
            groups.remove(other)
            group, pids = other[0] + group, other[1] | pids
        groups.append((group, pids))
    return [(group, sorted(pids)) for group, pids in groups]


def _own_daemons(holders: set[int], processes: Processes) -> set[int]:
    """Leave out the service manager that keeps a daemon's sockets open (systemd.socket(5))."""
    daemons = {pid for pid in holders if is_server_command(processes.command(pid) or ())}
    return daemons or holders


def other_daemon_home(
    servers: Iterable[Process], processes: Processes, env: Mapping[str, str]
) -> str | None:
    """Return the home of a Styxy daemon among some processes that is not the caller's own."""
    own = os.path.realpath(Paths(env).home)
    for each in servers:
        if not is_daemon(each):
            continue
        facts = processes.variables(each.pid, "STYXY_HOME", "HOME")
        user_home = facts.get("HOME") or env.get("HOME") or "/"
        home = facts.get("STYXY_HOME") or os.path.join(user_home, ".styxy")
        if canonical(home) != own:
            return home
    return None
