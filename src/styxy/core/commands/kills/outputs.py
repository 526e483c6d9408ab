"""What is known of a program's output: text from the line itself, and lists of process ids.

`lsof -ti:3000 | sort -u | xargs kill` is read command by command: a source lists processes, filters
narrow the list or keep it, and a kill ends what is left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from styxy.core.commands.kills.searching import SEARCHES, listed_by_search
from styxy.core.commands.kills.selections import (
    by_fuser,
    by_jps,
    by_killall,
    by_lsof,
    by_pgrep,
    by_ps,
    by_ss,
    narrowed,
    ports_of,
)
from styxy.core.commands.shell.expansion import concatenated
from styxy.core.commands.shell.fields import HOLE, SILENT, UNKNOWN, Field, Output, Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from styxy.core.commands.shell.fields import Invocation

LONGEST_SEQUENCE = 256
FLAGS_WITH_VALUE = {
    "grep": ("-e", "-f", "-m", "-A", "-B", "-C", "--regexp", "--max-count", "--color"),
    "head": ("-n", "-c"),
    "tail": ("-n", "-c"),
    "cut": ("-d", "-f", "-c", "-b"),
    "sort": ("-k", "-t", "-o"),
    "awk": ("-F", "-v", "-f"),
    "sed": ("-e", "-f"),
    "tr": (),
}
SCRIPTED = ("awk", "sed", "grep", "tr")
"""Filters whose first operand is a program, a pattern or a set, not a file."""


def output_of(program: str, invocation: Invocation) -> Output:
    """Return what is known of a program's output."""
    source = _SOURCES.get(program)
    if source is not None:
        return Output(None, source(invocation.texts[1:]))
    teller = _TELLERS.get(program)
    if teller is not None:
        return teller(invocation)
    name = _FILTERS.get(program)
    return _filtered(name, invocation) if name else UNKNOWN


def awk_program(invocation: Invocation) -> str:
    """Return the text of an awk program; empty if it is in a file."""
    operands, flags = _parted(invocation.texts[1:], FLAGS_WITH_VALUE["awk"])
    return operands[0] if operands and "-f" not in flags else ""


def _filtered(program: str, invocation: Invocation) -> Output:
    operands, flags = _parted(invocation.texts[1:], FLAGS_WITH_VALUE.get(program, ()))
    pattern = ""
    if program in SCRIPTED:
        pattern = flags.get("-e", flags.get("--regexp", ""))
        if not pattern and operands:
            pattern, *operands = operands
    if program == "tr":
        operands = []
    files = [f"@{path}" for path in operands if path != "-" and HOLE not in path]
    if files:
        return Output(None, Processes(pids=tuple(files)))
    processes = invocation.typed.processes
    for word in invocation.words[1:] if HOLE in "".join(operands) else ():
        processes = processes.joined(word.processes())  # grep vite <(ps aux)
    if program == "grep":
        if invocation.words[0].text == "grep":
            pattern = _extended(pattern, flags)
        return Output(None, _grepped(processes, pattern, flags))
    if program == "awk":
        processes = _chosen(processes, pattern, flags.get("-v", ""))
        return Output(None, processes, "kill" if '"kill ' in pattern else "")
    if program == "sed" and pattern.startswith("/"):
        processes = narrowed(processes, pattern.split("/")[1])  # sed -n '/vite/p'
    return Output(None, processes, invocation.typed.verb)


def _grepped(processes: Processes, pattern: str, flags: Mapping[str, str]) -> Processes:
    short = "".join(flag[1:] for flag in flags if not flag.startswith("--"))
    if "q" in short or "c" in short:
        return Processes()
    if "v" in short or "--invert-match" in flags:
        return processes
    found = narrowed(processes, pattern)
    return replace(
        found, ignores_case=found.ignores_case or "i" in short or "--ignore-case" in flags
    )


