"""Instances: registered clients, each an agent session or a terminal, with a heartbeat. Values."""

from __future__ import annotations

from dataclasses import dataclass

from styxy.core.model.leases import Holder
from styxy.core.model.ports import Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Describe a registered client. Times are seconds since the epoch.

    One with a holder lives as long as the process; one without, as long as its heartbeat.
    `metadata` is JSON text, kept as it was given. `port` and `service_type` are what a guest said
    of itself; no lease comes with them.
    """

    instance_id: str
    registered_at: float
    last_heartbeat: float
    holder: Holder | None = None
    working_directory: str | None = None
    project: str | None = None
    template: str | None = None
    metadata: str | None = None
    port: Port | None = None
    service_type: str | None = None
