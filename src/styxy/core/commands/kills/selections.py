"""Which processes a command selects: by port (lsof, ss), by name (pgrep, killall), by id.

The options are those of lsof(8), fuser(1), ss(8), pgrep(1) and killall(1) on Linux.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import HOLE, Processes, unique

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.commands.shell.fields import Condition, ConditionKind

MOST_PORTS = 256
"""Ports of one range that are listed; a longer range is cut."""

EVERYBODY = Processes(pids=("-1",))

LSOF_VALUES = "AcdDeEfFgkKmoprsSTuxX"
PGREP_VALUES = "PgstuUGFdOr"
PGREP_LONG_VALUES = (
    "--signal", "--parent", "--pgroup", "--session", "--terminal", "--euid", "--uid", "--group",
    "--pidfile", "--delimiter", "--older", "--runstates", "--ns", "--nslist", "--cgroup", "--env",
)  # fmt: skip
PS_VALUES = "CpqoOUuGgst"
PS_LONG_VALUES = ("--pid", "--quick-pid", "--ppid", "--user", "--User", "--group", "--Group",
                  "--sid", "--tty", "--format", "--sort", "--cols", "--command")  # fmt: skip
PS_SELECTIONS = ("C", "p", "q", "g", "s", "t", "--pid", "--quick-pid", "--ppid", "--sid", "--tty",
                 "--command")  # fmt: skip
PS_USERS = frozenset({"u", "U", "--user", "--User"})
PS_ALL = frozenset({"e", "A", "a", "d"})
KILLALL_VALUES = ("-s", "--signal", "-o", "--older-than", "-y", "--younger-than", "-u", "--user",
                  "-Z", "--context", "-n", "--ns", "-t", "-c")  # fmt: skip
NAMED_PORTS = {"http": 80, "https": 443, "http-alt": 8080, "postgresql": 5432, "mysql": 3306}


def ports_of(text: str) -> tuple[int, ...]:
    """Read a list of ports and ranges, `3000,3002-3004`; anything else is skipped."""
    found: list[int] = []
    for each in text.split(","):
        first, dash, last = each.partition("-")
        if not dash:
            found += [port for port in (_port(first),) if port]
            continue
        low, high = _port(first), _port(last)
        if low and high and low <= high:
            found += range(low, min(high, low + MOST_PORTS - 1) + 1)
    return unique(found)


def _port(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536:
        return int(text)
    return NAMED_PORTS.get(text)


def by_lsof(words: Sequence[str]) -> Processes:
    """Return the processes that `lsof` lists; without an address, it lists all sockets."""
    found = Processes()
    has_address = False
    has_clients = True
    rest = iter(words)
    for word in rest:
        for letter, value in lsof_options(word, rest):
            if letter == "s" and value.upper().endswith("LISTEN"):
                has_clients = False
            elif letter == "i":
                has_address = has_address or ":" in value
                ports = ports_of(value.rpartition(":")[2]) if ":" in value else ()
                found = found.joined(Processes(ports=ports))
            elif letter == "p":
                pids = tuple(pid for pid in value.split(",") if pid.isdigit())
                found = found.joined(Processes(pids=pids))
            elif letter == "c":
                found = found.joined(Processes(names=(value,)))
        has_address = has_address or not word.startswith(("-", "+"))  # a file
    if not found and not has_address:
        found = Processes(listing="sockets")
    return replace(found, has_clients=has_clients)


def lsof_options(word: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Iterate over the options in one word, `-ti:3000`; a value may be the next word."""
    if not word.startswith("-"):
        return
    for place in range(1, len(word)):
        letter = word[place]
        if letter == "i":
            value = word[place + 1 :] or _address(rest)
            yield letter, value
            return
        if letter in LSOF_VALUES:
            yield letter, word[place + 1 :] or next(rest, "")
            return


def _address(rest: Iterator[str]) -> str:
    return next(rest, "")


def by_fuser(words: Sequence[str]) -> Processes:
    """Return the processes that `fuser` selects by port; those that use files are ignored."""
    ports: list[int] = []
    space = ""
    rest = iter(words)
    for word in rest:
        if word == "--namespace" or (word.islower() and word[0] == "-" and word.endswith("n")):
            space = next(rest, "")  # `-n tcp`, and `-kn tcp`
        elif word.startswith("-"):
            continue
        else:
            number, slash, protocol = word.partition("/")
            if protocol in ("tcp", "udp", "tcp6", "udp6") or (not slash and space):
                ports += ports_of(number.rpartition(",")[2] if "," in number else number)
    return Processes(ports=unique(ports))


