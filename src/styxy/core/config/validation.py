"""From the plain data of `config.json` to a `Configuration`, or to every problem that it has.

The file's values are checked one by one against the table of settings, then together: ranges that
overlap, a preferred port outside its range. Nothing is read here, and nothing raises: whatever
JSON holds becomes a configuration or a list of problems.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from styxy.core.config.configuration import (
    BUILT_IN_RULES,
    AllocationRule,
    AutoAllocation,
    Configuration,
    HealthMonitoring,
    PortConflict,
    RateLimit,
    Recovery,
    SystemRecovery,
)
from styxy.core.config.conversion import convert
from styxy.core.config.located import Located, NotJson, Path, Spot, parse, parse_quickly
from styxy.core.config.problems import Problem, shown_path
from styxy.core.config.setting import ANY_NAME, COMMENT, Setting
from styxy.core.config.settings_table import ROOT, child, children
from styxy.core.errors import InvalidInput
from styxy.core.messages import described, guess
from styxy.core.model.service_types import Catalogue, ServiceType
from styxy.core.names import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.model.ports import PortRange

RULE_PATTERN = re.compile(r"[a-z0-9*-]{1,50}")
"""What an allocation rule may match; `*` is any text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold a configuration, and what is wrong with the data; it is in order without problems.

    Where something is wrong, the rest of the configuration is as the data says.
    """

    configuration: Configuration
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading(Reading):
    """Hold also what the text held; `data` is None where that is no JSON object."""

    data: dict[str, object] | None = None


def read_text(text: str, *, file: str | None = None) -> FileReading:
    """Check the text of a file; each problem knows its line. Never raises.

    The lines are found only where there is a problem, because finding them is slow.
    """
    try:
        data = parse_quickly(text)
    except ValueError:
        return _read_slowly(text, file)
    reading = read_configuration(data)
    if reading.problems or not isinstance(data, dict):
        return _read_slowly(text, file)
    return FileReading(reading.configuration, data=data)


def _read_slowly(text: str, file: str | None) -> FileReading:
    try:
        found = parse(text)
    except NotJson as error:
        problem = Problem(path=(), sentence=error.sentence, file=file, spot=error.spot)
        return FileReading(Configuration(), (problem,))
    doubles = (
        Problem(path=path, sentence=f"{shown_path(path)} is there a second time", spot=spot)
        for path, spot in found.doubles
    )
    reading = read_configuration(found.data)
    placed = [
        replace(each, file=file, spot=each.spot or _spot(found, each.path))
        for each in (*reading.problems, *doubles)
    ]
    placed.sort(key=lambda each: each.spot or Spot(0, 0))
    data = found.data if isinstance(found.data, dict) else None
    return FileReading(reading.configuration, tuple(placed), data=data)


def _spot(found: Located, path: Path) -> Spot:
    while path and path not in found.spots:
        path = path[:-1]
    return found.spots.get(path, Spot(1, 1))


def read_configuration(data: object) -> Reading:
    """Check plain JSON data; never raises."""
    walk = _Walk()
    values = walk.entries(ROOT, data, ())
    types = _service_types(walk, values.pop("service_types", {}))
    auto = AutoAllocation(**values.pop("auto_allocation", {}))
    if auto.min_port > auto.max_port:
        walk.complain(
            ("auto_allocation", "max_port"),
            f"{auto.max_port} lies below min_port, which is {auto.min_port}",
        )
    configuration = Configuration(
        service_types=types,
        auto_allocation=auto,
        auto_allocation_rules=_rules(values.pop("auto_allocation_rules", {})),
        recovery=_recovery(values.pop("recovery", {})),
        rate_limit=RateLimit(**values.pop("rate_limit", {})),
        **values,
    )
    return Reading(configuration, tuple(walk.problems))


@dataclass(slots=True)
class _Walk:
    """Collect values under their proper names, and problems under the names of the file."""

    problems: list[Problem] = field(default_factory=list)
    spelled: dict[Path, Path] = field(default_factory=dict)

    def entries(self, setting: Setting, data: object, proper: Path) -> dict[str, Any]:
        """Check an object and all that it holds."""
        path = self.spelled.get(proper, proper)
        if not isinstance(data, dict):
            self._refuse(path, f"must be an object, not {described(data)}")
            return {}
        values: dict[str, Any] = {}
        for key, value in data.items():
            if key.startswith(COMMENT):
                continue
            found = child(setting.path, key)
            name = key if found is None or found.name == ANY_NAME else found.name
            if found is None:
                self._refuse((*path, key), _unknown(setting, key))
            elif (*proper, name) in self.spelled:
                self._refuse((*path, key), f"says {name} a second time")
            else:
                self.spelled[*proper, name] = (*path, key)
                self._member(found, (*proper, name), value, values)
        return values

    def complain(self, proper: Path, sentence: str) -> None:
        """Note a problem under the proper names of a value."""
        self._refuse(self.spelled.get(proper, proper), sentence)

    def _member(
        self, setting: Setting, proper: Path, value: object, values: dict[str, Any]
    ) -> None:
        name = str(proper[-1])
        if setting.name == ANY_NAME and (complaint := _misnamed(setting, name)):
            self.complain(proper, complaint)
        elif setting.kind == "object" and isinstance(value, dict):
            values[name] = self.entries(setting, value, proper)
        else:
            try:
                values[name] = convert(setting, value)
            except InvalidInput as error:
                self.complain(proper, error.message)

    def _refuse(self, path: Path, sentence: str) -> None:
        subject = shown_path(path) or "the configuration"
        self.problems.append(Problem(path=path, sentence=f"{subject} {sentence}"))


def _misnamed(setting: Setting, name: str) -> str | None:
    if setting.path.startswith("service_types"):
        if NAME.fullmatch(name):
            return None
        return "is no name for a service type: 1 to 50 of a-z, 0-9 and -, not with - in front"
    return None if RULE_PATTERN.fullmatch(name) else "is no pattern: 1 to 50 of a-z, 0-9, - and *"


def _unknown(setting: Setting, key: str) -> str:
    return f"is unknown; {guess(key, (each.name for each in children(setting.path)))}"


def _recovery(values: dict[str, Any]) -> Recovery:
    return Recovery(
        port_conflict=PortConflict(**values.get("port_conflict", {})),
        health_monitoring=HealthMonitoring(**values.get("health_monitoring", {})),
        system_recovery=SystemRecovery(**values.get("system_recovery", {})),
    )


def _rules(values: dict[str, Any]) -> tuple[AllocationRule, ...]:
    """Put the file's rules first, in its order; a built-in one of the same pattern lends its keys.

    The built-in ones that the file does not name come last, so that `*` of the user wins.
    """
    built_in = {rule.pattern: rule for rule in BUILT_IN_RULES}
    own = [
        replace(built_in.pop(pattern, AllocationRule(pattern=pattern)), **entry)
        for pattern, entry in values.items()
    ]
    return (*own, *built_in.values())


_FIELDS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "range": ("ports", lambda value: value),
    "additional_ranges": ("more", tuple),
    "preferred_ports": ("preferred", tuple),
    "description": ("description", str),
    "instance_behavior": ("behavior", str),
    "auto_allocated": ("auto_allocated", lambda value: value),
}
"""Which field of `ServiceType` each key of an entry fills."""


def _service_types(walk: _Walk, entries: dict[str, Any]) -> tuple[ServiceType, ...]:
    built_in = Catalogue()
    types: list[ServiceType] = []
    for name, entry in entries.items():
        fields: dict[str, Any] = {
            _FIELDS[key][0]: _FIELDS[key][1](value) for key, value in entry.items()
        }
        if name in built_in:
            kind = replace(built_in.get(name), **fields)
        elif "ports" in fields:
            kind = ServiceType(name=name, **fields)
        else:
            if ("service_types", name, "range") not in walk.spelled:
                walk.complain(("service_types", name), "is a new service type and needs a range")
            continue
        types.append(_with_preferred(walk, kind, is_told="preferred" in fields))
    _check_overlaps(walk, built_in.extended(types), {each.name for each in types})
    return tuple(types)


def _with_preferred(walk: _Walk, kind: ServiceType, *, is_told: bool) -> ServiceType:
    """Hold preferred ports to the range; those of a built-in type whose range moved just go."""
    if is_told:
        for port in kind.preferred:
            if not kind.holds(port):
                walk.complain(
                    ("service_types", kind.name, "preferred_ports"),
                    f"names {port}, which lies outside {kind.spans}",
                )
    return replace(kind, preferred=tuple(port for port in kind.preferred if kind.holds(port)))


def _check_overlaps(walk: _Walk, catalogue: Catalogue, named: set[str]) -> None:
    """Report each range that meets the one before it, at the type that the file names."""
    order = {each.name: position for position, each in enumerate(catalogue)}
    spans = sorted(
        ((span, kind.name) for kind in catalogue for span in kind.ranges),
        key=lambda each: (each[0].first, each[0].last, order[each[1]]),
    )
    reach: tuple[PortRange, str] | None = None
    for span, name in spans:
        if reach is not None and reach[0].overlaps(span):
            _report_overlap(walk, reach, (span, name), order, named)
        if reach is None or span.last > reach[0].last:
            reach = (span, name)


def _report_overlap(
    walk: _Walk,
    one: tuple[PortRange, str],
    two: tuple[PortRange, str],
    order: dict[str, int],
    named: set[str],
) -> None:
    # The later entry of the file is to blame, and never a built-in type that it does not name.
    (other, other_name), (span, name) = sorted(
        (one, two), key=lambda each: (each[1] in named, order[each[1]])
    )
    sentence = f"{span} overlaps {other_name} {other}"
    if name == other_name:
        sentence = f"{span} overlaps its own {other}"
    has_range = ("service_types", name, "range") in walk.spelled
    key = "range" if has_range else "additional_ranges"
    walk.complain(("service_types", name, key), sentence)
