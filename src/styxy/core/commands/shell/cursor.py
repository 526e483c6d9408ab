"""A position in the text of a shell line, with the nesting depth.

It also finds the bodies of here-documents, which follow the line that names them: their region is
recorded when `<<` is read, and skipped when the newline before it is reached.
"""

from __future__ import annotations

DEEPEST = 32
"""Levels of nesting that are read; nobody writes ten, and Python's stack has a thousand."""

BLANKS = " \t"
METACHARACTERS = frozenset(" \t\n;&|<>()")
NAME_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
NAME_CHARACTERS = NAME_STARTS | frozenset("0123456789")


class Cursor:
    """A position that moves from left to right; never raises."""

    __slots__ = (
        "_document_end",
        "_line_end",
        "at",
        "depth",
        "end",
        "is_source",
        "is_whole",
        "text",
    )

    def __init__(self, text: str, *, depth: int = 0, is_source: bool = False) -> None:
        self.text = text
        self.at = 0
        self.end = len(text)
        self.depth = depth
        self.is_source = is_source  # a place in the text is a place in the line
        self.is_whole = True
        self._line_end = -1
        self._document_end = -1

    def peek(self, ahead: int = 0) -> str:
        """Return the character at an offset, or an empty string at the end."""
        place = self.at + ahead
        return self.text[place] if place < self.end else ""

    def starts(self, token: str) -> bool:
        """Return whether `token` is next."""
        return self.text.startswith(token, self.at)

    def take(self, token: str) -> bool:
        """Skip `token` if it is next; return whether it was."""
        if not self.starts(token):
            return False
        self.at += len(token)
        return True

    def give_up(self) -> None:
        """Skip the rest: it is not shell syntax, or nested too deeply."""
        self.is_whole = False
        self.at = self.end

    def enter(self) -> bool:
        """Go one level deeper; if that is too deep, skip the rest and return False."""
        if self.depth >= DEEPEST:
            self.give_up()
            return False
        self.depth += 1
        return True

    def leave(self) -> None:
        """Come back from a level."""
        self.depth -= 1

    def skip_blanks(self) -> None:
        """Skip blanks, line continuations and a comment, but not a newline."""
        while self.at < self.end:
            if self.text[self.at] in BLANKS:
                self.at += 1
            elif self.starts("\\\n"):
                self.at += 2
            elif self.text[self.at] == "#" and self._at_word_start():
                newline = self.text.find("\n", self.at)
                self.at = newline if newline >= 0 else self.end
            else:
                return

    def skip_newlines(self) -> None:
        """Skip blanks and newlines, and the here-documents that begin there."""
        self.skip_blanks()
        while self.take_newline():
            self.skip_blanks()

    def take_newline(self) -> bool:
        """Skip a newline and the here-documents after it; return whether there was one."""
        if self.peek() != "\n":
            return False
        if self.at == self._line_end:
            self.at = max(self._document_end, self.at + 1)
            self._line_end = -1
        else:
            self.at += 1
        return True

    def read_name(self) -> str:
        """Read a variable's name, or return an empty string."""
        start = self.at
        if self.peek() in NAME_STARTS:
            while self.at < self.end and self.text[self.at] in NAME_CHARACTERS:
                self.at += 1
        return self.text[start : self.at]

    def peek_bare_word(self) -> str:
        """Return the next word if it has no quotes or expansions and could be a reserved word."""
        place = self.at
        while place < self.end and self.text[place] not in METACHARACTERS:
            if place - self.at > 8 or self.text[place] in "'\"\\$`":  # "function" has eight
                return ""
            place += 1
        return self.text[self.at : place]

    def read_document(self, delimiter: str, *, strips_tabs: bool) -> str:
        """Read the body of a here-document, which begins after the current line."""
        if self._line_end < self.at:
            self._line_end = self._find_line_end()
            self._document_end = self._line_end + 1
        start = place = self._document_end
        while place < self.end:
            newline = self.text.find("\n", place)
            stop = newline if newline >= 0 else self.end
            line = self.text[place:stop]
            if (line.lstrip("\t") if strips_tabs else line) == delimiter:
                self._document_end = min(stop + 1, self.end)
                return self.text[start:place]
            place = stop + 1
        self.is_whole = False
        self._document_end = self.end
        return self.text[start:]

    def _find_line_end(self) -> int:
        newline = self.text.find("\n", self.at)
        while newline > 0 and self.text[newline - 1] == "\\":
            newline = self.text.find("\n", newline + 1)
        return newline if newline >= 0 else self.end

    def _at_word_start(self) -> bool:
        return self.at == 0 or self.text[self.at - 1] in METACHARACTERS
