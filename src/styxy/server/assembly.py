"""Assembles the context: what a daemon looks at, remembers for a while, and shows to guests."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

import styxy.core.model.repos  # noqa: F401 - `repo_of` needs it late; it may be gone by then
from styxy.adapters.kernel import KernelLook, ephemeral_ports
from styxy.adapters.portable.choice import open_processes
from styxy.adapters.projects.lookups import DirectLookups
from styxy.adapters.projects.projects import Projects
from styxy.core.commands.programs import service_type_of_program
from styxy.server.service.habits import is_container, is_helper
from styxy.server.world.asked_ports import AskedPorts
from styxy.server.world.context import Context
from styxy.server.world.counts import Counts
from styxy.server.world.exits import Exits
from styxy.server.world.former_holders import FormerHolders
from styxy.server.world.listeners import Listeners
from styxy.server.world.port_map_sync import PortMapSync
from styxy.server.world.port_usage import PortUsage
from styxy.server.world.probes import Probes
from styxy.server.world.steady_clock import SteadyClock
from styxy.server.world.steered import Steered
from styxy.server.world.strangers import Strangers

if TYPE_CHECKING:
    from styxy.adapters.journal.recovery import Opened
    from styxy.adapters.portmap.map import PortMap
    from styxy.adapters.projects.lookups import Lookups
    from styxy.core.decisions.desk import Desk
    from styxy.server.world.live_config import LiveConfig


def make_context(
    opened: Opened[Desk],
    *,
    kernel: KernelLook,
    port_map: PortMap,
    live_config: LiveConfig,
    user_home: str,
    lookups: Lookups | None = None,
    clock: SteadyClock | None = None,
) -> Context:
    """Join a journal that was read, the kernel, the map and the configuration with all that the
    daemon derives from them. Without `lookups`, a path that is silent holds everything up.
    `clock` is that of the process: a new one takes whatever time it is for the right one."""
    looks = lookups or DirectLookups()
    processes = open_processes(is_directory=looks.is_directory)
    listeners = Listeners(kernel=kernel, processes=processes)
    projects = Projects(processes=processes, user_home=user_home, lookups=looks)
    ephemeral = ephemeral_ports()
    clock = clock or SteadyClock()
    port_usage = PortUsage(
        listeners=listeners, processes=processes, projects=projects, ephemeral=ephemeral
    )
    former_holders = FormerHolders(opened.read.lease_index, clock=clock)
    asked_ports = AskedPorts(opened.read, ephemeral=ephemeral, repo_of=projects.repo_of)
    return Context(
        journal=opened.journal,
        kernel=kernel,
        processes=processes,
        listeners=listeners,
        strangers=Strangers(listeners=listeners, processes=processes, projects=projects),
        steered=Steered(clock=clock, ephemeral=ephemeral),
        exits=Exits(processes),
        probes=Probes(connected_ago=kernel.connected_ago, clock=clock),
        projects=projects,
        port_usage=port_usage,
        ephemeral=ephemeral,
        port_map=port_map,
        port_map_sync=PortMapSync(
            opened.read,
            port_map=port_map,
            listeners=listeners,
            project_of=projects.of,
            repo_of=projects.repo_of,
            type_of=lambda pid: service_type_of_program(processes.command(pid) or ()),
            last_seq=lambda: opened.journal.last_seq,
            asked_ports=asked_ports,
            is_container=partial(is_container, processes),
            is_helper=partial(is_helper, processes),
            on_gone=former_holders.leave,
        ),
        former_holders=former_holders,
        asked_ports=asked_ports,
        live_config=live_config,
        counts=Counts(),
        clock=clock,
        new_id=partial(secrets.token_hex, 16),
        pid=os.getpid(),
        started_at=clock(),
    )
