"""The syntax tree of a shell line, as frozen values.

The shapes follow the POSIX grammar (Shell Command Language, 2.10) and bash's additions. Nothing
here knows what a command does. A word knows where it stands, so that a line can be edited in place
with everything else in it intact.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Literal:
    """Literal text; quoted text is neither split nor matched against file names."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter expansion: `$NAME`, or `${NAME<operator><argument>}`.

    The operator is empty, or what follows the name: `:-`, `%`, `[`; `#` stands for a length.
    """

    name: str
    operator: str = ""
    argument: Word | None = None
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    """A command substitution: `$(...)`, or backquotes."""

    script: Script
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSubstitution:
    """A process substitution, `<(...)` or `>(...)`."""

    script: Script
    is_read: bool = True


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """An arithmetic expansion: `$((...))`."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """The contents of double quotes if they have more than one part."""

    parts: tuple[Part, ...]


Part = Literal | Parameter | Substitution | ProcessSubstitution | Arithmetic | Quoted


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command, in parts.

    `start` and `end` are its place in the text, or -1 if it is not written there as it is read: in
    backquotes, and in a here-document. Words that differ only in their place are equal.
    """

    parts: tuple[Part, ...]
    start: int = field(default=-1, compare=False, repr=False)
    end: int = field(default=-1, compare=False, repr=False)

    @property
    def literal(self) -> str | None:
        """The text of a word that has nothing but text, else None."""
        texts = [part.text for part in self.parts if isinstance(part, Literal)]
        return "".join(texts) if len(texts) == len(self.parts) else None

    @property
    def is_quoted(self) -> bool:
        """Return whether any part of the word is quoted."""
        return any(
            isinstance(part, Quoted) or (isinstance(part, Literal) and part.is_quoted)
            for part in self.parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """A redirection; for `<<` and `<<<`, `target` is the text that is read."""

    operator: str
    target: Word
    descriptor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An assignment; `values` has one word, or those of an array."""

    name: str
    values: tuple[Word, ...]
    is_array: bool = False
    is_appended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    """A simple command: assignments, words, redirections."""

    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Commands joined by `|`; each one reads the output of the one before it."""

    commands: tuple[Command, ...]
    is_negated: bool = False
    is_timed: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One command of a list, and the operator after it: `;`, `&`, `&&`, `||`, or none."""

    command: Command
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A list of commands. `is_whole` is False if the text has a syntax error."""

    items: tuple[Item, ...] = ()
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group, `{ ...; }`, or a subshell, `( ... )`."""

    body: Script
    is_subshell: bool = False
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class If:
    """The branches of an `if`, each with its condition; that of `else` is empty."""

    branches: tuple[tuple[Script, Script], ...]
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class For:
    """A loop over words (`for`, `select`); `words` is None if it loops over `"$@"`."""

    name: str
    words: tuple[Word, ...] | None
    body: Script
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A loop with a condition (`while`, `until`); that of `for ((...))` is empty.

    `name` and `words`: what a `for ((...))` counts, and its numbers, if they are clear.
    """

    condition: Script
    body: Script
    redirects: tuple[Redirect, ...] = ()
    name: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A `case` with its clauses, each with its patterns."""

    subject: Word
    clauses: tuple[tuple[tuple[Word, ...], Script], ...]
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition; the body runs when it is called."""

    name: str
    body: Command


@dataclass(frozen=True, slots=True)
class Coprocess:
    """A `coproc`: a command that runs beside the shell."""

    body: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """The words of `[[ ... ]]`; for `(( ... ))` there are none."""

    __test__ = False  # keeps pytest from collecting it

    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


Command = Simple | Pipeline | Group | If | For | Loop | Case | Function | Coprocess | Test
