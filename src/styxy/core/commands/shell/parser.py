"""A recursive-descent parser of shell lines, in the POSIX grammar with bash's additions.

It never raises: text with a syntax error is read as far as possible, and marked. Every step moves
the cursor forward and nesting is limited, so the time is linear in the length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.shell.compounds import CompoundReader
from styxy.core.commands.shell.cursor import Cursor
from styxy.core.commands.shell.syntax import (
    Coprocess,
    Function,
    Item,
    Pipeline,
    Script,
    Simple,
)

if TYPE_CHECKING:
    from styxy.core.commands.shell.syntax import Assignment, Command, Redirect, Word

LONGEST = 1 << 20
"""Characters of a line that are read; the kernel limits one argument to 128 KiB (execve(2))."""


def parse(text: str, *, depth: int = 0) -> Script:
    """Parse a script; never raises. `depth` counts the scripts around this one."""
    return _Parser(Cursor(text[:LONGEST], depth=depth, is_source=depth == 0)).whole()


def _read_nested(cursor: Cursor) -> Script:
    """Read commands up to the closing `)`, or to the end of a text of their own."""
    if not cursor.enter():
        return Script(is_whole=False)
    parser = _Parser(cursor)
    script = parser.items(())
    if not cursor.take(")"):
        cursor.give_up()
    cursor.leave()
    return script


class _Parser(CompoundReader):
    """A parser of lists, pipelines and simple commands; the base class reads the compound ones."""

    def __init__(self, cursor: Cursor) -> None:
        super().__init__(cursor, _read_nested)

    def whole(self) -> Script:
        """Read everything; closing tokens without an opening one are skipped."""
        cursor = self.cursor
        items: list[Item] = []
        while True:
            items += self.items(()).items
            if cursor.at >= cursor.end:
                return Script(tuple(items), is_whole=cursor.is_whole)
            cursor.is_whole = False
            cursor.at += 1

    def items(self, closing: tuple[str, ...]) -> Script:
        """Read a list up to one of the reserved words, a `)`, a `;;`, or the end."""
        cursor = self.cursor
        items: list[Item] = []
        while True:
            cursor.skip_newlines()
            if cursor.at >= cursor.end or cursor.peek() == ")" or cursor.starts(";;"):
                break
            if closing and cursor.peek_bare_word() in closing:
                break
            if cursor.take(";") or cursor.take("&&") or cursor.take("||"):
                cursor.is_whole = False  # an operator where a command should be
                continue
            place = cursor.at
            command = self.pipeline()
            if cursor.at == place:
                cursor.is_whole = False
                cursor.at += 1
                continue
            items.append(Item(command, self._list_operator()))
        return Script(tuple(items), is_whole=cursor.is_whole)

    def _list_operator(self) -> str:
        cursor = self.cursor
        cursor.skip_blanks()
        if cursor.starts(";;"):
            return ""
        for operator in ("&&", "||", "&", ";"):
            if cursor.take(operator):
                return operator
        return ""

    def pipeline(self) -> Command:
        """Read commands joined by `|`, with `!` and `time` in front."""
        cursor = self.cursor
        is_negated, is_timed = self._prefixes()
        commands = [self.command()]
        cursor.skip_blanks()
        while cursor.peek() == "|" and cursor.peek(1) != "|":
            cursor.at += 2 if cursor.peek(1) == "&" else 1
            cursor.skip_newlines()
            commands.append(self.command())
            cursor.skip_blanks()
        if len(commands) == 1 and not is_negated and not is_timed:
            return commands[0]
        return Pipeline(commands=tuple(commands), is_negated=is_negated, is_timed=is_timed)

    def _prefixes(self) -> tuple[bool, bool]:
        is_negated = is_timed = False
        while (word := self.cursor.peek_bare_word()) in ("!", "time"):
            self.cursor.take(word)
            self.cursor.skip_blanks()
            if word == "!":
                is_negated = True
                continue
            is_timed = True
            if self.cursor.peek_bare_word() == "-p":
                self.cursor.take("-p")
                self.cursor.skip_blanks()
        return is_negated, is_timed

    def command(self) -> Command:
        """Read one command of a pipeline."""
        cursor = self.cursor
        word = cursor.peek_bare_word()
        if word == "coproc" and cursor.take(word):
            return self._coprocess()
        if word == "function" and cursor.take(word):
            return self._function_by_keyword()
        compound = self.compound(word)
        return compound if compound is not None else self._simple()

    def _coprocess(self) -> Command:
        self.cursor.skip_blanks()
        if not self.cursor.enter():
            return Simple()
        body = self.command()
        self.cursor.leave()
        if isinstance(body, Simple) and len(body.words) == 1:
            # `coproc NAME { ...; }`: a name may stand before a compound command.
            self.cursor.skip_blanks()
            named = self.compound(self.cursor.peek_bare_word())
            body = named if named is not None else body
        return Coprocess(body)

    def _function_by_keyword(self) -> Command:
        self.cursor.skip_blanks()
        name = self.words.word()
        self.cursor.skip_blanks()
        if self.cursor.take("("):
            self.cursor.skip_blanks()
            self.cursor.take(")")
        return self._function(name)

    def _function(self, name: Word | None) -> Command:
        self.cursor.skip_newlines()
        if not self.cursor.enter():
            return Simple()
        body = self.command()
        self.cursor.leave()
        return Function((name.literal if name else None) or "", body)

    def _simple(self) -> Command:
        """Read a simple command, or the definition of a function, `name() ...`."""
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.cursor.skip_blanks()
            redirect = self.redirect()
            if redirect is not None:
                redirects.append(redirect)
                continue
            assignment = self.assignment() if not words else None
            if assignment is not None:
                assignments.append(assignment)
                continue
            word = self.words.word()
            if word is None:
                break
            words.append(word)
            if len(words) == 1 and self._takes_parentheses():
                return self._function(word)
        return Simple(
            assignments=tuple(assignments), words=tuple(words), redirects=tuple(redirects)
        )

    def _takes_parentheses(self) -> bool:
        cursor, place = self.cursor, self.cursor.at
        cursor.skip_blanks()
        if cursor.take("("):
            cursor.skip_blanks()
            if cursor.take(")"):
                return True
        cursor.at = place
        return False
