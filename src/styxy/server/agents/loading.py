"""Load what answers hooks: late, because its tables take a few tenths of a second.

A hook has 80 ms, so the daemon loads them by itself as soon as it answers; a hook that comes before
that finds nothing ready and loads them for the next one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.server.agents.hooks import Hooks
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)

MODULE = "styxy.server.agents.hooks"


class HooksLoader:
    """The one `Hooks` of a daemon, once it has been loaded.

    `load` imports a module, or raises `Unavailable` if it would be of another version.
    """

    def __init__(self, service: Service, load: Callable[[str], None]) -> None:
        self._service = service
        self._load_module = load
        self._hooks: Hooks | None = None

    async def hooks(self) -> Hooks:
        """Return it. Raises `Unavailable` if it cannot be loaded any more."""
        if self._hooks is None:
            await asyncio.to_thread(self._load)
        if self._hooks is None:
            from styxy.server.agents.hooks import Hooks

            self._hooks = Hooks(self._service)
        return self._hooks

    async def warm(self) -> None:
        """Load it before anybody asks."""
        try:
            await self.hooks()
        except Unavailable as error:
            log.warning("agents' hooks are not answered: %s", error.message)

    def _load(self) -> None:
        self._load_module(MODULE)
        from styxy.core.commands.classify import classify

        classify("npm run dev")  # builds the index of the table
