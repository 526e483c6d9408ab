"""Whoever started the daemon: a command, which waits for one line, or a service manager.

A command is told once that the daemon is ready, or why it failed. A service manager may have opened
the sockets, and hears of every state.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from styxy.server.net.service_manager import PassedSockets, ServiceManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.core.errors import StyxyError


class Starter:
    """Holds what was passed to the daemon, and reports to the process that started it.

    `descriptor` is what a command reads from.
    """

    def __init__(self, descriptor: int | None, env: Mapping[str, str]) -> None:
        self._descriptor = descriptor
        self.sockets = PassedSockets(env)
        self.manager = ServiceManager(env)

    def reached(self) -> None:
        """Report that the daemon is ready."""
        self._tell("ready")
        self.manager.ready()

    def failed(self, error: StyxyError) -> None:
        """Report why the daemon failed to start."""
        self._tell(f"error {error.exit_code} {error.message}")

    def _tell(self, line: str) -> None:
        if self._descriptor is None:
            return
        # The waiting process may be gone; the daemon is up all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._descriptor, f"{line}\n".encode())
        os.close(self._descriptor)
        self._descriptor = None
