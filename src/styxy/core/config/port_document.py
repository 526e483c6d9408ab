"""The table of ranges in a Markdown file: written between two marker comments, and read back.

What is written is read again by the same rules, and so is a table that a person made, as long as
it has a column for the type and one for the range. Bytes outside the markers are never touched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.errors import Conflict, InvalidInput
from styxy.core.model.ports import Port, PortRange
from styxy.core.names import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from styxy.core.model.service_types import ServiceType

BEGIN = b"<!-- styxy:ports:begin (kept up to date by Styxy; edits in here are lost) -->"
END = b"<!-- styxy:ports:end -->"

_BEGIN = re.compile(rb"<!-- *styxy:ports:begin\b[^\n]*?-->")
_END = re.compile(rb"<!-- *styxy:ports:end *-->")

_LAST_UPDATED = re.compile(rb"(?<=^Last updated: )\d{4}-\d\d-\d\d", re.MULTILINE)

TITLES = ("type", "range", "preferred", "for")


class Row(Struct, frozen=True, kw_only=True):
    """Hold one row of a table. `line` counts from 1."""

    name: str
    ranges: tuple[PortRange, ...]
    preferred_ports: tuple[Port, ...] = ()
    description: str = ""
    is_singleton: bool = False
    line: int = 0


def table(types: Iterable[ServiceType]) -> str:
    """Write the service types as a Markdown table, ordered by range."""
    ordered = sorted(types, key=lambda kind: kind.ports.first)
    rows = [TITLES, tuple("-" * len(title) for title in TITLES), *map(_cells, ordered)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(kind: ServiceType) -> tuple[str, ...]:
    notes = [kind.description.replace("\\", "\\\\").replace("|", "\\|")]
    notes += ["**singleton**"] if kind.is_singleton else []
    return (
        kind.name,
        kind.spans,
        ", ".join(_spans(kind.preferred_ports)),
        "; ".join(note for note in notes if note),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    filler = "-" if set(cells[0]) == {"-"} else " "
    padded = (cell.ljust(width, filler) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _spans(ports: Iterable[Port]) -> Iterator[str]:
    """Put neighbours together: 3000-3003, or 3000 alone."""
    first = last = None
    for port in ports:
        if last is not None and port == last + 1:
            last = port
            continue
        if first is not None:
            yield f"{first}-{last}" if first != last else str(first)
        first = last = port
    if first is not None:
        yield f"{first}-{last}" if first != last else str(first)


def with_table(content: bytes, text: str, *, today: str | None = None) -> bytes:
    """Put a table between the markers of a file, or at its end where it has none.

    The line ends are those of the file. Raises `Conflict` where the markers are not one pair.

    `today` is an RFC 3339 date; it is the day of the last change, so an unchanged table keeps its
    own.
    """
    # By majority: a lone \r before our own \n would make a file of the other kind at the next look.
    newline = b"\r\n" if content.count(b"\r\n") * 2 > content.count(b"\n") else b"\n"
    date = (f"Last updated: {today}".encode(), b"") if today is not None else ()
    block = newline.join((BEGIN, b"", *text.encode().splitlines(), b"", *date, END))
    begins, ends = list(_BEGIN.finditer(content)), list(_END.finditer(content))
    if not begins and not ends:
        return content + _distance(content, newline) + block + newline
    if len(begins) != 1 or len(ends) != 1 or begins[0].end() > ends[0].start():
        raise Conflict(
            f"the file has {len(begins)} begin and {len(ends)} end markers of Styxy in it; "
            "leave one pair, or none"
        )
    before = content[begins[0].start() : ends[0].end()]
    if _LAST_UPDATED.sub(b"", before) == _LAST_UPDATED.sub(b"", block):
        return content
    return content[: begins[0].start()] + block + content[ends[0].end() :]


def _distance(content: bytes, newline: bytes) -> bytes:
    if not content:
        return b""
    return newline if content.endswith(b"\n") else newline * 2


def read_tables(text: str) -> list[Row]:
    """Read the rows of every table that has a column for the type and one for the range.

    Raises `InvalidInput`, which names the line, where a row cannot be understood.
    """
    rows: list[Row] = []
    columns: dict[str, int] | None = None
    before: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = _split(line)
        if cells is None:
            columns, before = None, []
        elif all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            columns = _columns(before)
        elif columns is not None:
            rows.append(_row(cells, columns, number))
        else:
            before = cells
    return rows


def _split(line: str) -> list[str] | None:
    stripped = line.strip()
    if "|" not in stripped:
        return None
    inner = stripped.removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    cells = re.split(r"(?<!\\)\|", inner)
    return [cell.strip().replace("\\|", "|").replace("\\\\", "\\") for cell in cells]


_MEANINGS = {
    "name": {"type", "service type", "service", "name"},
    "ranges": {"range", "ranges", "port range", "ports"},
    "preferred": {"preferred", "preferred ports", "preferred port"},
    "description": {"for", "description", "use", "purpose", "used for"},
}
"""What the columns that we read may be called, in lower case."""


def _columns(titles: list[str]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for position, title in enumerate(titles):
        plain = _plain(title).lower().replace("_", " ")
        for meaning, words in _MEANINGS.items():
            if plain in words:
                found.setdefault(meaning, position)
    return found if {"name", "ranges"} <= found.keys() else None


def _row(cells: list[str], columns: dict[str, int], line: int) -> Row:
    def cell(meaning: str) -> str:
        position = columns.get(meaning, len(cells))
        return cells[position] if position < len(cells) else ""

    name = _plain(cell("name")).lower()
    if not NAME.fullmatch(name):
        raise InvalidInput(f"line {line}: {name[:60]!r} is no name for a service type", line=line)
    ranges = _ranges(cell("ranges"), line)
    if not ranges:
        raise InvalidInput(f"line {line}: {name} has no range", line=line)
    description = cell("description")
    return Row(
        name=name,
        ranges=tuple(ranges),
        preferred_ports=tuple(port for span in _ranges(cell("preferred"), line) for port in span),
        description=re.sub(r";?\s*\**singleton\**\s*$", "", description, flags=re.IGNORECASE),
        is_singleton="singleton" in description.lower(),
        line=line,
    )


def _plain(cell: str) -> str:
    return cell.strip("`*_ ")


_SPAN = re.compile(r"(\d{1,5})(?:\s*(?:-|\u2013|\u2014|to|\.\.)\s*(\d{1,5}))?")


def _ranges(cell: str, line: int) -> list[PortRange]:
    spans: list[PortRange] = []
    for part in _plain(cell).split(","):
        text = _plain(part)
        if text in ("", "-", "\u2013", "\u2014"):
            continue
        found = _SPAN.fullmatch(text)
        if found is None:
            raise InvalidInput(f"line {line}: {text[:60]!r} is no range of ports", line=line)
        try:
            spans.append(PortRange(Port(int(found[1])), Port(int(found[2] or found[1]))))
        except InvalidInput as error:
            raise InvalidInput(f"line {line}: {error.message}", line=line) from None
    return spans
