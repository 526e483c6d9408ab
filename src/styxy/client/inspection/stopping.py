"""Ends the server on a port, if it is the caller's to end, and says truthfully what has become of
it.

Everything that is listening is looked at before anything is signalled. A refusal says whose the
server is and what to do instead, and nothing has been ended then.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.processes import user_name
from styxy.client.inspection.containers import containers, sockets
from styxy.client.inspection.ending import PATIENCE, Ended, Ending
from styxy.client.inspection.listeners import other_daemon_home
from styxy.client.inspection.servers import named
from styxy.client.inspection.successors import AGAIN_PATIENCE, MANAGERS, Successors, sockets_on
from styxy.client.text.render import local_time
from styxy.core.errors import Conflict, Forbidden, NotFound, NotYours, Refused
from styxy.core.reports.cgroups import container_of, unit_of
from styxy.core.reports.process_tree import restarts, server_tree
from styxy.core.reports.who_report import PUBLISHERS, hidden, is_daemon, others_to_stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.client.inspection.servers import FoundServer, ServerFinder
    from styxy.core.reports.process_tree import Process
    from styxy.core.reports.who_report import Container, Stop

FREE_PATIENCE = 2.0
"""Seconds until the kernel must show that sockets are closed whose processes have ended."""

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.1
"""Seconds between the first two looks at the sockets; doubled every time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A server that has been ended. `pid` is its topmost listening process."""

    port: int
    process: str
    pid: int
    project: str | None
    ended: tuple[int, ...]
    killed: tuple[int, ...]
    message: str


class Stopping:
    """Ends servers for one caller."""

    def __init__(
        self,
        finder: ServerFinder,
        env: Mapping[str, str],
        *,
        patience: float = PATIENCE,
        again_patience: float = AGAIN_PATIENCE,
    ) -> None:
        self._finder = finder
        self._env = env
        self._patience = patience
        self._again_patience = again_patience
        self.refusals: list[Refused] = []

    def choose(self, port: int, *, is_forced: bool, pid: int | None = None) -> list[FoundServer]:
        """Return the servers on a port that may be ended; `refusals` says why others may not.

        Only the server of process `pid` is meant, if that is given. Raises the first refusal if
        there is no other server: `NotFound`, `Forbidden`, `Refused` for what something else must
        end, and `NotYours` unless `is_forced`; `Conflict` if `pid` is not listening on the port.
        """
        servers = self._finder.on(port)
        if pid is not None and servers:
            servers = [each for each in servers if pid in each.pids]
            if not servers:
                raise _another(port, pid)
        published = [each for each in containers(sockets(self._env)) if port in each.ports]
        if not servers:
            raise self._nothing(port, published)
        allowed = []
        self.refusals = []
        for server in servers:
            refusal = self._refusal(port, server, published, is_forced=is_forced)
            if refusal is None:
                allowed.append(server)
            else:
                self.refusals.append(refusal)
        if not allowed:
            raise self.refusals[0]
        return allowed

    def end(self, port: int, server: FoundServer) -> Stopped:
        """End a server and wait until its sockets are closed.

        Raises `Conflict` if something is left of it, or is listening in its place.
        """
        assert server.main is not None
        tree = server_tree(server.pids, self._finder.table, spared=self._finder.spared)
        before = sockets_on(port, self._finder)
        with ExitStack() as stack:
            ending = stack.enter_context(
                Ending(tree, self._finder.processes, spared=self._finder.spared)
            )
            stack.enter_context(_Interruption(ending))
            ended = ending.end(self._patience)
        who = f"{server.name} (pid {server.main.pid})"
        if ended.left:
            raise _left_over(port, who, ended, self._finder)
        self._wait_free(port, server, who)
        successors = Successors(port, server, self._finder, top=tree.tops[0], before=before)
        successors.refuse(self._again_patience)
        return Stopped(
            port=port,
            process=server.name,
            pid=server.main.pid,
            project=server.ownership.project,
            ended=ended.ended,
            killed=ended.killed,
            message=_message(port, server, ended, self._patience) + self._kept_by(tree.tops[0]),
        )

    def _kept_by(self, top: Process) -> str:
        """Name the program that is left above a server and may start it again."""
        parent = self._finder.table.get(top.parent)
        if parent is None or parent.pid in self._finder.lineage or not restarts(parent):
            return ""
        return f"; {named(parent)} (pid {parent.pid}), which started it, is still running"

    def _nothing(self, port: int, published: Sequence[Container]) -> Refused:
        if published:
            return _instead(port, published[0].name, _ways(port, published[0]))
        moved = self._finder.moved_away(port)
        if moved is not None:
            command = f"styxy stop {moved}"
            return NotFound(
                f"nothing is listening on port {port}; {_moved(moved)}: {command}",
                port=port,
                suggestions=[command],
            )
        lease = next((each for each in self._finder.leases if each.get("port") == port), None)
        if lease is None:
            return NotFound(
                f"nothing is listening on port {port}; to see where something is: styxy scan",
                port=port,
                suggestions=["styxy scan"],
            )
        command = f"styxy release {lease.get('lock_id')}"
        return NotFound(
            f"nothing is listening on port {port}, which is reserved for "
            f"{lease.get('project_path') or lease.get('instance_id')}; to end that: {command}",
            port=port,
            suggestions=[command],
        )

    def _refusal(
        self, port: int, server: FoundServer, published: Sequence[Container], *, is_forced: bool
    ) -> Refused | None:
        if server.main is None:
            return self._out_of_sight(port, server, published)
        refusal = self._managed(port, server, published) or self._untouchable(port, server)
        is_own = server.is_of_session or server.ownership.relation == "own"
        if refusal is not None or is_forced or is_own:
            return refusal
        return _not_yours(port, server, self._finder)

    def _out_of_sight(
        self, port: int, server: FoundServer, published: Sequence[Container]
    ) -> Refused:
        if published:
            return _instead(port, published[0].name, _ways(port, published[0]))
        uid = server.listeners[0].uid
        user = user_name(uid) or str(uid)
        way = hidden(port, user, may_see=os.geteuid() in (0, uid))
        return Forbidden(
            f"port {port} is served by a process of {user} that is not visible from here, so it "
            f"cannot be stopped from here; to see more: {way.command}",
            port=port,
            user=user,
            suggestions=[way.command],
        )

    def _managed(
        self, port: int, server: FoundServer, published: Sequence[Container]
    ) -> Refused | None:
        """Refuse what would be restarted, or left half alive, if its process was ended."""
        assert server.main is not None
        cgroup = self._finder.processes.cgroup(server.main.pid)
        own_container = container_of(self._finder.processes.cgroup(os.getpid()))
        inside = container_of(cgroup)
        container = next(iter(published), None)
        if container is not None and inside not in (None, own_container):
            container = next((each for each in published if each.id == inside), container)
        elif container is not None and not _publishes(server):
            container = None
        home = other_daemon_home([server.main], self._finder.processes, self._env)
        ways = others_to_stop(
            port,
            [server.main],
            self._finder.table,
            container=container,
            unit=unit_of(cgroup),
            daemon_home=home,
        )
        if not ways:
            return None
        if is_daemon(server.main):
            return _instead(port, f"a Styxy daemon (pid {server.main.pid})", ways)
        return _instead(port, container.name if container else server.name, ways)

    def _untouchable(self, port: int, server: FoundServer) -> Refused | None:
        """Refuse what the caller runs in, and what belongs to the whole machine."""
        for pid in server.pids:
            process = self._finder.table[pid]
            who = f"{named(process)} (pid {pid})"
            if pid in self._finder.lineage:
                return Refused(
                    f"port {port} is served by {who}, in which this command runs; "
                    "stopping it would end the caller, so nothing was stopped",
                    port=port,
                    pid=pid,
                )
            if process.name in MANAGERS:
                return Refused(
                    f"port {port} is held by {who}, which starts a service for it; stop its "
                    "socket unit instead: systemctl --user list-sockets",
                    port=port,
                    pid=pid,
                    suggestions=["systemctl --user list-sockets", "systemctl list-sockets"],
                )
            if pid == 1:
                return Refused(
                    f"port {port} is served by {who}, the first process of this container; "
                    "everything in it would end, so stop the container instead",
                    port=port,
                    pid=pid,
                )
        return None

    def _wait_free(self, port: int, server: FoundServer, who: str) -> None:
        deadline, pause = time.monotonic() + FREE_PATIENCE, FIRST_PAUSE
        gone = {each.cookie for each in server.listeners}
        while sockets_on(port, self._finder) & gone:
            if time.monotonic() > deadline:
                raise Conflict(
                    f"{who} has ended, but its socket on port {port} is still open: another "
                    f"process has it; see: styxy who {port}",
                    port=port,
                    suggestions=[f"styxy who {port}"],
                )
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


class _Interruption:
    """Says what has become of a server if the user interrupts its end."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is KeyboardInterrupt:
            raise Interrupted(self._ending.so_far()) from None


