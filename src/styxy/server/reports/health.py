"""The daemon's health: one state for each of its parts, determined when asked.

A part is a name and a function that returns a `PartState`; whoever builds a part registers it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from styxy.adapters.portable.choice import is_portable, why
from styxy.core.errors import StyxyError
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.adapters.journal.journal import Journal
    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.portmap.map import PortMap
    from styxy.adapters.projects.projects import Projects
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.server.net.sockets import Sockets
    from styxy.server.service.service import Service
    from styxy.server.upkeep.discovery_files import DiscoveryFiles
    from styxy.server.upkeep.loop_watchdog import Stalls
    from styxy.server.upkeep.maintenance import Maintenance
    from styxy.server.upkeep.port_document import PortDocument
    from styxy.server.upkeep.recovery import Recovery
    from styxy.server.world.live_config import LiveConfig

Severity = Literal["ok", "warning", "error"]

RANK: dict[Severity, int] = {"ok": 0, "warning": 1, "error": 2}


class PartState(Struct, frozen=True):
    """The state of a part, with one sentence for people."""

    state: Severity
    message: str


class HealthReport(Struct, frozen=True, kw_only=True):
    """The state of every part; `can_grant` is False if no lease can be granted."""

    parts: dict[str, PartState]
    can_grant: bool

    @property
    def state(self) -> Severity:
        """The worst state of all parts."""
        states = (part.state for part in self.parts.values())
        return max(states, key=lambda state: RANK[state], default="ok")

    @property
    def warnings(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return _warnings(self.parts)


class Health:
    """The registered parts. Without a vital one, no lease can be granted."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], PartState]] = {}
        self._vital: set[str] = set()

    def register(
        self, name: str, check: Callable[[], PartState], *, is_vital: bool = False
    ) -> None:
        """Add a part, or replace its check."""
        self._checks[name] = check
        if is_vital:
            self._vital.add(name)

    def warnings(self, *names: str) -> list[str]:
        """Check some parts; return a sentence for each that is not as it should be."""
        checks = {name: self._checks[name] for name in names if name in self._checks}
        return _warnings({name: _asked(check) for name, check in checks.items()})

    def report(self) -> HealthReport:
        """Check every part."""
        parts = {name: _asked(check) for name, check in self._checks.items()}
        failed = {name for name, part in parts.items() if part.state == "error"}
        return HealthReport(parts=parts, can_grant=not failed & self._vital)


def make_health(service: Service, sockets: Sockets, recovery: Recovery, stalls: Stalls) -> Health:
    """Register the parts that every daemon has."""
    context = service.context
    health = Health()
    health.register("journal", journal_part(context.journal), is_vital=True)
    health.register("kernel", kernel_part(context.kernel), is_vital=True)
    health.register("doors", sockets_part(sockets))
    health.register("port map", port_map_part(context.port_map, service.desk.lease_index))
    health.register("configuration", configuration_part(context.live_config))
    health.register("database", database_part(recovery))
    health.register("recovery", recovery_part(recovery, context.live_config))
    health.register("loop", loop_part(stalls))
    health.register("projects", projects_part(context.projects))
    return health


def _warnings(parts: Mapping[str, PartState]) -> list[str]:
    return [f"{name}: {part.message}" for name, part in parts.items() if part.state != "ok"]


def _asked(check: Callable[[], PartState]) -> PartState:
    try:
        return check()
    except StyxyError as error:
        return PartState("error", error.message)
    except OSError as error:
        return PartState("error", error.strerror or str(error))


def journal_part(journal: Journal) -> Callable[[], PartState]:
    """Write to the journal for real: nothing less detects a full disk."""

    def check() -> PartState:
        journal.probe()
        return PartState("ok", f"{journal.last_seq} events, all on disk")

    return check


def kernel_part(kernel: KernelLook) -> Callable[[], PartState]:
    """Ask the kernel for its listeners."""

    def check() -> PartState:
        ports = {listener.port for listener in kernel.listeners()}
        return PartState("ok", f"{counted(len(ports), 'listening port')}")

    return check


def sockets_part(sockets: Sockets) -> Callable[[], PartState]:
    """Report where the daemon is listening, and which socket files have been deleted."""

    def check() -> PartState:
        for name in sockets.names:
            if not os.path.exists(name):
                return PartState("error", f"{name} was deleted; try: styxy daemon restart")
        if sockets.notes:
            return PartState("warning", "; ".join(sockets.notes))
        return PartState("ok", f"{counted(len(sockets.http), 'listening socket')} open")

    return check


