"""The user's port document: its table follows the service types.

It is a convenience. Whatever goes wrong with it is a warning, and no request ever fails because of
it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from styxy.adapters.document import put_table
from styxy.core.books.events import Event, RangeAdded, RangeRemoved
from styxy.core.config.port_document import table
from styxy.core.errors import StyxyError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from styxy.server.service.service import Service
    from styxy.server.world.live_config import Level


class PortDocument:
    """Keeps the table in one file up to date. `problem` says why it is not."""

    def __init__(
        self,
        service: Service,
        loop: asyncio.AbstractEventLoop,
        *,
        note: Callable[[str, Level], None],
    ) -> None:
        self._service = service
        self._loop = loop
        self._note = note
        self._planned: asyncio.Handle | None = None
        self.problem: str | None = None

    @property
    def path(self) -> str | None:
        """The file, if the user wants one."""
        return self._service.desk.settings.port_document

    def start(self) -> None:
        """Write the table, and follow what is committed."""
        self._service.committer.subscribe(self._on_events, RangeAdded, RangeRemoved)
        self.plan()

    def plan(self) -> None:
        """Schedule one write for everything that happens in this turn of the loop."""
        if self._planned is None:
            self._planned = self._loop.call_soon(self._write)

    def _on_events(self, _events: Sequence[Event]) -> None:
        self.plan()

    def _write(self) -> None:
        self._planned = None
        problem = None
        if self.path is not None:
            try:
                now = datetime.fromtimestamp(self._service.context.clock(), UTC)
                text = table(self._service.desk.catalogue)
                put_table(self.path, text, today=now.date().isoformat())
            except StyxyError as error:
                problem = f"the port document is not up to date: {error.message}"
        if problem is not None and problem != self.problem:
            self._note(problem, "warning")
        self.problem = problem
