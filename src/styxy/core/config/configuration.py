"""What a user may set, as values with the built-in defaults. `adapters.config_file` reads them.

Durations are seconds. Nothing here reads a file or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styxy.core.model.ports import Port
from styxy.core.model.service_types import ServiceType

Placement = Literal["after", "before", "smart"]

DEFAULT_PORT = Port(9876)

LOWEST_MADE = Port(10000)
HIGHEST_MADE = Port(49151)
"""Where ranges are made by default: above the usual ports, below the dynamic ones (RFC 6335, 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoAllocation:
    """Say how a range for an unknown service type is made. Sizes and gaps count ports."""

    enabled: bool = True
    default_chunk_size: int = 10
    placement: Placement = "after"
    min_port: Port = LOWEST_MADE
    max_port: Port = HIGHEST_MADE
    preserve_gaps: bool = True
    gap_size: int = 10
    require_confirmation: bool = False

    @property
    def gap(self) -> int:
        """The unused ports that two ranges keep between them."""
        return self.gap_size if self.preserve_gaps else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRule:
    """Override how ranges are made for the types whose name matches `pattern` (`*` is any text)."""

    pattern: str
    chunk_size: int | None = None
    placement: Placement | None = None
    preferred_range_start: Port | None = None


BUILT_IN_RULES = (
    AllocationRule(
        pattern="monitoring-*",
        chunk_size=20,
        placement="smart",
        preferred_range_start=Port(9000),
    ),
    AllocationRule(pattern="database-*", chunk_size=5, preferred_range_start=Port(5400)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMonitoring:
    """Say when a holder without a process counts as gone, and how long a stopped server is kept."""

    check_interval: float = 30.0
    max_failures: int = 3
    heartbeat_timeout: float = 600.0
    unbound_grace: float = 600.0
    unused_ttl: float = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecovery:
    """Say what is kept for a bad day, and for how long.

    `memory_entries` bounds the remembered ports of services, and the remembered moves likewise.
    """

    backup_interval: float = 3600.0
    backups_kept: int = 5
    audit_days: float = 30.0
    audit_events: int = 100_000
    memory_days: float = 180.0
    memory_entries: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PortConflict:
    """Say how moves behave. `return_within`: a restarted server goes back to its place."""

    return_within: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Bundle the three recovery layers."""

    port_conflict: PortConflict = PortConflict()
    health_monitoring: HealthMonitoring = HealthMonitoring()
    system_recovery: SystemRecovery = SystemRecovery()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Bound what one client may ask over TCP; `requests` 0 switches the bound off."""

    requests: int = 6000
    window: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Hold everything that `config.json` can say.

    `service_types` are those of the file, merged over the built-in ones of the same name;
    `port_document` is an absolute path of a Markdown file.
    """

    listen_port: Port = DEFAULT_PORT
    listen_host: str = "localhost"
    log_level: str = "info"
    cleanup_interval: float = 30.0
    enforce_ranges: bool = False
    service_types: tuple[ServiceType, ...] = ()
    auto_allocation: AutoAllocation = AutoAllocation()
    auto_allocation_rules: tuple[AllocationRule, ...] = BUILT_IN_RULES
    recovery: Recovery = Recovery()
    rate_limit: RateLimit = RateLimit()
    port_document: str | None = None