def _parted(words: Sequence[str], with_value: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Separate operands from flags with their values."""
    operands: list[str] = []
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            operands.append(word)
        elif word in with_value:
            flags[word] = next(rest, "")
        else:
            flag, _, value = word.partition("=")
            flags[flag] = value
    return operands, flags


def _extended(pattern: str, flags: Mapping[str, str]) -> str:
    """Write a basic regular expression of grep(1) as an extended one: `vite\\|next`."""
    short = "".join(flag[1:] for flag in flags if not flag.startswith("--"))
    if set("EPF") & set(short) or "\\|" not in pattern:
        return pattern
    return pattern.replace("\\|", "|")


def _chosen(processes: Processes, program: str, variable: str) -> Processes:
    """Narrow a listing as an awk program does; nobody is left if its condition is not clear."""
    condition = _condition(program)
    patterns = _regular_expressions(condition) or condition.split('"')[1::2]
    if not patterns and variable and condition:
        patterns = [variable.partition("=")[2]]
    for each in patterns:
        processes = narrowed(processes, each)
    is_clear = not condition or condition.startswith(("NR", "FNR", "END", "BEGIN", "!"))
    if processes.listing and not patterns and not is_clear:
        return Processes()
    return processes


def _condition(program: str) -> str:
    """Return the condition of an awk program: before its braces, or that of an `if` in them."""
    before, _, inside = program.partition("{")
    keyword, _, tested = inside.partition("if")
    if before.strip() or not tested.lstrip().startswith("(") or keyword.strip():
        return before.strip()
    return tested.partition(")")[0]


def _regular_expressions(condition: str) -> list[str]:
    """Find the patterns that a condition of awk selects by: `/vite/`, but not `!/grep/`."""
    pieces = condition.split("/")
    return [
        pieces[place]
        for place in range(1, len(pieces) - 1, 2)
        if not pieces[place - 1].rstrip(" ~").endswith("!")
    ]


def _cat(invocation: Invocation) -> Output:
    files = [word for word in invocation.texts[1:] if not word.startswith("-")]
    if not files:
        return invocation.typed
    output = Output(None, Processes(pids=tuple(f"@{path}" for path in files if "\0" not in path)))
    for word in invocation.words[1:]:
        for piped in word.outputs:  # cat <(...)
            output = Output(None, output.processes.joined(piped.processes))
    return output


def _ps(invocation: Invocation) -> Output:
    found = by_ps(invocation.texts[1:])
    for word in invocation.words[1:]:  # ps -o pgid= -p $(lsof -ti:3000)
        found = found.joined(word.processes())
    return Output(None, found)


def _which(invocation: Invocation) -> Output:
    """Return the path that `which kill` prints, as far as it matters: its last part."""
    flags = [each for each in invocation.texts[1:] if each.startswith("-")]
    names = [each for each in invocation.texts[1:] if not each.startswith("-")]
    is_path = invocation.words[0].text != "type" or flags in (["-p"], ["-P"])
    is_known = is_path and len(names) == 1 and HOLE not in names[0]
    return Output(f"/usr/bin/{names[0].rpartition('/')[2]}\n") if is_known else UNKNOWN


def _echo(invocation: Invocation) -> Output:
    words = list(invocation.words[1:])
    while words and words[0].text in ("-n", "-e", "-E", "-ne", "-en"):
        words.pop(0)
    return _spoken(words)


def _printf(invocation: Invocation) -> Output:
    words = list(invocation.words[1:])
    if words and words[0].text == "--":
        words.pop(0)
    if len(words) > 1 and "%" in words[0].text:
        return _spoken(_formatted(words[0].text.replace("\\n", "\n"), words[1:]), end="")
    return _spoken(words)


def _formatted(pattern: str, words: Sequence[Field]) -> list[Field]:
    """Return what printf(1) writes: the format again and again until no argument is left."""
    pieces = _conversions(pattern)
    count = max(len(pieces) - 1, 1)
    fields: list[Field] = []
    for start in range(0, min(len(words), LONGEST_SEQUENCE), count):
        given = iter(words[start : start + count])
        fields.append(Field(pieces[0]))
        for piece in pieces[1:]:
            fields += [next(given, Field("")), Field(piece)]
    return [concatenated(fields)]


def _conversions(pattern: str) -> list[str]:
    """Return what stands between the conversions of a format: `kill -%d %s`."""
    pieces, place = [""], 0
    while place < len(pattern):
        if pattern[place] != "%" or pattern[place : place + 2] == "%%":
            pieces[-1] += pattern[place]
            place += 2 if pattern[place] == "%" else 1
            continue
        place += 1
        while place < len(pattern) and not pattern[place].isalpha():
            place += 1
        place += 1
        pieces.append("")
    return pieces


def _spoken(fields: Sequence[Field], *, end: str = "\n") -> Output:
    text = " ".join(each.text for each in fields)
    if all(each.is_known for each in fields):
        return Output(text.replace("\\n", "\n") + end)
    processes = Processes()
    for each in fields:
        processes = processes.joined(each.processes())
    verb = text.partition(HOLE)[0].strip()
    return Output(None, processes, verb if verb.startswith("kill") else "")


def _seq(invocation: Invocation) -> Output:
    numbers = [int(word) for word in invocation.texts[1:] if word.isdigit() and len(word) < 8]
    if len(numbers) != len(invocation.words) - 1 or not numbers:
        return UNKNOWN
    first, last = (numbers[0] if len(numbers) > 1 else 1), numbers[-1]
    step = max(numbers[1], 1) if len(numbers) > 2 else 1
    return Output("\n".join(map(str, range(first, last + 1, step)[:LONGEST_SEQUENCE])))


def _tee(invocation: Invocation) -> Output:
    return invocation.typed


def _nothing(_invocation: Invocation) -> Output:
    return SILENT


def _pids_of_names(words: Sequence[str]) -> Processes:
    return by_killall([word for word in words if not word.startswith("-")])


def _by_port(words: Sequence[str]) -> Processes:
    return Processes(ports=tuple(port for word in words for port in ports_of(word.lstrip(":"))))


_SOURCES: Mapping[str, Callable[[Sequence[str]], Processes]] = {
    "lsof": by_lsof,
    "fuser": by_fuser,
    "ss": by_ss,
    "netstat": by_ss,
    "jps": by_jps,
    "pgrep": by_pgrep,
    "pidof": _pids_of_names,
    "port-pid": _by_port,
    "pid-from-port": _by_port,
}
"""Programs that list processes."""

_TELLERS: Mapping[str, Callable[[Invocation], Output]] = {
    "cat": _cat,
    "ps": _ps,
    "echo": _echo,
    "printf": _printf,
    **dict.fromkeys(("which", "command", "type"), _which),
    **dict.fromkeys(SEARCHES, listed_by_search),
    "seq": _seq,
    "tee": _tee,
    "true": _nothing,
    ":": _nothing,
    "sleep": _nothing,
    "test": _nothing,
    "[": _nothing,
}
"""Programs whose output follows from the line."""

_FILTERS: Mapping[str, str] = {
    **dict.fromkeys(("grep", "egrep", "fgrep", "rg", "ack", "ag", "zgrep"), "grep"),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), "awk"),
    **{name: name for name in ("sed", "cut", "sort", "uniq", "head", "tail", "tr", "rev", "tac")},
    **dict.fromkeys(("column", "paste", "fmt", "nl", "strings", "sponge"), "column"),
}
"""Programs that pass on part of their input."""