def auth_part(*, requires_token: bool) -> Callable[[], PartState]:
    """Report whether requests over TCP need the token."""

    def check() -> PartState:
        if requires_token:
            return PartState("ok", "TCP requests need the token")
        return PartState(
            "warning",
            "it is off (STYXY_SKIP_AUTH, --insecure-no-auth), so every local user can use the TCP "
            "port without the token",
        )

    return check


def port_map_part(port_map: PortMap, lease_index: LeaseIndex) -> Callable[[], PartState]:
    """Compare the map with the leases, and check that guests can find it."""

    def check() -> PartState:
        if is_portable():
            return PartState("ok", f"none: {why()}, and binds are not moved")
        if not port_map.is_in_place():
            return PartState("error", "the port map is missing, so binds are not moved")
        wrong = port_map.disagreements(lease_index)
        if wrong:
            lost = counted(len(wrong), "promise")
            return PartState("error", f"the port map is missing {lost}, first {wrong[0]}")
        return PartState("ok", f"{counted(len(lease_index), 'lease')} published")

    return check


def configuration_part(live_config: LiveConfig) -> Callable[[], PartState]:
    """Report which configuration is in force, and what is wrong with the file."""

    def check() -> PartState:
        return PartState("warning" if live_config.problems else "ok", live_config.summary)

    return check


def projects_part(projects: Projects) -> Callable[[], PartState]:
    """Report paths that are silent or whose links could not be followed, so that nobody wonders at
    their projects."""

    def check() -> PartState:
        if silent := projects.lookups.silent:
            return PartState(
                "warning",
                f"{counted(len(silent), 'path')} cannot be looked at now, for example "
                f"{silent[0]!r} (is the server of its mount dead?); "
                "its project is known by that spelling alone",
            )
        unreadable = projects.unreadable
        if not unreadable:
            return PartState("ok", "every path could be read")
        path, why = next(reversed(unreadable.items()))
        return PartState(
            "warning",
            f"{counted(len(unreadable), 'path')} could not be followed, last {path!r} ({why}); "
            "its project is known by that spelling alone",
        )

    return check


def document_part(document: PortDocument) -> Callable[[], PartState]:
    """Report whether the user's port document is up to date."""

    def check() -> PartState:
        if document.problem is not None:
            return PartState("warning", document.problem)
        return PartState("ok", "up to date" if document.path else "not configured")

    return check


def database_part(recovery: Recovery) -> Callable[[], PartState]:
    """Report what the last startup found in the journal."""

    def check() -> PartState:
        said = recovery.warnings_about(database=True)
        return (
            PartState("warning", "; ".join(said)) if said else PartState("ok", "intact at startup")
        )

    return check


def recovery_part(recovery: Recovery, live_config: LiveConfig) -> Callable[[], PartState]:
    """Report what else the last startup found; a fault of config.json has a part of its own."""

    def check() -> PartState:
        found = recovery.warnings_about(database=False)
        said = [each for each in found if each != live_config.summary]
        if said:
            return PartState("warning", "; ".join(said))
        mended = [step.name for step in recovery.steps if step.verdict == "mended"]
        done = f"{counted(len(recovery.steps), 'step')} at startup"
        return PartState("ok", f"{done}, repaired: {', '.join(mended)}" if mended else done)

    return check


def backups_part(upkeep: Maintenance) -> Callable[[], PartState]:
    """Report how old the newest backup of the journal is."""

    def check() -> PartState:
        if upkeep.problem is not None:
            return PartState("warning", upkeep.problem)
        return PartState("ok", upkeep.summary)

    return check


def files_part(discovery_files: DiscoveryFiles) -> Callable[[], PartState]:
    """Report whether the files are in place by which others find the daemon."""

    def check() -> PartState:
        if discovery_files.missing:
            return PartState("warning", "; ".join(discovery_files.missing.values()))
        returned = ", ".join(
            f"{name} ({times})" for name, times in discovery_files.returned.items()
        )
        again = f"; restored since startup: {returned}" if returned else ""
        return PartState("ok", f"all in place{again}")

    return check


def loop_part(stalls: Stalls) -> Callable[[], PartState]:
    """Report whether the event loop ever stalled."""

    def check() -> PartState:
        if not stalls.count:
            return PartState("ok", "no stalls")
        return PartState(
            "warning",
            f"{counted(stalls.count, 'stall')}, the longest {stalls.longest:.2f} s; "
            "the log has the stack",
        )

    return check
