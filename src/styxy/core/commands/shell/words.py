"""Words: quotes, expansions, substitutions (POSIX Shell Command Language, 2.2 and 2.6).

Words contain commands, `$(...)`, and commands contain words. The reader of commands is passed in as
a function, so this module does not depend on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.shell.cursor import METACHARACTERS, Cursor
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
    from collections.abc import Callable

    from styxy.core.commands.shell.syntax import Part, Script

    ReadCommands = Callable[[Cursor], Script]

SPECIAL_PARAMETERS = "@*#?-$!0123456789"
OPERATORS = (":-", ":=", ":?", ":+", "##", "%%", "//", "^^", ",,")
ANSI_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "0": "\0"}
EXTENDED_GLOBS = "?*+@!"


class WordReader:
    """A reader of words at a cursor; `read_commands` reads commands up to a `)`."""

    def __init__(self, cursor: Cursor, read_commands: ReadCommands) -> None:
        self.cursor = cursor
        self._read_commands = read_commands

    def word(self) -> Word | None:
        """Read one word, or return None if none begins here."""
        cursor = self.cursor
        start = cursor.at
        parts: list[Part] = []
        bare: list[str] = []
        while (character := cursor.peek()) and self._belongs(character, parts, bare):
            part = self._special(character)
            if part is None:
                bare.append(self._bare())
                continue
            _flush(bare, parts)
            parts.append(part)
        _flush(bare, parts)
        if not parts:
            return None
        return Word(tuple(parts), start, cursor.at) if cursor.is_source else Word(tuple(parts))

    def _belongs(self, character: str, parts: list[Part], bare: list[str]) -> bool:
        if character not in METACHARACTERS:
            return True
        if character in "<>":
            return self.cursor.peek(1) == "(" and not parts and not bare
        # An extended pattern of bash, `!(*.js)`, is part of its word.
        return character == "(" and bool(bare) and bare[-1][-1:] in EXTENDED_GLOBS

    def _special(self, character: str) -> Part | None:
        """Read a part that begins with a special character, or return None."""
        if character == "'":
            return self._single_quoted()
        if character == '"':
            return self._double_quoted()
        if character == "\\":
            return self._escaped()
        if character == "$":
            return self._dollar(is_quoted=False)
        if character == "`":
            return self._backquoted(is_quoted=False)
        if character in "<>":
            return self._process_substitution()
        return None

    def _bare(self) -> str:
        cursor = self.cursor
        if cursor.peek() == "(":
            return self._balanced()
        start = cursor.at
        cursor.at += 1
        while (character := cursor.peek()) and character not in METACHARACTERS:
            if character in "'\"\\$`":
                break
            cursor.at += 1
        return cursor.text[start : cursor.at]

    def _balanced(self) -> str:
        """Read from `(` to its `)`: a pattern."""
        cursor, start, depth = self.cursor, self.cursor.at, 0
        while character := cursor.peek():
            cursor.at += 1
            depth += (character == "(") - (character == ")")
            if depth == 0:
                break
        return cursor.text[start : cursor.at]

    def _single_quoted(self) -> Literal:
        cursor = self.cursor
        start = cursor.at + 1
        stop = cursor.text.find("'", start)
        if stop < 0:
            cursor.give_up()
            return Literal(cursor.text[start:], is_quoted=True)
        cursor.at = stop + 1
        return Literal(cursor.text[start:stop], is_quoted=True)

    def _escaped(self) -> Literal:
        cursor = self.cursor
        cursor.at += 1
        character = cursor.peek()
        cursor.at += len(character)
        return Literal("" if character == "\n" else character, is_quoted=True)

    def _double_quoted(self) -> Part:
        """Read `"..."`; several parts become one word inside, so they are kept together."""
        self.cursor.at += 1
        parts = self.quoted_parts('"')
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Literal("", is_quoted=True)
        return Quoted(tuple(parts))

    def quoted_parts(self, closing: str) -> list[Part]:
        """Read up to `closing` (empty: to the end) as inside double quotes."""
        cursor = self.cursor
        parts: list[Part] = []
        text: list[str] = []
        while character := cursor.peek():
            if character == closing:
                cursor.at += 1
                break
            part = self._inside_quotes(character, text)
            if part is not None:
                _flush(text, parts, is_quoted=True)
                parts.append(part)
        else:
            cursor.is_whole = cursor.is_whole and not closing
        _flush(text, parts, is_quoted=True)
        return parts

    def _inside_quotes(self, character: str, text: list[str]) -> Part | None:
        cursor = self.cursor
        if character == "$":
            return self._dollar(is_quoted=True)
        if character == "`":
            return self._backquoted(is_quoted=True)
        if character == "\\":
            following = cursor.peek(1)
            cursor.at += 1 + len(following)
            if following in '$`"\\' and following:
                text.append(following)
            elif following != "\n":
                text.append("\\" + following)
            return None
        start = cursor.at
        cursor.at += 1
        while (character := cursor.peek()) and character not in '"$`\\':
            cursor.at += 1
        text.append(cursor.text[start : cursor.at])
        return None

    def _dollar(self, *, is_quoted: bool) -> Part:
        cursor = self.cursor
        following = cursor.peek(1)
        if following == "(":
            return self._parenthesis(is_quoted=is_quoted)
        if following == "{":
            return self._braced(is_quoted=is_quoted)
        if not is_quoted and following == "'":
            return self._ansi_quoted()
        if not is_quoted and following == '"':
            cursor.at += 1
            return self._double_quoted()
        cursor.at += 1
        if following and following in SPECIAL_PARAMETERS:
            cursor.at += 1
            return Parameter(name=following, is_quoted=is_quoted)
        if name := cursor.read_name():
            return Parameter(name=name, is_quoted=is_quoted)
        return Literal("$", is_quoted=is_quoted)

    def _parenthesis(self, *, is_quoted: bool) -> Part:
        cursor = self.cursor
        cursor.at += 1
        if cursor.peek(1) == "(":
            text = read_arithmetic(cursor)
            if text is not None:
                return Arithmetic(text, is_quoted=is_quoted)
        cursor.at += 1
        return Substitution(self._nested(), is_quoted=is_quoted)

    def _process_substitution(self) -> Part:
        is_read = self.cursor.peek() == "<"
        self.cursor.at += 2
        return ProcessSubstitution(self._nested(), is_read=is_read)

    def _nested(self) -> Script:
        return self._read_commands(self.cursor)

    def _backquoted(self, *, is_quoted: bool) -> Part:
        """Read `` `...` ``: its text is unescaped once and then read as commands."""
        cursor = self.cursor
        cursor.at += 1
        text: list[str] = []
        escapable = '$`\\"' if is_quoted else "$`\\"
        while character := cursor.peek():
            cursor.at += 1
            if character == "`":
                break
            if character == "\\" and cursor.peek() and cursor.peek() in escapable:
                character = cursor.peek()
                cursor.at += 1
            text.append(character)
        else:
            cursor.is_whole = False
        script = self._read_commands(Cursor("".join(text), depth=cursor.depth))
        cursor.is_whole = cursor.is_whole and script.is_whole
        return Substitution(script, is_quoted=is_quoted)

    def _ansi_quoted(self) -> Literal:
        cursor = self.cursor
        cursor.at += 2
        text: list[str] = []
        while character := cursor.peek():
            cursor.at += 1
            if character == "'":
                break
            if character == "\\":
                following = cursor.peek()
                cursor.at += len(following)
                character = ANSI_ESCAPES.get(following, following)
            text.append(character)
        else:
            cursor.is_whole = False
        return Literal("".join(text), is_quoted=True)

    def _braced(self, *, is_quoted: bool) -> Parameter:
        cursor = self.cursor
        cursor.at += 2
        if not cursor.enter():
            return Parameter(name="", is_quoted=is_quoted)
        operator = "#" if cursor.peek() in "#!" and cursor.peek(1) not in ("}", "") else ""
        cursor.at += len(operator)
        name = cursor.read_name()
        if not name and cursor.peek() and cursor.peek() in SPECIAL_PARAMETERS:
            name = cursor.peek()
            cursor.at += 1
            while name.isdigit() and cursor.peek().isdigit():
                name += cursor.peek()
                cursor.at += 1
        if cursor.peek() != "}" and not operator:
            operator = next((each for each in OPERATORS if cursor.starts(each)), cursor.peek())
            cursor.at += len(operator)
        argument = self._braced_argument()
        cursor.leave()
        return Parameter(name=name, operator=operator, argument=argument, is_quoted=is_quoted)

    def _braced_argument(self) -> Word:
        """Read up to the closing `}`; anything but quotes and expansions is text."""
        cursor = self.cursor
        parts: list[Part] = []
        text: list[str] = []
        while character := cursor.peek():
            if character == "}":
                cursor.at += 1
                break
            part = None if character in "<>" else self._special(character)
            if part is None:
                text.append(character)
                cursor.at += 1
                continue
            _flush(text, parts)
            parts.append(part)
        else:
            cursor.is_whole = False
        _flush(text, parts)
        return Word(tuple(parts))


def read_arithmetic(cursor: Cursor) -> str | None:
    """Read `((...))` at a cursor; return None and read nothing if it is two subshells."""
    place, depth = cursor.at + 2, 0
    while place < cursor.end:
        character = cursor.text[place]
        if character == ")" and depth == 0:
            if not cursor.text.startswith("))", place):
                return None
            text = cursor.text[cursor.at + 2 : place]
            cursor.at = place + 2
            return text
        depth += (character == "(") - (character == ")")
        place += 1
    return None


def _flush(text: list[str], parts: list[Part], *, is_quoted: bool = False) -> None:
    if text:
        parts.append(Literal("".join(text), is_quoted=is_quoted))
        text.clear()
