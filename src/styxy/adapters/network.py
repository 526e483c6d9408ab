"""The network namespace of this process, which has ports of its own (network_namespaces(7)).

Programs in a sandbox or a container may share a home with a daemon that is in another one.
"""

from __future__ import annotations

import os


def network_namespace() -> int | None:
    """Return a number that names the network namespace of this process; None without /proc."""
    try:
        return os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return None  # ENOENT, EACCES: no /proc, or none that shows it
