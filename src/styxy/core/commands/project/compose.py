"""Compose files: which services publish which ports, with a reader for the YAML they use.

It reads block mappings and sequences, flow lists, quoted and plain scalars, and comments. Anchors,
aliases and block scalars are skipped, because ports are not written with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.commands.tools.servers import port_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEEPEST = 24
"""Levels of indentation that are read; a compose file has six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of a compose file; `published` has ports of the host."""

    name: str
    image: str
    published: tuple[int, ...]


def services_of(text: str, variables: Mapping[str, str]) -> tuple[Service, ...]:
    """Read the services of a compose file; what is not understood is skipped."""
    root = read_yaml(text)
    services = root.get("services") if isinstance(root, dict) else None
    if not isinstance(services, dict):
        return ()
    return tuple(
        _service(name, value, variables)
        for name, value in services.items()
        if isinstance(value, dict)
    )


def _service(name: str, value: Mapping[str, object], variables: Mapping[str, str]) -> Service:
    image = value.get("image")
    ports = value.get("ports")
    listed = ports if isinstance(ports, list) else []
    published = [port for each in listed if (port := _published(each, variables))]
    return Service(
        name=name,
        image=image if isinstance(image, str) else "",
        published=tuple(published),
    )


def _published(entry: object, variables: Mapping[str, str]) -> int | None:
    if isinstance(entry, dict):
        value = entry.get("published")
        return port_in(interpolated(value, variables)) if isinstance(value, str) else None
    text = interpolated(entry, variables) if isinstance(entry, str) else ""
    return published_port(text)


def published_port(text: str) -> int | None:
    """Return the host's port in `[ADDRESS:]PORT:CONTAINER_PORT[/tcp]`, or None.

    `80` alone is a port of the container; the engine picks one of the host.
    """
    pieces = text.partition("/")[0].rsplit(":", 2)
    if len(pieces) < 2:
        return None
    first = pieces[-2].partition("-")[0]
    return int(first) if first.isdigit() and 0 < int(first[:6]) < 65536 else None


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME`, `${NAME}` and `${NAME:-default}`; an unknown variable is empty."""
    done, left = "", text
    while (place := left.find("${")) >= 0 and len(done) < 1000:
        stop = left.find("}", place)
        if stop < 0:
            break
        name, dash, default = left[place + 2 : stop].partition("-")
        name = name.rstrip(":").partition("?")[0].rstrip(":")
        value = variables.get(name) or (default if dash else "")
        done, left = done + left[:place] + value, left[stop + 1 :]
    text = done + left
    if text.startswith("$"):
        name, colon, rest = text[1:].partition(":")
        return variables.get(name, "") + colon + rest
    return text


def read_yaml(text: str) -> object:
    """Read a document as mappings, lists and strings; never raises."""
    lines = [
        (len(line) - len(line.lstrip(" ")), bare)
        for line in text.expandtabs(8).splitlines()
        if (bare := _without_comment(line.strip())) and not bare.startswith(("---", "%"))
    ]
    value, _ = _block(lines, 0, depth=0)
    return value


def _block(lines: Sequence[tuple[int, str]], at: int, *, depth: int) -> tuple[object, int]:
    if at >= len(lines) or depth > DEEPEST:
        return "", len(lines)
    indent, content = lines[at]
    if content.startswith("- ") or content == "-":
        return _sequence(lines, at, depth=depth)
    found: dict[str, object] = {}
    while at < len(lines) and lines[at][0] == indent:
        content = lines[at][1]
        key, colon, rest = _pair(content)
        at += 1
        if not colon:
            continue
        value, at = _value(rest, lines, at, indent=indent, depth=depth)
        found[key] = value
    while at < len(lines) and lines[at][0] > indent:
        at += 1  # belongs to a key that was skipped
    return found, at


def _value(
    rest: str, lines: Sequence[tuple[int, str]], at: int, *, indent: int, depth: int
) -> tuple[object, int]:
    is_deeper = at < len(lines) and (
        lines[at][0] > indent or (lines[at][0] == indent and lines[at][1].startswith("-"))
    )
    if rest and not rest.startswith(("&", "!", "|", ">")):
        return _scalar(rest), at
    if rest.startswith(("|", ">")):
        while at < len(lines) and lines[at][0] > indent:
            at += 1
        return "", at
    return _block(lines, at, depth=depth + 1) if is_deeper else ("", at)


def _sequence(lines: Sequence[tuple[int, str]], at: int, *, depth: int) -> tuple[object, int]:
    indent = lines[at][0]
    found: list[object] = []
    while at < len(lines) and lines[at][0] == indent and lines[at][1].startswith("-"):
        rest = lines[at][1][1:].strip()
        inner = indent + len(lines[at][1]) - len(rest)
        at += 1
        stop = at
        while stop < len(lines) and lines[stop][0] > indent:
            stop += 1
        if rest and _pair(rest)[1]:  # the first pair of a mapping follows the dash
            value, _ = _block([(inner, rest), *lines[at:stop]], 0, depth=depth + 1)
        elif rest:
            value = _scalar(rest)
        else:
            value, _ = _block(lines[at:stop], 0, depth=depth + 1)
        found.append(value)
        at = stop
    return found, at


def _pair(text: str) -> tuple[str, bool, str]:
    """Split `key: value`; a colon inside quotes or a word does not count."""
    if text[:1] in "\"'":
        stop = text.find(text[0], 1)
        if stop > 0 and text[stop + 1 : stop + 2] == ":":
            return text[1:stop], True, text[stop + 2 :].strip()
        return "", False, ""
    if text.endswith(":") and ": " not in text:
        return text[:-1].strip(), True, ""
    key, colon, rest = text.partition(": ")
    return (key.strip(), True, rest.strip()) if colon and "[" not in key else ("", False, "")


def _scalar(text: str) -> object:
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(each.strip()) for each in text[1:-1].split(",") if each.strip()]
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    return text


def _without_comment(line: str) -> str:
    if line.startswith("#"):
        return ""
    place = line.find(" #")
    return line if place < 0 or line[:1] in "\"'" else line[:place].rstrip()