def by_ss(words: Sequence[str]) -> Processes:
    """Return the sockets that `ss` lists: those of a filter, `sport = :3000`, or all."""
    pieces = " ".join(words).replace("=", " ").split()
    ports = [
        port
        for before, piece in pairwise(["", *pieces])
        if not piece.startswith("-") and (":" in piece or before in ("sport", "eq"))
        for port in ports_of(piece.rpartition(":")[2])
    ]
    return Processes(ports=unique(ports)) if ports else Processes(listing="sockets")


def by_ps(words: Sequence[str]) -> Processes:
    """Return the processes that `ps` lists: those with a name, with an id, of a user, or all.

    For the parent of a process, that process stands.
    """
    names: list[str] = []
    pids: list[str] = []
    parents: list[str] = []
    users: list[str] = []
    flags: set[str] = set()
    is_selection = are_groups = False
    rest = iter(words)
    for word in rest:
        flag, value = _ps_option(word, rest)
        flags.add(flag)
        is_selection = is_selection or flag in PS_SELECTIONS
        numbers = [pid for pid in value.replace(",", " ").split() if pid.isdigit()]
        if flag in ("C", "--command"):
            names += value.split(",")
        elif flag in ("p", "q", "--pid", "--quick-pid", "--ppid", ""):
            pids += numbers
            is_selection = is_selection or HOLE in value
            parents += numbers if flag == "--ppid" else []
        elif flag in PS_USERS and HOLE not in value:
            users += [each for each in value.split(",") if each not in ("", "x")]
        are_groups = are_groups or (flag in ("o", "--format") and "pgid" in value)
    if not (names or pids or is_selection):
        only: list[Condition] = [] if flags & PS_ALL else [("user", each) for each in users]
        return Processes(listing="processes", only=unique(only))
    is_one = not users and len(parents) == len(pids)  # of several selections, one suffices
    only = [("parent", pid) for pid in parents if is_one and not names]
    if are_groups:
        only = [("group of", pid) for pid in pids]
    return Processes(
        names=unique(names), pids=unique(pids), is_whole=bool(names), only=unique(only)
    )


def _ps_option(word: str, rest: Iterator[str]) -> tuple[str, str]:
    """Read an option of ps(1) and its value; for an id or a BSD option, an empty one and that."""
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        is_flag = equals or flag not in PS_LONG_VALUES
        return flag, value if is_flag else next(rest, "")
    if not word.startswith("-"):
        return "", word
    for place in range(1, len(word)):
        if word[place] in PS_VALUES:
            return word[place], word[place + 1 :] or next(rest, "")
    return word[1:2], ""


def by_jps(_words: Sequence[str]) -> Processes:
    """Return the processes that `jps` lists: those of Java."""
    return Processes(listing="java")


def by_pgrep(words: Sequence[str]) -> Processes:
    """Return what `pgrep` and `pkill` select: by pattern, by the id in a file, and what else they
    are to be: a child, of a user, on a terminal.

    What is below an unknown process, `-P $$`, is nobody that is known.
    """
    names: list[str] = []
    pids: list[str] = []
    only: list[Condition] = []
    is_limited = False
    letters = _letters(words)
    rest = iter(words)
    for word in rest:
        flag, value = _pgrep_option(word, rest)
        kind = _PGREP_CONDITIONS.get(flag)
        is_limited = is_limited or kind is not None
        if flag in ("F", "--pidfile"):
            pids.append(f"@{value}")
        elif kind is not None and kind != "user" and HOLE in value:
            return Processes()
        elif kind is not None:
            only += [(kind, each) for each in value.split(",") if each and HOLE not in each]
        elif not flag and HOLE not in value:
            names.append(without_brackets(value))
    if names and "v" in letters:
        return EVERYBODY
    if is_limited and not names and not pids:
        pids = _standing_for(only)
        only = [each for each in only if each[0] != "group" or pids == ["-1"]]
    return Processes(
        names=tuple(names[:1]),
        pids=tuple(pids),
        in_arguments="f" in letters,
        is_whole="x" in letters and bool(names),
        ignores_case="i" in letters,
        only=unique(only),
    )


_PGREP_CONDITIONS: Mapping[str, ConditionKind] = {
    **dict.fromkeys(("u", "U", "--euid", "--uid"), "user"),
    **dict.fromkeys(("P", "--parent"), "parent"),
    **dict.fromkeys(("g", "--pgroup"), "group"),
    **dict.fromkeys(("s", "--session"), "session"),
    **dict.fromkeys(("t", "--terminal"), "terminal"),
}


