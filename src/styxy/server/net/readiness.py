"""The one word that a daemon says to whoever started it: that it answers, or why it never will."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styxy.core.errors import StyxyError


class Readiness:
    """Tell whoever started the daemon, once, whether it answers or why it does not."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def reached(self) -> None:
        """Say that the daemon answers."""
        self._tell("ready")

    def failed(self, error: StyxyError) -> None:
        """Say why it never will."""
        self._tell(f"error {error.exit_code} {error.message}")

    def _tell(self, line: str) -> None:
        if self._descriptor is None:
            return
        # Whoever waited may have gone; the daemon is up all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._descriptor, f"{line}\n".encode())
        os.close(self._descriptor)
        self._descriptor = None
