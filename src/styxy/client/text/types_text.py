"""The service types for people: what each is for, where it lies, how full it is."""

from __future__ import annotations

from styxy.client.text.layout import Table
from styxy.client.text.render import objects, plain, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHARED = "single"


def kinds(types: object, scan: Mapping[str, object]) -> list[dict[str, object]]:
    """Describe each service type, with `ports` in its ranges and how many of them are `taken`."""
    taken = {row.get("port") for row in objects(scan.get("ports_in_use"))}
    found = types if isinstance(types, dict) else {}
    return [
        {
            "service_type": name,
            "ranges": (ranges := _ranges(kind)),
            "preferred_ports": kind.get("preferred_ports"),
            "description": kind.get("description"),
            "instance_behavior": kind.get("instance_behavior"),
            "ports": sum(last - first + 1 for first, last in ranges),
            "taken": sum(
                any(first <= port <= last for first, last in ranges)
                for port in taken
                if isinstance(port, int)
            ),
        }
        for name, kind in found.items()
        if isinstance(kind, dict)
    ]


def shown(found: Iterable[Mapping[str, object]]) -> Table:
    """Format service types as a table."""
    return table(
        ("TYPE", "RANGE", "PREFERRED", "TAKEN", "FOR"),
        (
            (
                each["service_type"],
                ", ".join(f"{first}-{last}" for first, last in _pairs(each["ranges"])),
                _span(each["preferred_ports"]),
                f"{each['taken']}/{each['ports']}",
                _use(each),
            )
            for each in found
        ),
    )


def _use(kind: Mapping[str, object]) -> str:
    text = plain(kind["description"])
    return f"{text} (singleton)" if kind["instance_behavior"] == SHARED else text


def _span(ports: object) -> str:
    """Write ports as first-last where none is left out."""
    listed = ports if isinstance(ports, list) else []
    if len(listed) > 1 and listed == list(range(listed[0], listed[-1] + 1)):
        return f"{listed[0]}-{listed[-1]}"
    return ", ".join(map(str, listed))


def _ranges(kind: Mapping[str, object]) -> list[list[int]]:
    more = kind.get("additional_ranges")
    return _pairs([kind.get("range"), *(more if isinstance(more, list) else [])])


def _pairs(ranges: object) -> list[list[int]]:
    listed = ranges if isinstance(ranges, list) else []
    return [each for each in listed if isinstance(each, list) and len(each) == 2]