def _standing_for(only: Sequence[Condition]) -> list[str]:
    """Write all processes that meet some conditions as ids: the parent, the group, or everybody."""
    kinds = {kind for kind, _ in only}
    if kinds == {"parent"}:
        return [pid for _, pid in only]
    return [f"-{pid}" for _, pid in only] if kinds == {"group"} else ["-1"]


def _letters(words: Sequence[str]) -> set[str]:
    """Return the options without a value among some words, each as its letter."""
    long = {_LETTERS[word] for word in words if word in _LETTERS}
    short = (word[1:] for word in words if word[:1] == "-" and word[1:2] != "-")
    return long.union(*(_before_value(each) for each in short if not each.isupper()))


def _before_value(letters: str) -> str:
    """Cut off a value: `-fu bob`, `-fubob`."""
    return letters[: min((letters.find(each) for each in PGREP_VALUES if each in letters),
                         default=len(letters))]  # fmt: skip


_LETTERS = {"--full": "f", "--exact": "x", "--ignore-case": "i", "--inverse": "v"}


def _pgrep_option(word: str, rest: Iterator[str]) -> tuple[str, str]:
    """Read an option and its value; for a pattern, an empty option and the pattern."""
    if word == "--":
        return "", next(rest, HOLE)
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        if flag in PGREP_LONG_VALUES and not equals:
            value = next(rest, "")
        return flag, value
    if not word.startswith("-") or len(word) < 2:
        return "", word
    if word[1:].isdigit() or (word[1:].isupper() and len(word) > 2):
        return "signal", word[1:]
    for place in range(1, len(word)):
        if word[place] in PGREP_VALUES:
            return word[place], word[place + 1 :] or next(rest, "")
    return word[1:2], ""


def by_killall(words: Sequence[str]) -> Processes:
    """Return what `killall` ends: the processes with each name, of a user, or all of a user."""
    names: list[str] = []
    only: list[Condition] = []
    has_user = False
    short = [word[1:] for word in words if word[:1] == "-" != word[1:2]]
    letters = {letter for each in short if len(each) == 1 or not each.isupper() for letter in each}
    rest = iter(words)
    for word in rest:
        if word in KILLALL_VALUES:
            value = next(rest, HOLE)
            has_user = has_user or word in ("-u", "--user")
            only += [("user", value)] if word in ("-u", "--user") and HOLE not in value else []
        elif not word.startswith("-") and HOLE not in word:
            names.append(without_brackets(word))
    if has_user and not names:
        return replace(EVERYBODY, only=tuple(only))
    return Processes(
        names=unique(names),
        only=tuple(only) if names else (),
        ignores_case="--ignore-case" in words or "I" in letters,
        are_patterns="--regexp" in words or "r" in letters,
    )


def without_brackets(pattern: str) -> str:
    """Undo the trick that keeps `grep` from finding itself: `[v]ite` means `vite`."""
    text, left = "", pattern
    while len(left) >= 3:
        if left[0] == "[" and left[2] == "]" and left[1] not in "^]\\":
            text, left = text + left[1], left[3:]
        else:
            text, left = text + left[0], left[1:]
    return text + left


def narrowed(processes: Processes, pattern: str) -> Processes:
    """Narrow a listing by a pattern: by port if it lists sockets, else by name."""
    pattern = without_brackets(pattern)
    if HOLE in pattern:  # the pattern is unknown, so keep what is known: a superset
        return replace(processes, listing="")
    if processes.listing == "sockets":
        if ports := _ports_in(pattern):
            return Processes(ports=ports, has_clients=processes.has_clients)
        word = pattern.strip("$^:() ").lower()
        if word in ("listen", "tcp", "tcp4", "tcp6", "udp", "") or word.startswith("pid="):
            return processes
        return Processes(names=(pattern,))
    if processes.listing in ("processes", "java"):
        if not pattern.strip(".*"):
            return processes
        return Processes(names=(pattern,), in_arguments=True, only=processes.only)
    if processes.names and pattern.strip(".*"):
        # `grep node | grep server.js`: both must match; the longer one is more specific.
        return Processes(names=(max((*processes.names, pattern), key=len),), in_arguments=True)
    return processes


def _ports_in(pattern: str) -> tuple[int, ...]:
    numbers, digits = list[str](), ""
    for character in pattern + " ":
        if character.isascii() and character.isdigit():
            digits += character
        elif digits:
            numbers.append(digits)
            digits = ""
    return unique(port for each in numbers if len(each) >= 2 for port in ports_of(each))
