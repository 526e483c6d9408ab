"""Which leased ports have nobody but strangers listening on them.

A lease promises a port to a project, and what another project's server does there is no use of it:
such a listener must neither keep the lease alive nor, when it ends, shorten it. A listener is the
lease's own if its guest reports the project, if its process is the holder or comes from it, or if
it was started in the project. Whoever cannot be told counts as its own: a daemon of the system has
no project, and another user's process is not visible.

Finding a process takes milliseconds, so the verdict on a port is kept until its sockets change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.names import INSTANCE_NAMES, instance_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from styxy.adapters.processes import Processes
    from styxy.adapters.projects.projects import Projects
    from styxy.adapters.sock_diag import Listener
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.ports import Port
    from styxy.server.world.listeners import Listeners, Sighting, Transport

TRANSPORTS: tuple[Transport, ...] = ("tcp", "udp")

NO_PROJECT = ("/", None)
"""Where daemons of the system run, which says nothing about whose they are."""


class _Verdict(Struct, frozen=True):
    """Whether only strangers listened on the port of a lease, and on which sockets."""

    lease: Lease
    sockets: tuple[list[Listener], ...]
    is_strange: bool


class Strangers:
    """Tell a lease's own listeners from others, as of the last look at the listeners."""

    def __init__(self, *, listeners: Listeners, processes: Processes, projects: Projects) -> None:
        self._listeners = listeners
        self._processes = processes
        self._projects = projects
        self._verdicts: dict[Port, _Verdict] = {}

    def alone_on(self, leases: Collection[Lease]) -> frozenset[Port]:
        """Return the ports of those leases on which strangers listen, and nobody else."""
        claimed = [lease for lease in leases if not lease.owner.is_nobody]
        fresh = [lease for lease in claimed if not self._is_known(lease)]
        for transport in TRANSPORTS:  # one search finds the processes of all
            ports = [each.port for each in fresh if transport in _transports(each)]
            self._listeners.sightings_of(ports, transport)
        for lease in fresh:
            self._verdicts[lease.port] = _Verdict(
                lease, self._sockets(lease), self._has_strangers_alone(lease)
            )
        return frozenset(each.port for each in claimed if self._verdicts[each.port].is_strange)

    def invalidate(self, port: Port) -> None:
        """Judge the listeners of a port anew: more is known about them now."""
        self._verdicts.pop(port, None)

    def _is_known(self, lease: Lease) -> bool:
        known = self._verdicts.get(lease.port)
        return known is not None and known.lease is lease and known.sockets == self._sockets(lease)

    def _sockets(self, lease: Lease) -> tuple[list[Listener], ...]:
        sockets = self._listeners.sockets
        return tuple(sockets(lease.port, transport) for transport in _transports(lease))

    def _has_strangers_alone(self, lease: Lease) -> bool:
        found = [
            sighting
            for transport in _transports(lease)
            for sighting in self._listeners.sightings(lease.port, transport)
        ]
        return bool(found) and all(self._is_stranger(each, lease) for each in found)

    def _is_stranger(self, sighting: Sighting, lease: Lease) -> bool:
        """Tell whether a listener is known to be somebody else's."""
        pid, report = sighting.pid, sighting.report
        if pid is None:
            return False
        if report is not None and None not in (report.project, lease.owner.project):
            is_other = report.project != lease.owner.project
        else:
            is_other = self._is_of_another(pid, lease)
        return is_other and not self._comes_from(pid, lease.holder)

    def _is_of_another(self, pid: int, lease: Lease) -> bool:
        """Compare a process with the owner: by its project, or without one by its instance.

        PWD has the directory in which a shell started it, where it has gone elsewhere since.
        """
        variables = self._processes.variables(pid, "STYXY_PROJECT", "PWD", *INSTANCE_NAMES)
        if lease.owner.project is None:
            return instance_of(variables) not in (None, lease.owner.instance_id)
        directories = (self._processes.directory(pid), variables.get("PWD"))
        named = variables.get("STYXY_PROJECT")
        projects = [self._projects.below(each, named=named) for each in directories if each]
        if lease.owner.project in projects or not projects:
            return False
        return projects[0] not in NO_PROJECT

    def _comes_from(self, pid: int, holder: Holder | None) -> bool:
        if holder is None or self._processes.holder(holder.pid) != holder:
            return False
        return holder.pid in (pid, *self._processes.parents(pid))


def _transports(lease: Lease) -> tuple[Transport, ...]:
    return TRANSPORTS if lease.protocol == "both" else (lease.protocol,)
