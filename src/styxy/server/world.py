"""What the service works with that lies outside the desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.adapters.journal.journal import Journal
    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.portmap.map import PortMap
    from styxy.adapters.processes import Processes
    from styxy.core.model.ports import PortRange
    from styxy.server.configured import Configured
    from styxy.server.mirror import Mirror
    from styxy.server.observer import Observer
    from styxy.server.projects import Projects
    from styxy.server.stalls import Stalls
    from styxy.server.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Bundle what lies outside the desk; times are seconds since the epoch.

    `passing` are the ports that the kernel gives to outgoing connections.
    """

    journal: Journal
    kernel: KernelLook
    processes: Processes
    observer: Observer
    projects: Projects
    survey: Survey
    passing: PortRange
    port_map: PortMap
    mirror: Mirror
    configured: Configured
    stalls: Stalls
    clock: Callable[[], float]
    new_id: Callable[[], str]
    pid: int
    started_at: float
