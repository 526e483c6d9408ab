"""Instances: registered clients, each an agent session or a terminal. Values."""

from __future__ import annotations

from msgspec import Struct

from styxy.core.model.leases import Holder
from styxy.core.model.ports import Port


class Instance(Struct, frozen=True, kw_only=True):
    """A registered client. Times are seconds since the epoch.

    With a holder it lives as long as that process; without one, as long as its heartbeats arrive.
    `metadata` is JSON text, kept as it was given. `port` and `service_type` are what a guest
    reported about itself; they come with no lease.
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
