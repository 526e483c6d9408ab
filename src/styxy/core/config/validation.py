"""From the plain data of `config.json` to a `Configuration`, or to every problem that it has.

The file's values are checked one by one against the table of settings, then together: ranges that
overlap, a preferred port outside its range. Nothing is read here, and nothing raises: whatever
JSON holds becomes a configuration or a list of problems.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field, structs

from styxy.core.config.configuration import (
    BUILT_IN_RULES,
    Agents,
    AllocationRule,
    AutoAllocation,
    Configuration,
    ProgramRule,
    RateLimit,
    Recovery,
)
from styxy.core.config.problems import Problem, shown_path
from styxy.core.config.settings_table import ANY_NAME, COMMENT, ROOT, Setting, child, children
from styxy.core.errors import InvalidInput
from styxy.core.json_data import MISFITS, NotJson, parse
from styxy.core.messages import described, guess
from styxy.core.model.ports import FIRST_UNPRIVILEGED, LAST_PORT, Port, PortRange
from styxy.core.model.service_types import Catalogue, ServiceType
from styxy.core.names import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from styxy.core.json_data import Path

PROGRAM = re.compile(r"[A-Za-z0-9@._+/-]{1,100}")
"""What a program may be called, an npm package (`@scope/name`) included."""

RULE_PATTERN = re.compile(r"[a-z0-9*-]{1,50}")
"""What an allocation rule may match; `*` is any text."""

MOST_GUESSED = 20
"""Problems of one document up to which an unknown key gets a guess, at 0.1 ms each: whoever has
more mistakes than that has not misspelled them."""


class Reading(Struct, frozen=True):
    """Hold a configuration, what is wrong with the data, and the data; None is no JSON object.

    Where something is wrong, the rest of the configuration is as the data says.
    """

    configuration: Configuration
    problems: tuple[Problem, ...] = ()
    data: dict[str, object] | None = None


def read_text(text: str, *, file: str | None = None) -> Reading:
    """Check the text of a file; every problem is named, and each names the file. Never raises."""
    try:
        data, repeated = parse(text)
    except NotJson as error:
        problem = Problem(
            path=(), sentence=error.sentence, file=file, line=error.line, column=error.column
        )
        return Reading(Configuration(), (problem,))
    reading = read_configuration(data)
    found = [
        *(Problem(path=p, sentence=f"{shown_path(p)} is there a second time") for p in repeated),
        *reading.problems,
    ]
    return structs.replace(
        reading, problems=tuple(structs.replace(each, file=file) for each in found)
    )


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
        programs=tuple(
            ProgramRule(name=name.lower(), **each)
            for name, each in values.pop("programs", {}).items()
        ),
        recovery=_filled(Recovery(), values.pop("recovery", {})),
        rate_limit=RateLimit(**values.pop("rate_limit", {})),
        agents=Agents(**values.pop("agents", {})),
        **values,
    )
    return Reading(
        configuration, tuple(walk.problems), data=data if isinstance(data, dict) else None
    )


class _Walk(Struct):
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
                self._refuse((*path, key), self._unknown(setting, key))
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
        elif setting.is_object and isinstance(value, dict):
            values[name] = self.entries(setting, value, proper)
        else:
            try:
                values[name] = convert(setting, value)
            except InvalidInput as error:
                self.complain(proper, error.message)

    def _unknown(self, setting: Setting, key: str) -> str:
        if len(self.problems) >= MOST_GUESSED:
            return "is unknown"
        return f"is unknown; {guess(key, (each.name for each in children(setting.path)))}"

    def _refuse(self, path: Path, sentence: str) -> None:
        subject = shown_path(path) or "the configuration"
        self.problems.append(Problem(path=path, sentence=f"{subject} {sentence}"))


def convert(setting: Setting, value: object) -> Any:
    """Check a value of JSON and make of it what the configuration holds.

    Raises `InvalidInput`, whose sentence lacks the name of the key.
    """
    if value is None and setting.may_be_null:
        return None
    try:
        result = msgspec.convert(value, setting.type)
    except MISFITS as misfit:
        wrong = _wrong_part(value, str(misfit))
        raise InvalidInput(f"must be {setting.expected}{wrong}") from None
    if complaint := _complaint(result):
        raise InvalidInput(complaint)
    return result


def _wrong_part(value: object, complaint: str) -> str:
    """Say what is not as expected: of a list, the part to which msgspec's path leads."""
    part = value
    for number in re.findall(r"\[(\d+)\]", complaint.rpartition(" - at `$")[2]):
        if isinstance(part, list) and int(number) < len(part):
            part = part[int(number)]
    shown = f"a list of {len(part)}" if isinstance(part, list) and part else described(part)
    return f", not {shown}" if part is value else f"; {shown} does not belong there"


def _complaint(value: Any) -> str | None:
    """Say what no type says about a value that its type accepts."""
    match value:
        case str() if not value.isprintable():
            return "must be one line of printable characters"
        case (int(first), int(last)) if isinstance(value, tuple):
            is_backward = first > last
            late = f"must begin before it ends, not [{first}, {last}]" if is_backward else None
            return _out_of_bounds(value) or late
        case [tuple(), *_]:
            return next(filter(None, map(_complaint, value)), None)
        case [int(), *_]:
            double = "names a port twice" if len(set(value)) < len(value) else None
            return _out_of_bounds(value) or double
        case _:
            return None


def _out_of_bounds(ports: Iterable[int]) -> str | None:
    wrong = [port for port in ports if not FIRST_UNPRIVILEGED <= port <= LAST_PORT]
    limits = f"{FIRST_UNPRIVILEGED} to {LAST_PORT}"
    return f"must keep to ports from {limits}, not {described(wrong[0])}" if wrong else None


def _misnamed(setting: Setting, name: str) -> str | None:
    if setting.path.startswith("service_types"):
        if NAME.fullmatch(name):
            return None
        return "is no name for a service type: 1 to 50 of a-z, 0-9 and -, not with - in front"
    if setting.path.startswith("programs"):
        is_name = PROGRAM.fullmatch(name) is not None
        return None if is_name else "is no name of a program: 1 to 100 of a-z, 0-9 and @._+/-"
    return None if RULE_PATTERN.fullmatch(name) else "is no pattern: 1 to 50 of a-z, 0-9, - and *"


def _filled(layers: Recovery, values: dict[str, dict[str, Any]]) -> Recovery:
    changed = {name: replace(getattr(layers, name), **each) for name, each in values.items()}
    return replace(layers, **changed)


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


def _range(span: tuple[int, int]) -> PortRange:
    return PortRange(Port(span[0]), Port(span[1]))


_FIELDS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "range": ("ports", _range),
    "additional_ranges": ("more", lambda value: tuple(_range(each) for each in value)),
    "preferred_ports": ("preferred_ports", tuple),
    "description": ("description", lambda value: value),
    "instance_behavior": ("behavior", lambda value: value),
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
        types.append(_with_preferred(walk, kind, is_told="preferred_ports" in fields))
    _check_overlaps(walk, built_in.extended(types), {each.name for each in types})
    return tuple(types)


def _with_preferred(walk: _Walk, kind: ServiceType, *, is_told: bool) -> ServiceType:
    """Hold preferred ports to the range; those of a built-in type whose range moved just go."""
    if is_told:
        for port in kind.preferred_ports:
            if not kind.holds(port):
                walk.complain(
                    ("service_types", kind.name, "preferred_ports"),
                    f"names {port}, which lies outside {kind.spans}",
                )
    return replace(
        kind, preferred_ports=tuple(port for port in kind.preferred_ports if kind.holds(port))
    )


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