class Interrupted(KeyboardInterrupt):
    """The user's interrupt, with what had ended by then."""

    def __init__(self, ended: Ended) -> None:
        super().__init__()
        left = ", ".join(str(pid) for pid in ended.left)
        self.message = (
            f"interrupted; asked to end and still running: pid {left}"
            if left
            else "interrupted; the server has ended"
        )


def _another(port: int, pid: int) -> Conflict:
    command = f"styxy who {port}"
    return Conflict(
        f"process {pid} does not listen on port {port} any more; see who does: {command}",
        port=port,
        pid=pid,
        suggestions=[command],
    )


def _publishes(server: FoundServer) -> bool:
    return server.main is not None and server.main.name in PUBLISHERS


def _ways(port: int, container: Container) -> tuple[Stop, ...]:
    return others_to_stop(port, [], {}, container=container, unit=None)


def _instead(port: int, name: str, ways: Sequence[Stop]) -> Refused:
    return Refused(
        f"port {port} is served by {name}, which is not stopped by ending a process; "
        f"stop it with: {ways[0].command}",
        port=port,
        suggestions=[each.command for each in ways],
    )


def _moved(port: int) -> str:
    return f"this project's own server was moved to {port}, so stop it with"


def _not_yours(port: int, server: FoundServer, finder: ServerFinder) -> NotYours:
    assert server.main is not None
    owned = server.ownership
    since = f", since {local_time(server.since_text)}" if server.since_text else ""
    moved = finder.moved_away(port)
    if moved is None:
        instead = "styxy run -- CMD"
        advice = "leave it running (--force stops it all the same), and get a port of your own with"
    else:
        instead, advice = f"styxy stop {moved}", _moved(moved)
    return NotYours(
        f"{server.name} (pid {server.main.pid}) on port {port} belongs to {owned.whose}{since}; "
        f"{advice}: {instead}",
        port=port,
        pid=server.main.pid,
        since=server.since_text,
        relation=owned.relation,
        project=owned.project,
        session=owned.session,
        own_project=finder.project,
        suggestions=[instead, f"styxy stop {port} --force"],
    )


def _left_over(port: int, who: str, ended: Ended, finder: ServerFinder) -> Conflict:
    known = {pid: finder.table[pid] for pid in ended.left if pid in finder.table}
    left = ", ".join(f"{named(known[pid])} ({pid})" if pid in known else f"{pid}"
                     for pid in ended.left)  # fmt: skip
    why = "of another user" if ended.forbidden else "which could not be killed"
    return Conflict(
        f"{who} on port {port} has not ended completely; still there: {left}, {why}; "
        f"see: styxy who {port}",
        port=port,
        left=list(ended.left),
        suggestions=[f"styxy who {port}"],
    )


def _message(port: int, server: FoundServer, ended: Ended, patience: float) -> str:
    assert server.main is not None
    count = len(ended.ended)
    more = f", {count} processes" if count > 1 else ""
    message = f"Stopped {server.name} (pid {server.main.pid}{more}) on port {port}"
    if ended.killed:
        message += f"; it had not ended {patience:g} s after SIGTERM and was killed"
    return message
