"""What a user may set, with the built-in values: one field for each key of `config.json`.

The only table of settings: a field holds the default, what the key may hold and what it is for.
`core.config.settings_table` reads it, and validation, `styxy config`, the example and
docs/configuration.md are derived from that. Durations are seconds. Nothing here reads a file or the
environment.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from styxy.core.model.ports import FIRST_UNPRIVILEGED, LAST_PORT, Port
from styxy.core.model.service_types import ServiceType

DAY = 86400.0
WEEK = 7 * DAY
YEAR = 365 * DAY

LONGEST_PATH = 4096
"""Bytes: PATH_MAX of limits.h(0p)."""


def key(default: object, meaning: str, expected: str | None = None, **more: object) -> Any:
    """Describe a key: `meaning` for people, `expected` to follow "must be".

    `more` are bounds as `msgspec.Meta` takes them, and further fields of `Setting`.
    """
    return field(default=default, metadata={"meaning": meaning, "expected": expected, **more})


def _port(default: int | None, meaning: str, **more: object) -> Any:
    low, high = FIRST_UNPRIVILEGED, LAST_PORT
    return key(default, meaning, f"a port from {low} to {high}", ge=low, le=high, **more)


def _count(unit: str, default: int | None, meaning: str, *, low: int, high: int) -> Any:
    return key(default, meaning, f"a whole number of {unit} from {low} to {high}", ge=low, le=high)


def _number(unit: str, default: float, meaning: str, *, low: float, high: float) -> Any:
    expected = f"a number of {unit} from {low:g} to {high:.9g}"
    return key(default, meaning, expected, ge=low, le=high)


def _seconds(default: float, meaning: str, *, low: float, high: float) -> Any:
    return _number("seconds", default, meaning, low=low, high=high)


Placement = Literal["after", "before", "smart"]
Host = Literal["localhost", "127.0.0.1", "::1"]
LogLevel = Literal["debug", "info", "warning", "error"]

LOWEST_MADE = Port(10000)
HIGHEST_MADE = Port(49151)
"""Where ranges are made by default: above the usual ports, below the dynamic ones (RFC 6335, 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoAllocation:
    """Say how a range for an unknown service type is made. Sizes and gaps count ports."""

    enabled: bool = key(True, "create unknown service types on request; false refuses them")
    default_chunk_size: int = _count("ports", 10, "size of a created range", low=1, high=10_000)
    placement: Placement = key(
        "after",
        "where a created range goes: after the last range, before the first, or near related ones",
    )
    min_port: Port = _port(
        LOWEST_MADE, "lowest port of a created range", others=("min_port_number",)
    )
    max_port: Port = _port(
        HIGHEST_MADE, "highest port of a created range", others=("max_port_number",)
    )
    preserve_gaps: bool = key(True, "keep unused ports between a created range and its neighbours")
    gap_size: int = _count(
        "ports", 10, "unused ports between two ranges, at least", low=0, high=10_000
    )
    require_confirmation: bool = key(False, "ask before a service type is created")

    @property
    def gap(self) -> int:
        """The unused ports that two ranges keep between them."""
        return self.gap_size if self.preserve_gaps else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRule:
    """Override how ranges are made for the types whose name matches `pattern` (`*` is any text)."""

    pattern: str
    chunk_size: int | None = _count("ports", None, "size of a created range", low=1, high=10_000)
    placement: Placement | None = key(None, "where a created range goes")
    preferred_range_start: Port | None = _port(
        None,
        "port from which to look for room first; may lie below min_port",
        others=("preferred_range",),
    )

    def entry(self) -> dict[str, object]:
        """Spell the rule as `config.json` does: what it leaves open is not there."""
        return {k: v for k, v in asdict(self).items() if k != "pattern" and v is not None}


BUILT_IN_RULES = (
    AllocationRule(
        pattern="monitoring-*",
        chunk_size=20,
        placement="smart",
        preferred_range_start=Port(9000),
    ),
    AllocationRule(pattern="database-*", chunk_size=5, preferred_range_start=Port(5400)),
)


OnConflict = Literal["move", "steer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRule:
    """Overrule what is known of the programs with one name, as `styxy programs` shows it."""

    name: str
    on_conflict: OnConflict = key(
        "move",
        "what happens if its port is taken: move gives it another one; steer tells it so, and it "
        "finds its own way",
        "one of move, steer",
    )

    def entry(self) -> dict[str, object]:
        """Spell the rule as `config.json` does."""
        return {"on_conflict": self.on_conflict}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMonitoring:
    """Say when a holder without a process counts as gone, and how long a stopped server is kept."""

    enabled: bool = key(True, "check instances without a process; off lets silent ones stay")
    check_interval: float = _seconds(
        30.0, "time between two checks of a holder without a process", low=0.1, high=DAY
    )
    max_failures: int = _count(
        "checks", 3, "failed checks after which such a holder counts as gone", low=1, high=1000
    )
    heartbeat_timeout: float = _seconds(
        600.0,
        "silence after which an instance without a process counts as gone",
        low=0.1,
        high=WEEK,
    )
    unbound_grace: float = _seconds(
        600.0, "time that a lease outlives its listener", low=0, high=WEEK
    )
    unused_ttl: float = _seconds(
        86400.0,
        "time after which an unused lease without a living holder lapses",
        low=0.1,
        high=YEAR,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecovery:
    """Say what is kept for a bad day, and for how long.

    `memory_entries` bounds the remembered ports of services, and the remembered moves likewise.
    """

    enabled: bool = key(True, "make backups of the database; off makes none")
    backup_interval: float = _seconds(
        3600.0, "time between two backups of the database", low=1, high=WEEK
    )
    backups_kept: int = _count(
        "files", 5, "backups of the database that are kept", low=1, high=1000
    )
    audit_days: float = _number(
        "days", 30.0, "age up to which audit events are kept", low=0, high=3650
    )
    audit_events: int = _count(
        "events", 100_000, "audit events that are kept, the newest ones", low=0, high=10_000_000
    )
    memory_days: float = _number(
        "days",
        180.0,
        "time for which an unused port of a service, or of a moved server, is remembered",
        low=1,
        high=3650,
    )
    memory_entries: int = _count(
        "entries",
        10_000,
        "ports of services that are remembered, and as many moves; the oldest go first",
        low=1,
        high=1_000_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PortConflict:
    """Say how moves behave. `return_within`: a restarted server goes back to its place."""

    enabled: bool = key(True, "let a server that was moved go back to the same place")
    return_within: float = _seconds(
        600.0,
        "a server that was moved and comes back within this time goes to the same place",
        low=0,
        high=DAY,
    )

    @property
    def window(self) -> float:
        """Seconds within which a server goes back; 0 if that is off."""
        return self.return_within if self.enabled else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Bundle the three recovery layers."""

    port_conflict: PortConflict = key(PortConflict(), "binds that were moved")
    health_monitoring: HealthMonitoring = key(HealthMonitoring(), "holders that fall silent")
    system_recovery: SystemRecovery = key(SystemRecovery(), "what is kept for a bad day")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Bound what one client may ask over TCP; `requests` 0 switches the bound off."""

    requests: int = _count(
        "requests", 6000, "requests in one window; 0 switches the limit off", low=0, high=10_000_000
    )
    window: float = _seconds(10.0, "length of the window", low=0.1, high=3600)


Guard = Literal["off", "warn", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Say what the hooks of coding agents do."""

    guard: Guard = key(
        "deny",
        "what happens to a command of an agent that would end others' servers: deny refuses it, "
        "warn lets it run and tells the agent, off ignores it",
        "one of off, warn, deny",
    )
    rewrite: bool = key(
        False,
        "run an agent's servers under `styxy run`; Codex and Copilot then no longer ask their user "
        "about such a command",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Hold everything that `config.json` can say.

    `service_types` are those of the file, merged over the built-in ones of the same name;
    `port_document` is an absolute path of a Markdown file.
    """

    listen_port: Port = _port(
        9876, "TCP port of the daemon", variable="STYXY_DAEMON_PORT", needs_restart=True
    )
    listen_host: Host = key(
        "localhost",
        "loopback address of the TCP port; localhost is 127.0.0.1 and ::1",
        "a loopback address (localhost, 127.0.0.1, ::1)",
        variable="STYXY_DAEMON_HOST",
        needs_restart=True,
    )
    log_level: LogLevel = key(
        "info",
        "how much the daemon writes to its log",
        "one of debug, info, warning, error",
        variable="STYXY_LOG_LEVEL",
    )
    cleanup_interval: float = _seconds(
        30.0,
        "time between two checks that every holder is still alive, whatever the kernel reported",
        low=1,
        high=DAY,
    )
    enforce_ranges: bool = key(
        False, "refuse a preferred port that lies outside the range of its service type"
    )
    fair_share: float = _number(
        "percent",
        90.0,
        "part of a service type's ports that one project may lease without using them, "
        "if there are 50 or more; 100 is all",
        low=1,
        high=100,
    )
    port_document: str | None = key(
        None,
        "Markdown file in which the daemon keeps a table of all ranges",
        f"an absolute path of at most {LONGEST_PATH} characters",
        pattern="^/",
        max_length=LONGEST_PATH,
        may_be_null=True,
    )
    service_types: tuple[ServiceType, ...] = key(
        (), "service types by name, merged over the built-in ones key by key"
    )
    auto_allocation: AutoAllocation = key(
        AutoAllocation(), "how a range is made for a service type that nobody has described"
    )
    auto_allocation_rules: tuple[AllocationRule, ...] = key(
        BUILT_IN_RULES, "exceptions by the name of the type; the first pattern that matches wins"
    )
    programs: tuple[ProgramRule, ...] = key(
        (), "programs by name, for which what is known or was learned does not count"
    )
    recovery: Recovery = key(Recovery(), "what happens when something goes wrong")
    rate_limit: RateLimit = key(RateLimit(), "how much one client may ask over TCP")
    agents: Agents = key(Agents(), "what the hooks of coding agents do")

    def on_conflict(self, program: str) -> OnConflict | None:
        """Return what the user wants of a program; None if nothing is said."""
        wanted = program.lower()
        return next((each.on_conflict for each in self.programs if each.name == wanted), None)
