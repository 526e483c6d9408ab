"""Expansion: from the words of the tree to arguments (POSIX Shell Command Language, 2.6).

Variables that the line has set are known; everything else is a hole. File name patterns are kept as
they are, because no directory is read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import HOLE, UNKNOWN, Field, Output, field_of
from styxy.core.commands.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    ProcessSubstitution,
    Quoted,
    Substitution,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from styxy.core.commands.shell.scope import Scope
    from styxy.core.commands.shell.syntax import Part, Script

MOST_FIELDS = 256
"""Arguments that one word may expand to; `{1..99999}` is not a list of ports."""


class Expander:
    """An expander of words in one scope; `output_of` runs the commands of a substitution."""

    def __init__(self, scope: Scope, output_of: Callable[[Script], Output]) -> None:
        self._scope = scope
        self._output_of = output_of

    def all(self, words: Sequence[Word]) -> list[Field]:
        """Expand all words of a command."""
        return [each for word in words for each in self.fields(word)]

    def fields(self, word: Word) -> list[Field]:
        """Expand one word to any number of arguments."""
        if len(word.parts) == 1 and isinstance(part := word.parts[0], Literal):
            if part.is_quoted or "{" not in part.text:
                return [Field(part.text)]
            return [Field(text) for text in braces(part.text)]
        builder = _Builder()
        for part in word.parts:
            self._add(part, builder)
        return builder.finished()[:MOST_FIELDS]

    def one(self, word: Word) -> Field:
        """Expand a word without splitting it: the value of an assignment, a file's name."""
        return self._joined(word.parts)

    def _joined(self, parts: Sequence[Part]) -> Field:
        pieces = [self._value(part) for part in parts]
        return concatenated([each for fields in pieces for each in _spaced(fields)])

    def _add(self, part: Part, builder: _Builder) -> None:
        if isinstance(part, Quoted):
            builder.append(self._joined(part.parts))
            return
        values = self._value(part)
        if isinstance(part, Literal):
            builder.append(values[0])
        elif isinstance(part, Parameter) and part.is_quoted and _is_list(part):
            builder.append_all(values)
        elif not isinstance(part, ProcessSubstitution) and part.is_quoted:
            builder.append(concatenated(list(_spaced(values))))
        else:
            builder.append_all([piece for value in values for piece in _split(value)])

    def _value(self, part: Part) -> Sequence[Field]:
        if isinstance(part, Literal):
            return (Field(part.text),)
        if isinstance(part, Quoted):
            return (self._joined(part.parts),)
        if isinstance(part, Parameter):
            return self._parameter(part)
        if isinstance(part, Arithmetic):
            return (Field(calculated(part.text, self._number)),)
        output = self._output_of(part.script)
        if isinstance(part, Substitution):
            return (field_of(output),)
        return (Field(HOLE, (output,)),)

    def _parameter(self, part: Parameter) -> Sequence[Field]:
        known = self._known(part.name)
        if part.operator == "[" and known is not None and len(known) > 1:
            return _element(known, part)
        if part.operator in ("", "["):
            return known if known is not None else (self._unknown(part),)
        if part.operator in (":-", "-", ":=", "="):
            if known is not None and any(each.text for each in known):
                return known
            value = self._joined(part.argument.parts if part.argument else ())
            if "=" in part.operator:
                self._scope.set(part.name, (value,))
            return (value,)
        if part.operator in (":?", "?") and known is not None:
            return known
        if part.operator in (":+", "+"):
            value = self._joined(part.argument.parts if part.argument else ())
            return (value,) if known else (Field(""),)
        # After `${pid%...}` it still is the id of the same process.
        outputs = tuple(each for value in known or () for each in value.outputs) or (UNKNOWN,)
        return (Field(HOLE, outputs[:1]),)

    def _unknown(self, part: Parameter) -> Field:
        if part.name == "PPID":  # the agent itself, or the terminal's shell
            return Field("$PPID")
        return Field(HOLE, (UNKNOWN,))

    def _known(self, name: str) -> Sequence[Field] | None:
        if name in ("@", "*"):
            return self._scope.positional
        if name.isdigit() and name != "0":
            place = int(name[:4]) - 1
            positional = self._scope.positional
            return (positional[place],) if place < len(positional) else None
        return self._scope.values.get(name)

    def _number(self, name: str) -> str:
        known = self._known(name)
        return known[0].text if known and known[0].is_known else ""


