"""Put a value into a JSON text or take one out, and leave every other character as it is.

`removed` takes out exactly what `appended` put in: white space, commas and comments of the user
come back as they were. How a part is laid out follows its neighbours: on lines of its own where
they are, on one line where they share one.
"""

from __future__ import annotations

import json

from styxy.client.agents.install.json_spans import Part, Value, comments_end, skip

USUAL_INDENT = "  "


def appended(
    text: str, root: Value, container: Value, value: object, key: str | None = None
) -> str:
    """Put a value at the end of a list, or with a key at the end of an object."""
    layout = _Layout(text, root)
    last = container.parts[-1] if container.parts else None
    if last is None:
        return _put_into_empty(text, container, layout, value, key)
    comma = skip(text, last.end)
    has_comma = text[comma] == ","
    behind = comma + 1 if has_comma else last.end
    place = comments_end(text, behind, container.end - 1)
    # A comment may reach to the end of its line.
    own_line = _is_on_own_line(text, last) or place > behind
    indent = layout.indent_of(last.start) if own_line else None
    separator = layout.newline + indent if indent is not None else layout.space
    item = layout.spelled(value, key, indent)
    if has_comma:
        return f"{text[:place]}{separator}{item},{text[place:]}"
    return f"{text[: last.end]},{text[last.end : place]}{separator}{item}{text[place:]}"


def _put_into_empty(
    text: str, container: Value, layout: _Layout, value: object, key: str | None
) -> str:
    """Fill an empty container; what is in it, white space or comments, stays behind the value."""
    place = comments_end(text, container.start + 1, container.end - 1)
    outer = layout.indent_of(container.start)
    if layout.is_one_line:
        return f"{text[:place]}{layout.spelled(value, key, None)}{text[place:]}"
    indent = outer + layout.unit
    item = f"{layout.newline}{indent}{layout.spelled(value, key, indent)}"
    if place > container.start + 1:  # a comment, and the line break behind it
        return f"{text[:place]}{item}{text[place:]}"
    return f"{text[:place]}{item}{layout.newline}{outer}{text[place:]}"


def replaced(text: str, root: Value, part: Part, value: object) -> str:
    """Put another value in the place of one; a member keeps its key."""
    layout = _Layout(text, root)
    indent = layout.indent_of(part.start) if _is_on_own_line(text, part) else None
    item = layout.spelled(value, None, indent)
    return f"{text[: part.value.start]}{item}{text[part.value.end :]}"


def removed(text: str, root: Value, container: Value, part: Part) -> str:
    """Take a part out of its container."""
    layout = _Layout(text, root)
    at = container.parts.index(part)
    after = skip(text, part.end)
    before = container.parts[at - 1].end if at else container.start + 1
    start = max(_blank_before(text, part.start), comments_end(text, before, part.start))
    if text[after] == ",":
        return text[:start] + text[after + 1 :]
    if at > 0:
        comma = skip(text, before)
        return text[:comma] + text[comma + 1 : start] + text[part.end :]
    end = part.end
    # What the container's own line began with is told by the part's: a line may have got another
    # beginning since, by what was put into a container in front of this one.
    trailer = layout.newline + layout.indent_of(part.start).removesuffix(layout.unit)
    if start == container.start + 1 and text.startswith(trailer, end):
        end += len(trailer)
    return text[:start] + text[end:]


def _blank_before(text: str, at: int) -> int:
    """Find where the white space in front of a place begins."""
    start = at
    while text[start - 1] in " \t\r\n":
        start -= 1
    return start


def _is_on_own_line(text: str, part: Part) -> bool:
    return "\n" in text[_blank_before(text, part.start) : part.start]


class _Layout:
    """How a text is laid out: its indent, its line ends, its space behind a comma."""

    def __init__(self, text: str, root: Value) -> None:
        self._text = text
        inside = text[root.start : root.end]
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.is_one_line = "\n" not in inside and bool(root.parts)
        self.space = "" if self.is_one_line and ", " not in inside and ": " not in inside else " "
        first = root.parts[0] if root.parts else None
        known = first is not None and _is_on_own_line(text, first)
        indent = self.indent_of(first.start) if first and known else USUAL_INDENT
        self.unit = indent.removeprefix(self.indent_of(root.start)) if known else indent

    def indent_of(self, at: int) -> str:
        """Give the white space with which the line of a place begins."""
        start = self._text.rfind("\n", 0, at) + 1
        end = start
        while self._text[end] in " \t":
            end += 1
        return self._text[start:end]

    def spelled(self, value: object, key: str | None, indent: str | None) -> str:
        """Write a value, on lines of its own behind `indent`, or on one line where that is None."""
        name = "" if key is None else f"{json.dumps(key)}:"
        if indent is None:
            separators = ("," + self.space, ":" + self.space)
            text = json.dumps(value, separators=separators, ensure_ascii=False)
            return f"{name}{self.space if name else ''}{text}"
        text = json.dumps(value, indent=self.unit, ensure_ascii=False)
        return (f"{name} " if name else "") + text.replace("\n", self.newline + indent)
