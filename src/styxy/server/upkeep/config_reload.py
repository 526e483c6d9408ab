"""Applies configuration changes to the running daemon: desk, log, liveness checks, document."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from styxy.server.upkeep.liveness import LivenessChecks
from styxy.server.upkeep.port_document import PortDocument

if TYPE_CHECKING:
    import asyncio

    from styxy.core.config.configuration import Configuration
    from styxy.core.model.leases import Holder
    from styxy.server.service.service import Service

MOST_NAMED = 10
"""Ports in one message."""


class ConfigReload:
    """Applies each new configuration."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._live_config = service.context.live_config
        self.document = PortDocument(
            service, loop, note=partial(service.committer.note, subject="document")
        )
        self._rounds = LivenessChecks(
            holders=self._holders,
            is_alive=service.context.processes.is_alive,
            end_holders=lambda dead: service.end_holders(*dead),
            interval=lambda: service.desk.settings.cleanup_interval,
        )
        self._lost: set[str] = set()

    def start(self) -> None:
        """Start, in the running loop; the state is up to date."""
        self._live_config.begin(note=partial(self._service.committer.note, subject="configuration"))
        self._live_config.subscribe(self._on_configuration)
        self._service.ranges.start()
        self.document.start()
        self._rounds.start()

    async def finish(self) -> None:
        """Stop."""
        await self._rounds.finish()

    def _holders(self) -> set[Holder]:
        return {
            lease.holder for lease in self._service.desk.lease_index if lease.holder is not None
        }

    def _on_configuration(self, configuration: Configuration) -> None:
        logging.getLogger().setLevel(configuration.log_level.upper())
        self._service.desk.configure(configuration)
        self._tell_of_orphans()
        self._rounds.replan()
        self.document.plan()

    def _tell_of_orphans(self) -> None:
        desk = self._service.desk
        lost = {
            each.service_type
            for each in desk.lease_index
            if each.service_type not in desk.catalogue
        }
        for name in sorted(lost - self._lost):
            ports = ", ".join(
                str(lease.port) for lease in desk.lease_index.of_type(name)[:MOST_NAMED]
            )
            self._service.committer.note(
                f"the service type {name} was removed; its leases are kept until they end: {ports}",
                "warning",
                subject="configuration",
            )
        self._lost = lost