def _element(known: Sequence[Field], part: Parameter) -> Sequence[Field]:
    index = (part.argument.literal if part.argument else None) or ""
    index = index.removesuffix("]")
    if index in ("@", "*"):
        return known
    if index.isdigit() and len(index) < 4:
        return known[int(index) : int(index) + 1]
    return (Field(HOLE, (UNKNOWN,)),)


def _is_list(part: Parameter) -> bool:
    """Return whether it stays several words inside quotes: `"$@"`, `"${ports[@]}"`."""
    if part.operator != "[":
        return part.name == "@"
    return part.argument is not None and part.argument.literal == "@]"


class _Builder:
    """A builder of arguments from pieces that are joined or split."""

    def __init__(self) -> None:
        self._fields: list[list[Field]] = []
        self._is_open = False

    def append(self, value: Field) -> None:
        """Add a piece to the open argument, or start one."""
        if not self._is_open:
            self._fields.append([])
        self._fields[-1].append(value)
        self._is_open = True

    def append_all(self, values: Sequence[Field]) -> None:
        """Add values: the first joins the open argument, the last stays open."""
        for place, value in enumerate(values):
            if place:
                self._is_open = False
            self.append(value)

    def finished(self) -> list[Field]:
        """Return the arguments, each in one piece."""
        return [concatenated(pieces) for pieces in self._fields]


def concatenated(fields: Sequence[Field]) -> Field:
    """Join fields to one."""
    return Field(
        "".join(each.text for each in fields),
        tuple(output for each in fields for output in each.outputs),
    )


def _spaced(fields: Sequence[Field]) -> Iterator[Field]:
    for place, each in enumerate(fields):
        if place:
            yield Field(" ")
        yield each


def _split(value: Field) -> list[Field]:
    words = value.text.split()
    if len(words) <= 1:
        return [Field(words[0], value.outputs)] if words else []
    outputs = iter(value.outputs)
    return [
        Field(word, tuple(next(outputs, UNKNOWN) for _ in range(word.count(HOLE))))
        for word in words[:MOST_FIELDS]
    ]


def braces(text: str) -> list[str]:
    """Expand the braces of a word, `a{b,c}` and `{3000..3003}`; nested ones stay."""
    done, left = [""], text
    while left:
        start, stop = left.find("{"), left.find("}")
        choices = _choices(left[start + 1 : stop]) if 0 <= start < stop else []
        if not choices or len(done) * len(choices) > MOST_FIELDS:
            return [each + left for each in done]
        done = [each + left[:start] + choice for each in done for choice in choices]
        left = left[stop + 1 :]
    return done


def _choices(text: str) -> list[str]:
    if "{" in text:
        return []
    if "," in text:
        return text.split(",")
    first, dots, last = text.partition("..")
    if not dots or not _is_number(first) or not _is_number(last):
        return []
    low, high = int(first), int(last)
    if abs(high - low) >= MOST_FIELDS:
        return []
    step = 1 if low <= high else -1
    return [str(number) for number in range(low, high + step, step)]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 7


def calculated(text: str, value_of: Callable[[str], str]) -> str:
    """Calculate sums and differences, `3000 + i`; return a hole for anything else."""
    total, sign = 0, 1
    expects_number = True
    for token in _tokens(text):
        if expects_number:
            number = token if token.isdigit() else value_of(token.lstrip("$").strip("{}"))
            if not _is_number(number):
                return HOLE
            total += sign * int(number)
        elif token in ("+", "-"):
            sign = 1 if token == "+" else -1
        else:
            return HOLE
        expects_number = not expects_number
    return HOLE if expects_number else str(total)


def _tokens(text: str) -> list[str]:
    if len(text) > 100:
        return [""]
    return text.replace("+", " + ").replace("-", " - ").split()
