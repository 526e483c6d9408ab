"""What the daemon knows about one port: its lease, its listener, servers moved away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.adapters.portmap.file import is_place
from styxy.client.text import render
from styxy.core.errors import DaemonUnreachable
from styxy.core.model.ports import Port
from styxy.core.reports.who_report import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.client.daemon.connection import Connection


class DaemonView:
    """What the daemon knows; without a daemon it is empty, and `notice` says why."""

    def __init__(self, connection: Connection, port: int) -> None:
        self._connection = connection
        self.notice: str | None = None
        self.lease: dict[str, object] | None = None
        self._usage: dict[str, object] = {}
        self._observed: dict[str, object] = {}
        self.service_type: str | None = None
        self._leases: list[dict[str, object]] = []
        self._port = port
        try:
            self._read(port)
        except DaemonUnreachable as failure:
            self.notice = failure.message

    def _read(self, port: int) -> None:
        checked = self._connection.ask("GET", f"/check/{port}").data
        self.lease = next(iter(render.objects([checked.get("allocated_to")])), None)
        self._usage = next(iter(render.objects([checked.get("system_usage")])), {})
        seen = self._connection.ask("GET", f"/observe/{port}").data.get("observation")
        self._observed = next(iter(render.objects([seen])), {})
        kind = (self.lease or self._observed).get("service_type")
        self.service_type = str(kind) if kind else None
        self._leases = render.objects(
            self._connection.ask("GET", "/allocations").data.get("allocations")
        )

    def facts(self, pid: int) -> dict[str, str | None] | None:
        """Return what the daemon knows about a listening process; None if it knows nothing."""
        if self._usage.get("pid") != pid:
            return None
        facts = {**self._usage, "instance_id": self._observed.get("instance_id")}
        return {name: _text(facts.get(name)) for name in ("command", "project", "instance_id")}

    def since(self, pid: int | None) -> str | None:
        """Return since when something is listening, if that is `pid` or no process is visible."""
        return _text(self._usage.get("since")) if self._usage.get("pid") in (pid, None) else None

    def moved_away(self) -> list[dict[str, object]]:
        """List the leases of servers that asked for this port and were moved."""
        return [
            each
            for each in self._leases
            if each.get("requested_port") == self._port and each.get("port") != self._port
        ]

    def is_singleton(self) -> bool:
        """Return whether the service type here is shared by everybody."""
        if self.notice is not None:
            return False
        from styxy.client.cli.range_import import types_of

        types = types_of(self._connection.ask("GET", "/config").data)
        return any(each.name == self.service_type and each.is_singleton for each in types)

    def is_place(self) -> bool:
        """Return whether the port was given to its server, and its repo has not asked for it."""
        return self.notice is None and is_place(self._connection.paths.port_map(), Port(self._port))

    def way_to_release(self, lease: Mapping[str, object]) -> Stop:
        """Return the command that ends a lease whose port has no listener."""
        command = f"styxy release {lease.get('lock_id')}"
        return Stop(command=command, effect="releases the lease; nothing is listening")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
