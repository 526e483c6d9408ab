"""What the daemon knows of one port: its lease, its listener, who was moved away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.client.cli.range_import import types_of
from styxy.client.text import render
from styxy.core.errors import DaemonUnreachable
from styxy.core.reports.port_report import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.client.daemon.connection import Connection


class DaemonView:
    """Ask the daemon what it knows; without one nothing is known, and `notice` says why."""

    def __init__(self, connection: Connection, port: int) -> None:
        self._connection = connection
        self.notice: str | None = None
        self.lease: dict[str, object] | None = None
        self.usage: dict[str, object] = {}
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
        self.usage = next(iter(render.objects([checked.get("system_usage")])), {})
        seen = self._connection.ask("GET", f"/observe/{port}").data.get("observation")
        observed = next(iter(render.objects([seen])), {})
        kind = (self.lease or observed).get("service_type")
        self.service_type = str(kind) if kind else None
        self._leases = render.objects(
            self._connection.ask("GET", "/allocations").data.get("allocations")
        )

    def moved_away(self) -> list[dict[str, object]]:
        """List the leases of servers that asked for this port and sit elsewhere."""
        return [
            each
            for each in self._leases
            if each.get("requested_port") == self._port and each.get("port") != self._port
        ]

    def is_singleton(self) -> bool:
        """Tell whether the service type here is one of which everybody shares one lease."""
        if self.notice is not None:
            return False
        types = types_of(self._connection.ask("GET", "/config").data)
        return any(each.name == self.service_type and each.is_singleton for each in types)

    def way_to_release(self, lease: Mapping[str, object]) -> Stop:
        """Say how to end a lease on whose port nothing listens."""
        command = f"styxy release {lease.get('lock_id')}"
        return Stop(command=command, effect="gives the lease back; nothing listens there")
