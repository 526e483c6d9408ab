"""What follows the configuration while the daemon runs: desk, log, rounds, port document."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from styxy.server.upkeep.liveness import Rounds
from styxy.server.upkeep.port_document import PortDocument

if TYPE_CHECKING:
    import asyncio

    from styxy.core.config.configuration import Configuration
    from styxy.core.model.leases import Holder
    from styxy.server.service.service import Service

MOST_NAMED = 10
"""Ports in one message."""


class Caretaker:
    """Put each new configuration in force."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._configured = service.world.configured
        self.document = PortDocument(service, loop, note=partial(service.note, subject="document"))
        self._rounds = Rounds(
            holders=self._holders,
            is_alive=service.world.processes.is_alive,
            bury=lambda dead: service.bury(*dead),
            interval=lambda: service.desk.state.settings.cleanup_interval,
        )
        self._lost: set[str] = set()

    def start(self) -> None:
        """Begin, in the running loop; the books are up to date."""
        self._configured.begin(note=partial(self._service.note, subject="configuration"))
        self._configured.subscribe(self._heed)
        self._service.ranges.start()
        self.document.start()
        self._rounds.start()

    async def finish(self) -> None:
        """End."""
        await self._rounds.finish()

    def _holders(self) -> set[Holder]:
        return {lease.holder for lease in self._service.desk.books if lease.holder is not None}

    def _heed(self, configuration: Configuration) -> None:
        logging.getLogger().setLevel(configuration.log_level.upper())
        self._service.desk.configure(configuration)
        self._tell_of_orphans()
        self.document.plan()

    def _tell_of_orphans(self) -> None:
        desk = self._service.desk
        lost = {each.service_type for each in desk.books if each.service_type not in desk.catalogue}
        for name in sorted(lost - self._lost):
            ports = ", ".join(str(lease.port) for lease in desk.books.of_type(name)[:MOST_NAMED])
            self._service.note(
                f"the service type {name} is gone; its leases live on until they end: {ports}",
                "warning",
                subject="configuration",
            )
        self._lost = lost
