"""The one message from a daemon to the process that started it: it is ready, or why it failed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styxy.core.errors import StyxyError


class Readiness:
    """Reports once, to the process that started the daemon, that it is ready or why it failed."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def reached(self) -> None:
        """Report that the daemon is ready."""
        self._tell("ready")

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
