"""What a control group reveals about a process: its systemd service, its container (cgroups(7)).

Works on text. A service is stopped through its manager, which would restart a killed process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_CONTAINER = re.compile(r"(?:docker|libpod|crio|cri-containerd)[-/]([0-9a-f]{64})")
_BARE_CONTAINER = re.compile(r"/([0-9a-f]{64})(?:/|$)")
_OF_USER = re.compile(r"/user@\d+\.service/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A systemd service, of the user's manager or of the system's."""

    name: str
    scope: Literal["user", "system"]


def unit_of(cgroup: str) -> Unit | None:
    """Parse the service from `/proc/pid/cgroup`; None for what a person or a desktop started."""
    for line in cgroup.splitlines():
        path = line.split(":", 2)[-1]
        # A user's service manager is itself a system service, with everything it runs below it.
        inside = _OF_USER.split(path, maxsplit=1)
        names = [part for part in inside[-1].split("/") if part.endswith(".service")]
        if names and not names[-1].startswith("user@"):
            return Unit(name=names[-1], scope="user" if len(inside) > 1 else "system")
    return None


def container_of(cgroup: str) -> str | None:
    """Parse the container id from `/proc/pid/cgroup`; None outside of any."""
    found = _CONTAINER.search(cgroup) or _BARE_CONTAINER.search(cgroup)
    return found[1] if found else None
