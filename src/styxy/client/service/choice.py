"""Which service manager this machine has, and which of them has the daemon of a home."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.adapters.paths import Paths
    from styxy.client.service.service_manager import Manager

NAMES = ("systemd", "launchd")


def manager_of(env: Mapping[str, str], name: str | None = None) -> Manager:
    """Return the service manager of this system, or the one with that name."""
    if (name or _usual()) == "launchd":
        from styxy.client.service.launchd import Launchd

        return Launchd(env)
    from styxy.client.service.systemd import Systemd

    return Systemd(env)


def _usual() -> str:
    return "launchd" if sys.platform == "darwin" else "systemd"


def managing(paths: Paths, env: Mapping[str, str], *, was_managed: bool) -> Manager | None:
    """Return the service manager that has a service for this home and can be reached now.

    `was_managed` tells whether one has started the last daemon: of a service that a package
    brings, and that nobody has enabled, there is no other trace.
    """
    manager = manager_of(env)
    # Mostly: a look at few files, none of which is there.
    if not (manager.is_installed() or was_managed or manager.is_enabled()):
        return None
    if manager.problem() is not None:
        return None
    home = manager.home() or manager.packaged_home()
    is_ours = home is not None and os.path.realpath(home) == os.path.realpath(paths.home)
    return manager if is_ours else None


def alternative() -> str:
    """Say what starts the daemon where there is no service manager."""
    profile = "~/.zprofile" if sys.platform == "darwin" else "~/.profile"
    return (
        "commands start the daemon when they need it; to have it from each login on, add to "
        f"{profile}: styxy daemon start -d"
    )
