"""Compound commands, redirections and assignments: the parts of commands that have a body.

The subclass in `parser.py` reads lists and simple commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.shell.cursor import NAME_CHARACTERS, NAME_STARTS
from styxy.core.commands.shell.syntax import (
    Assignment,
    Case,
    For,
    Group,
    If,
    Literal,
    Loop,
    Redirect,
    Script,
    Test,
    Word,
)
from styxy.core.commands.shell.words import WordReader, read_arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.core.commands.shell.cursor import Cursor
    from styxy.core.commands.shell.syntax import Command
    from styxy.core.commands.shell.words import ReadCommands

REDIRECTIONS = ("<<<", "<<-", "&>>", "<<", "<>", "<&", ">>", ">|", ">&", "&>", "<", ">")
"""The longest ones first."""


MOST_NUMBERS = 256
"""Rounds of a loop over numbers; what walks it may walk fewer."""


class CompoundReader:
    """A reader of compound commands, redirections and assignments at a cursor."""

    def __init__(self, cursor: Cursor, read_nested: ReadCommands) -> None:
        self.cursor = cursor
        self.words = WordReader(cursor, read_nested)
        self._read_nested = read_nested

    def items(self, closing: tuple[str, ...]) -> Script:
        """Read a list up to one of the reserved words."""
        raise NotImplementedError

    def compound(self, word: str) -> Command | None:
        """Read the compound command that `word` opens, or return None."""
        cursor = self.cursor
        if cursor.peek() == "(":
            return self._parenthesized()
        reader = self._readers().get(word)
        if reader is None or not cursor.enter():
            return None
        cursor.take(word)
        command = reader()
        cursor.leave()
        return command

    def _readers(self) -> dict[str, Callable[[], Command]]:
        return {
            "{": self._group,
            "if": self._if,
            "for": self._for,
            "select": self._for,
            "while": self._loop,
            "until": self._loop,
            "case": self._case,
            "[[": self._test,
        }

    def _parenthesized(self) -> Command:
        if self.cursor.starts("((") and read_arithmetic(self.cursor) is not None:
            return Test(redirects=self.redirects())
        self.cursor.at += 1
        body = self._read_nested(self.cursor)
        return Group(body=body, is_subshell=True, redirects=self.redirects())

    def _group(self) -> Command:
        body = self._up_to("}")
        return Group(body=body, redirects=self.redirects())

    def _if(self) -> Command:
        branches: list[tuple[Script, Script]] = []
        while True:
            condition = self.items(("then", "fi"))
            self._expect("then")
            branches.append((condition, self.items(("elif", "else", "fi"))))
            if not self.cursor.take("elif"):
                break
        if self.cursor.peek_bare_word() == "else" and self.cursor.take("else"):
            branches.append((Script(), self.items(("fi",))))
        self._expect("fi")
        return If(branches=tuple(branches), redirects=self.redirects())

    def _for(self) -> Command:
        cursor = self.cursor
        cursor.skip_blanks()
        if cursor.starts("((") and (count := read_arithmetic(cursor)) is not None:
            name, numbers = _counted(count)
            body, redirects = self._loop_body(), self.redirects()
            return Loop(
                condition=Script(), body=body, redirects=redirects, name=name, words=numbers
            )
        name = cursor.read_name()
        cursor.skip_newlines()
        words: list[Word] | None = None
        if cursor.peek_bare_word() == "in" and cursor.take("in"):
            words = []
            cursor.skip_blanks()
            while (word := self.words.word()) is not None:
                words.append(word)
                cursor.skip_blanks()
        body = self._loop_body()
        taken = None if words is None else tuple(words)
        return For(name=name, words=taken, body=body, redirects=self.redirects())

    def _loop(self) -> Command:
        condition = self.items(("do", "done"))
        body = self._loop_body()
        return Loop(condition=condition, body=body, redirects=self.redirects())

    def _loop_body(self) -> Script:
        self.cursor.skip_blanks()
        self.cursor.take(";")
        self.cursor.skip_newlines()
        if self.cursor.peek_bare_word() == "{" and self.cursor.take("{"):
            return self._up_to("}")
        self._expect("do")
        return self._up_to("done")

    def _case(self) -> Command:
        cursor = self.cursor
        cursor.skip_blanks()
        subject = self.words.word() or Word(())
        cursor.skip_newlines()
        self._expect("in")
        clauses: list[tuple[tuple[Word, ...], Script]] = []
        while cursor.at < cursor.end:
            cursor.skip_newlines()
            place = cursor.at
            if cursor.peek_bare_word() == "esac":
                break
            patterns = self._patterns()
            clauses.append((patterns, self.items(("esac",))))
            if not (cursor.take(";;&") or cursor.take(";;")) or cursor.at == place:
                break
            cursor.take("&")
        self._expect("esac")
        return Case(subject=subject, clauses=tuple(clauses), redirects=self.redirects())

    def _patterns(self) -> tuple[Word, ...]:
        cursor = self.cursor
        cursor.take("(")
        patterns: list[Word] = []
        while True:
            cursor.skip_blanks()
            word = self.words.word()
            if word is not None:
                patterns.append(word)
            cursor.skip_blanks()
            if not cursor.take("|"):
                break
        if not cursor.take(")"):
            cursor.is_whole = False
        return tuple(patterns)

    def _test(self) -> Command:
        """Read `[[ ... ]]`, where operators are words."""
        cursor = self.cursor
        words: list[Word] = []
        while cursor.at < cursor.end:
            cursor.skip_newlines()
            if cursor.peek_bare_word() == "]]":
                break
            word = self.words.word()
            if word is not None:
                words.append(word)
            else:
                cursor.at += 1
        self._expect("]]")
        return Test(words=tuple(words), redirects=self.redirects())

    def _up_to(self, word: str) -> Script:
        body = self.items((word,))
        self._expect(word)
        return body

    def _expect(self, word: str) -> None:
        if self.cursor.peek_bare_word() == word:
            self.cursor.take(word)
        else:
            self.cursor.is_whole = False

    def redirects(self) -> tuple[Redirect, ...]:
        """Read all redirections that follow a compound command."""
        found: list[Redirect] = []
        while True:
            self.cursor.skip_blanks()
            redirect = self.redirect()
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def redirect(self) -> Redirect | None:
        """Read one redirection with its descriptor, or return None."""
        cursor, place = self.cursor, self.cursor.at
        while cursor.peek().isdigit() and cursor.at - place < 4:
            cursor.at += 1
        descriptor = cursor.text[place : cursor.at]
        operator = next((each for each in REDIRECTIONS if cursor.starts(each)), "")
        is_process = operator in ("<", ">") and cursor.peek(1) == "("
        if not operator or is_process or (descriptor and operator.startswith("&")):
            cursor.at = place
            return None
        cursor.at += len(operator)
        cursor.skip_blanks()
        target = self.words.word() or Word(())
        if operator in ("<<", "<<-"):
            target = self._document(target, strips_tabs=operator == "<<-")
        return Redirect(operator=operator, target=target, descriptor=descriptor)

    def _document(self, delimiter: Word, *, strips_tabs: bool) -> Word:
        text = self.cursor.read_document(delimiter.literal or "", strips_tabs=strips_tabs)
        if strips_tabs:
            text = "\n".join(line.lstrip("\t") for line in text.split("\n"))
        if delimiter.is_quoted:
            return Word((Literal(text, is_quoted=True),))
        inner = type(self.cursor)(text, depth=self.cursor.depth)
        return Word(tuple(WordReader(inner, self._read_nested).quoted_parts("")))

    def assignment(self) -> Assignment | None:
        """Read `NAME=value`, `NAME+=value`, `NAME[i]=value` or `NAME=(...)`, or return None."""
        cursor, place = self.cursor, self.cursor.at
        name = self._assigned_name()
        is_appended = bool(name) and cursor.take("+=")
        if not name or not (is_appended or cursor.take("=")):
            cursor.at = place
            return None
        if cursor.peek() != "(":
            value = self.words.word() or Word(())
            return Assignment(name=name, values=(value,), is_appended=is_appended)
        cursor.at += 1
        values: list[Word] = []
        while cursor.at < cursor.end:
            cursor.skip_newlines()
            word = self.words.word()
            if word is None:
                break
            values.append(word)
        if not cursor.take(")"):
            cursor.is_whole = False
        return Assignment(name=name, values=tuple(values), is_array=True, is_appended=is_appended)

    def _assigned_name(self) -> str:
        """Read a name and skip its subscript; nothing else may come before the `=`."""
        cursor = self.cursor
        start = cursor.at
        if cursor.peek() not in NAME_STARTS:
            return ""
        while cursor.peek() in NAME_CHARACTERS and cursor.peek():
            cursor.at += 1
        name = cursor.text[start : cursor.at]
        if cursor.take("["):
            while (character := cursor.peek()) and character not in "]\n\"'`$ ;&|":
                cursor.at += 1
            cursor.take("]")
        return name


def _counted(text: str) -> tuple[str, tuple[Word, ...]]:
    """Return what `p = 3000; p < 3003; p++` counts, and its numbers; none if that is not clear."""
    first, _, rest = "".join(text.split()).partition(";")
    name, equals, low = first.partition("=")
    condition, _, step = rest.partition(";")
    bound = condition.removeprefix(f"{name}<")
    high = bound.removeprefix("=")
    steps = (f"{name}++", f"++{name}", f"{name}+=1")
    is_clear = bool(equals) and bound != condition and step in steps
    if not is_clear or not (_is_number(low) and _is_number(high)):
        return "", ()
    numbers = range(int(low), int(high) + (bound != high))[:MOST_NUMBERS]
    return name, tuple(Word((Literal(str(number)),)) for number in numbers)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 8
