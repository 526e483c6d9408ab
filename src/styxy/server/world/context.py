"""What the service works with outside the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.adapters.journal.journal import Journal
    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.portmap.map import PortMap
    from styxy.adapters.processes import Processes
    from styxy.adapters.projects.projects import Projects
    from styxy.core.model.ports import PortRange
    from styxy.server.world.asked_ports import AskedPorts
    from styxy.server.world.counts import Counts
    from styxy.server.world.exits import Exits
    from styxy.server.world.former_holders import FormerHolders
    from styxy.server.world.listeners import Listeners
    from styxy.server.world.live_config import LiveConfig
    from styxy.server.world.port_map_sync import PortMapSync
    from styxy.server.world.port_usage import PortUsage
    from styxy.server.world.probes import Probes
    from styxy.server.world.steady_clock import SteadyClock
    from styxy.server.world.steered import Steered
    from styxy.server.world.strangers import Strangers


class Context(Struct, frozen=True, kw_only=True):
    """Bundle what lies outside the desk; times are seconds since the epoch.

    `ephemeral` are the ports that the kernel gives to outgoing connections.
    """

    journal: Journal
    kernel: KernelLook
    processes: Processes
    listeners: Listeners
    strangers: Strangers
    steered: Steered
    probes: Probes
    exits: Exits
    projects: Projects
    port_usage: PortUsage
    ephemeral: PortRange
    port_map: PortMap
    port_map_sync: PortMapSync
    former_holders: FormerHolders
    asked_ports: AskedPorts
    live_config: LiveConfig
    counts: Counts
    clock: SteadyClock
    new_id: Callable[[], str]
    pid: int
    started_at: float
