"""What a Markdown table would add to the configuration in force; nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.client.text.render import plain, table
from styxy.core.errors import InvalidInput
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import ServiceType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.config.port_document import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A merge patch, and what happens to each type in the table."""

    patch: dict[str, object]
    added: list[str]
    altered: list[str]
    unchanged: list[str]
    rows: list[tuple[str, str, str]]

    def summary(self) -> dict[str, object]:
        """Return it as data for programs."""
        return {"added": self.added, "altered": self.altered, "unchanged": self.unchanged}

    def text(self, answer: Mapping[str, object]) -> str:
        """Return it as text for people, with the answer to the change."""
        lines = [table(("TYPE", "RANGE", "CHANGE"), self.rows), "", plain(answer.get("message"))]
        if answer.get("copy"):
            lines.append(f"previous version: {plain(answer['copy'])}")
        return "\n".join(lines)


def plan(rows: Sequence[Row], answer: Mapping[str, object]) -> Plan:
    """Compare a table with the service types in force (the answer of GET /config).

    Raises `InvalidInput` if the table names a type twice.
    """
    known = {kind.name: kind for kind in types_of(answer)}
    entries: dict[str, object] = {}
    found = Plan(patch={}, added=[], altered=[], unchanged=[], rows=[])
    seen: dict[str, int] = {}
    for row in rows:
        if row.name in seen:
            raise InvalidInput(f"line {row.line}: {row.name} is already in line {seen[row.name]}")
        seen[row.name] = row.line
        old = known.get(row.name)
        entry = _entry(row, old)
        group, change = _change(old, entry)
        {"new": found.added, "unchanged": found.unchanged}.get(group, found.altered).append(
            row.name
        )
        found.rows.append((row.name, ", ".join(map(str, row.ranges)), change))
        if entry:
            entries[row.name] = entry
    if entries:
        found.patch["service_types"] = entries
    return found


def types_of(answer: Mapping[str, object]) -> list[ServiceType]:
    """Read the service types from the answer of GET /config."""
    types = answer.get("service_types")
    return [_type_of(name, data) for name, data in _items(types)]


def _items(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(value, dict):
        yield from ((name, each) for name, each in value.items() if isinstance(each, dict))


def _type_of(name: str, data: Mapping[str, object]) -> ServiceType:
    more, ports = data.get("additional_ranges"), data.get("preferred_ports")
    return ServiceType(
        name=name,
        ports=_range(data.get("range")),
        more=tuple(_range(each) for each in more) if isinstance(more, list) else (),
        preferred_ports=tuple(Port(each) for each in ports) if isinstance(ports, list) else (),
        description=str(data.get("description", "")),
        behavior="single" if data.get("instance_behavior") == "single" else "multi",
    )


def _range(value: object) -> PortRange:
    if isinstance(value, list) and len(value) == 2:
        return PortRange(Port(value[0]), Port(value[1]))
    raise InvalidInput(f"{value!r} is not a range; is the daemon another version?")


def _entry(row: Row, old: ServiceType | None) -> dict[str, object]:
    """Build the part of an entry in which a row differs from the type in force."""
    entry: dict[str, object] = {}
    first, *more = row.ranges
    if old is None or old.ports != first:
        entry["range"] = [first.first, first.last]
    if more and (old is None or list(old.more) != more):
        entry["additional_ranges"] = [[each.first, each.last] for each in more]
    if row.preferred_ports and (old is None or old.preferred_ports != row.preferred_ports):
        entry["preferred_ports"] = list(row.preferred_ports)
    if row.description and old is None:
        entry["description"] = row.description
    if row.is_singleton and (old is None or not old.is_singleton):
        entry["instance_behavior"] = "single"
    return entry


def _change(old: ServiceType | None, entry: Mapping[str, object]) -> tuple[str, str]:
    if old is None:
        return "new", "new"
    if not entry:
        return "unchanged", "unchanged"
    was = f" (was {old.ports})" if "range" in entry else ""
    return "altered", f"{', '.join(entry)}{was}"
