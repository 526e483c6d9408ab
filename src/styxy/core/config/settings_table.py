"""Every setting: one row for each key of `config.json`. Whatever knows a setting reads this table.

Validation, `styxy config show`, `set` and `generate`, and docs/settings.md are derived from it. A
default is never written here: it is what `Configuration()` says. `*` in a path stands for a name
that the user chooses. Every key may also be spelled in camelCase; `others` are further spellings.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import get_args

from styxy.core.config.configuration import AllocationRule, Configuration, Placement
from styxy.core.config.setting import ANY_NAME, Setting
from styxy.core.model.ports import FIRST_UNPRIVILEGED, LAST_PORT

DAY = 86400.0
WEEK = 7 * DAY


def _port(path: str, meaning: str, *, variable: str | None = None, other: str = "") -> Setting:
    return Setting(
        path=path,
        kind="port",
        meaning=meaning,
        lowest=FIRST_UNPRIVILEGED,
        highest=LAST_PORT,
        others=(other,) if other else (),
        variable=variable,
        needs_restart=variable is not None,  # the one port that is listened on
    )


def _seconds(path: str, meaning: str, *, lowest: float, highest: float) -> Setting:
    return Setting(
        path=path, kind="number", unit="seconds", meaning=meaning, lowest=lowest, highest=highest
    )


def _count(path: str, unit: str, meaning: str, *, lowest: float, highest: float) -> Setting:
    return Setting(
        path=path, kind="whole number", unit=unit, meaning=meaning, lowest=lowest, highest=highest
    )


PLACEMENTS: tuple[str, ...] = get_args(Placement)

SETTINGS: tuple[Setting, ...] = (
    _port("listen_port", "TCP port of the daemon", variable="STYXY_DAEMON_PORT"),
    Setting(
        path="listen_host",
        kind="choice",
        meaning="loopback address of the TCP port; localhost is 127.0.0.1 and ::1",
        choices=("localhost", "127.0.0.1", "::1"),
        variable="STYXY_DAEMON_HOST",
        needs_restart=True,
    ),
    Setting(
        path="log_level",
        kind="choice",
        meaning="how much the daemon writes to its log",
        choices=("debug", "info", "warning", "error"),
        variable="STYXY_LOG_LEVEL",
    ),
    _seconds(
        "cleanup_interval",
        "time between two checks that every holder is still alive, whatever the kernel reported",
        lowest=1,
        highest=DAY,
    ),
    Setting(
        path="enforce_ranges",
        kind="boolean",
        meaning="refuse a preferred port that lies outside the range of its service type",
    ),
    Setting(
        path="port_document",
        kind="path",
        meaning="Markdown file in which the daemon keeps a table of all ranges",
        may_be_null=True,
    ),
    Setting(
        path="service_types",
        kind="object",
        meaning="service types by name, merged over the built-in ones key by key",
    ),
    Setting(path="service_types.*", kind="object", meaning="one service type"),
    Setting(
        path="service_types.*.range",
        kind="range",
        meaning="first and last port, both included; a new type needs one",
        others=("port_range",),
    ),
    Setting(
        path="service_types.*.additional_ranges",
        kind="ranges",
        meaning="further ranges, where one grew that had no room beside it",
    ),
    Setting(
        path="service_types.*.preferred_ports",
        kind="ports",
        meaning="ports of the range that are given out first",
    ),
    Setting(
        path="service_types.*.description",
        kind="text",
        meaning="what the type is for",
    ),
    Setting(
        path="service_types.*.instance_behavior",
        kind="choice",
        meaning="single makes the type a singleton: one lease serves everybody",
        choices=("multi", "single"),
    ),
    Setting(
        path="service_types.*.auto_allocated",
        kind="date",
        meaning="when Styxy made the type for a request; written by Styxy",
        may_be_null=True,
    ),
    Setting(
        path="auto_allocation",
        kind="object",
        meaning="how a range is made for a service type that nobody has described",
    ),
    Setting(
        path="auto_allocation.enabled",
        kind="boolean",
        meaning="make unknown service types; off refuses them",
    ),
    _count(
        "auto_allocation.default_chunk_size",
        "ports",
        "size of a made range",
        lowest=1,
        highest=10000,
    ),
    Setting(
        path="auto_allocation.placement",
        kind="choice",
        meaning="where a made range goes: after the last range, before the first, or near related",
        choices=PLACEMENTS,
    ),
    _port("auto_allocation.min_port", "lowest port of a made range"),
    _port("auto_allocation.max_port", "highest port of a made range"),
    Setting(
        path="auto_allocation.preserve_gaps",
        kind="boolean",
        meaning="keep unused ports between a made range and its neighbours",
    ),
    _count(
        "auto_allocation.gap_size",
        "ports",
        "unused ports between two ranges, at least",
        lowest=0,
        highest=10000,
    ),
    Setting(
        path="auto_allocation.require_confirmation",
        kind="boolean",
        meaning="ask before a service type is made",
    ),
    Setting(
        path="auto_allocation_rules",
        kind="object",
        meaning="exceptions by the name of the type; the first pattern that matches wins",
    ),
    Setting(path="auto_allocation_rules.*", kind="object", meaning="one exception; * is any text"),
    _count(
        "auto_allocation_rules.*.chunk_size",
        "ports",
        "size of a made range",
        lowest=1,
        highest=10000,
    ),
    Setting(
        path="auto_allocation_rules.*.placement",
        kind="choice",
        meaning="where a made range goes",
        choices=PLACEMENTS,
    ),
    _port(
        "auto_allocation_rules.*.preferred_range_start",
        "port from which room is looked for first; may lie below min_port",
        other="preferred_range",
    ),
    Setting(path="recovery", kind="object", meaning="what happens when something goes wrong"),
    Setting(path="recovery.port_conflict", kind="object", meaning="binds that were moved"),
    _seconds(
        "recovery.port_conflict.return_within",
        "a server that was moved and comes back within this time goes to the same place",
        lowest=0,
        highest=DAY,
    ),
    Setting(path="recovery.health_monitoring", kind="object", meaning="holders that fall silent"),
    _seconds(
        "recovery.health_monitoring.check_interval",
        "time between two checks of a holder without a process",
        lowest=0.1,
        highest=DAY,
    ),
    _count(
        "recovery.health_monitoring.max_failures",
        "checks",
        "failed checks after which such a holder counts as gone",
        lowest=1,
        highest=1000,
    ),
    _seconds(
        "recovery.health_monitoring.heartbeat_timeout",
        "silence after which an instance without a process counts as gone",
        lowest=0.1,
        highest=WEEK,
    ),
    _seconds(
        "recovery.health_monitoring.unbound_grace",
        "time that a lease outlives its listener",
        lowest=0,
        highest=WEEK,
    ),
    _seconds(
        "recovery.health_monitoring.unused_ttl",
        "time after which an unused lease without a living holder lapses",
        lowest=0.1,
        highest=365 * DAY,
    ),
    Setting(path="recovery.system_recovery", kind="object", meaning="what is kept for a bad day"),
    _seconds(
        "recovery.system_recovery.backup_interval",
        "time between two backups of the database",
        lowest=1,
        highest=WEEK,
    ),
    _count(
        "recovery.system_recovery.backups_kept",
        "files",
        "backups of the database that are kept",
        lowest=1,
        highest=1000,
    ),
    Setting(
        path="recovery.system_recovery.audit_days",
        kind="number",
        unit="days",
        meaning="age up to which audit events are kept",
        lowest=0,
        highest=3650,
    ),
    _count(
        "recovery.system_recovery.audit_events",
        "events",
        "audit events that are kept, the newest ones",
        lowest=0,
        highest=10_000_000,
    ),
    Setting(
        path="recovery.system_recovery.memory_days",
        kind="number",
        unit="days",
        meaning="time for which an unused port of a service, or of a moved server, is remembered",
        lowest=1,
        highest=3650,
    ),
    _count(
        "recovery.system_recovery.memory_entries",
        "entries",
        "ports of services that are remembered, and as many moves; the oldest go first",
        lowest=1,
        highest=1_000_000,
    ),
    Setting(path="rate_limit", kind="object", meaning="how much one client may ask over TCP"),
    _count(
        "rate_limit.requests",
        "requests",
        "requests in one window; 0 switches the limit off",
        lowest=0,
        highest=10_000_000,
    ),
    _seconds("rate_limit.window", "length of the window", lowest=0.1, highest=3600),
)

BY_PATH: dict[str, Setting] = {each.path: each for each in SETTINGS}

ROOT = Setting(path="", kind="object", meaning="the whole file")

_TYPE_DEFAULTS: dict[str, object] = {
    "additional_ranges": [],
    "preferred_ports": [],
    "description": "",
    "instance_behavior": "multi",
    "auto_allocated": None,
}


def children(path: str) -> tuple[Setting, ...]:
    """List what an object may hold, in the order of the table; `""` is the whole file."""
    return _CHILDREN.get(path, ())


def child(path: str, spelling: str) -> Setting | None:
    """Find what a key of an object means, in whatever accepted spelling."""
    return _SPELLED.get((path, spelling)) or BY_PATH.get(f"{path}.{ANY_NAME}")


def default_of(setting: Setting) -> object:
    """Tell the built-in value as plain data; None where there is none."""
    if setting.path.startswith("service_types."):
        return _TYPE_DEFAULTS.get(setting.name)
    value: object = asdict(Configuration())
    for part in setting.path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if setting.path == "auto_allocation_rules":
        return {rule.pattern: rule_data(rule) for rule in Configuration().auto_allocation_rules}
    return {} if setting.path == "service_types" else value


def rule_data(rule: AllocationRule) -> dict[str, object]:
    """Spell a rule as `config.json` does: what it leaves open is not there."""
    return {
        key: value for key, value in asdict(rule).items() if key != "pattern" and value is not None
    }


def _grouped() -> dict[str, tuple[Setting, ...]]:
    groups: dict[str, list[Setting]] = {}
    for each in SETTINGS:
        groups.setdefault(each.parent, []).append(each)
    return {path: tuple(group) for path, group in groups.items()}


_CHILDREN = _grouped()
_SPELLED = {
    (each.parent, spelling): each
    for each in SETTINGS
    if each.name != ANY_NAME
    for spelling in each.spellings
}
