"""Kills in code that stands on the command line: `python3 -c 'os.kill(4711, 9)'`, `node -e`.

Only what is written out is read: calls with a number, and command lines as text that the code hands
to a shell. A process that the code computes is unknown, as it is in a script.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import Processes, unique

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.commands.shell.fields import Invocation

LONGEST_CODE = 8192
LONGEST_CALL = 512
MOST_CALLS = 32
"""Characters of code and of one call, and calls, that are read: the code may be hostile."""

QUOTES = "'\"`"

_CODE_FLAGS: Mapping[str, str] = {
    "python": "c", "python2": "c", "python3": "c", "pypy": "c", "pypy3": "c", "node": "ep",
    "nodejs": "ep", "bun": "ep", "perl": "eE", "ruby": "e", "php": "r",
}  # fmt: skip
_LONG_FLAGS = ("--eval", "--print", "--run")

SIGNAL_FIRST = ("perl", "ruby")
"""Languages whose `kill` takes the signal before the ids."""

KILLS = ("kill", "killpg", "posix_kill")
ENDINGS = ("kill", "terminate")
"""Functions that end processes, and methods of psutil's `Process` that do."""

SHELL_CALLS = (
    "system", "run", "call", "check_call", "check_output", "Popen", "getoutput", "popen", "exec",
    "execSync", "execFile", "execFileSync", "spawn", "spawnSync", "shell_exec", "passthru",
)  # fmt: skip
"""Functions that run a command, of the standard libraries of these languages."""


def code_of(program: str, invocation: Invocation) -> str:
    """Return the code that an interpreter runs from its arguments or its standard input."""
    if program == "deno" and invocation.texts[1:2] == ["eval"]:
        return "".join(invocation.texts[2:3])[:LONGEST_CODE]
    letters = _CODE_FLAGS.get(program)
    if letters is None:
        return ""
    words = invocation.texts[1:]
    for place, word in enumerate(words):
        is_short = word[:1] == "-" != word[1:2] and word[-1:] in letters
        if is_short or word in _LONG_FLAGS:
            return "".join(words[place + 1 : place + 2])[:LONGEST_CODE]
        if not word.startswith("-"):
            return ""  # a script
    return (invocation.typed.text or "")[:LONGEST_CODE]


def killed_in(program: str, code: str) -> Processes:
    """Return the processes whose ids stand in calls that end them."""
    pids: list[str] = []
    is_bare = program in SIGNAL_FIRST
    for _, arguments, after in _calls(code, ("Process",)):
        is_ended = any(after.startswith(f".{name}(") for name in ENDINGS)
        pids += [arguments.strip()] if is_ended and arguments.strip().isdecimal() else []
    for name, arguments, _ in _calls(code, KILLS, may_be_bare=is_bare):
        words = [word.rpartition("getpgid(")[2] for word in arguments.split(",")]
        words = [word.strip(" ()") for word in " ".join(words).split()]
        ids, signals = words[:1], words[1:]
        if program in SIGNAL_FIRST:
            ids, signals = words[1:], words[:1]
        if "0" in signals:
            continue  # only asks whether the process lives
        sign = "-" if name == "killpg" else ""
        pids += [f"{sign}{word}" for word in ids if word.removeprefix("-").isdecimal()]
    return Processes(pids=unique(pids))


def lines_in(code: str) -> list[str]:
    """Return the command lines that the code runs."""
    lines: list[str] = []
    for _, arguments, _ in _calls(code, SHELL_CALLS):
        texts = list(_texts(arguments))
        if texts:  # a line for the shell, or a program and its arguments
            lines.append(texts[0] if " " in texts[0] else shlex.join(texts))
    return lines


def _calls(
    code: str, names: Sequence[str], *, may_be_bare: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Find calls outside of strings; return the name and the arguments of each, and what follows.

    `may_be_bare`: the arguments may stand without parentheses.
    """
    place, left = 0, MOST_CALLS
    while place < len(code) and left:
        begin = place
        if code[place] in QUOTES:
            place = max(code.find(code[place], place + 1), place) + 1
            continue
        while place < len(code) and (code[place].isalnum() or code[place] == "_"):
            place += 1
        if code[begin:place] in names:
            rest = code[place : place + LONGEST_CALL].lstrip()
            left -= 1
            if rest.startswith("("):
                inside = _inside(rest)
                yield code[begin:place], inside, rest[len(inside) + 2 :]
            elif may_be_bare:
                yield code[begin:place], rest.partition(";")[0], ""
        place = max(place, begin + 1)


def _inside(code: str) -> str:
    """Return what stands in the parentheses at the beginning."""
    depth, quote = 0, ""
    for place, character in enumerate(code):
        if quote:
            quote = "" if character == quote else quote
        elif character in QUOTES:
            quote = character
        else:
            depth += (character == "(") - (character == ")")
        if depth == 0:
            return code[1:place]
    return code[1:]


def _texts(code: str) -> Iterator[str]:
    """Return the contents of string literals."""
    place = 0
    while place < len(code):
        quote = code[place]
        end = code.find(quote, place + 1) if quote in QUOTES else -1
        if end > place:
            yield code[place + 1 : end]
        place = end + 1 if end > place else place + 1
