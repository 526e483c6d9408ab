"""The processes that a kill selects: by id, by pid file, by name, and what else they are to be.

As kill(1), pkill(1) and killall(1) select them, at this moment. Patterns and pid files are others'
text: neither may take long.
"""

from __future__ import annotations

import glob
import os
import pwd
import stat
import subprocess
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from styxy.adapters.processes import Processes
    from styxy.core.commands.kills.kill import Kill
    from styxy.core.commands.shell.fields import ConditionKind

LONGEST_PATTERN = 200
LONGEST_ARGUMENTS = 65536
"""Characters of a pattern, and of a command line that it is searched for in."""

SEARCH_SECONDS = 0.05
"""Time for `grep` to match a pattern: somebody waits for the hook's answer."""

MOST_PID_FILES = 32
LARGEST_PID_FILE = 1024
"""Files of pids that one word may mean, and bytes of each that are read."""

_SPECIAL = frozenset("\\^$.|?*+()[]{}")


def selected(
    kill: Kill,
    processes: Processes,
    *,
    agent: int | None,
    directory: str | None,
    as_root: bool,
    answers: Callable[[str], bool],
) -> set[int]:
    """Return the processes that a kill names by id or by name, as far as it can reach them.

    `agent` starts the shell that runs the line. `as_root`: the processes of other users as well.
    Pid files are relative to `directory`; `answers` tells whether a look at one comes back.
    """
    if not kill.pids and not kill.names:
        return set()
    pids = processes.pids()
    files = partial(_files, directory=directory, answers=answers)
    if kill.names:
        found = set(_named(kill, pids, processes))
        found |= _by_id(kill, pids, agent=agent, files=files)
    elif any(kind == "parent" for kind, _ in kill.only):
        found = set(pids)  # the ids are those of the parents
    else:
        found = _by_id(kill, pids, agent=agent, files=files)
    found = _meeting(kill, found.intersection(pids), processes, agent=agent)
    own = os.geteuid()
    reaches_all = as_root or own == 0
    return {pid for pid in found if reaches_all or _user(pid) == own}


def _meeting(kill: Kill, pids: set[int], processes: Processes, *, agent: int | None) -> set[int]:
    """Return those that meet the conditions: of each kind, one of those that are named."""
    for kind in {kind for kind, _ in kill.only} - {"group of"}:
        fact = _FACTS[kind]
        wanted = {_wanted(kind, value) for each, value in kill.only if each == kind} - {None}
        if kind in ("session", "group") and 0 in wanted and agent is not None:
            wanted.add(fact(agent, processes))  # pkill(1): 0 is its own, and the agent starts it
        pids = {pid for pid in pids if fact(pid, processes) in wanted}
    return pids


def _wanted(kind: ConditionKind, value: str) -> int | None:
    """Return what a value means: the number of a process, a user or a terminal; None if nothing."""
    if kind == "terminal":
        try:
            return os.stat(os.path.join("/dev", value)).st_rdev
        except (OSError, ValueError):
            return None  # ENOENT: no such terminal
    if kind == "user" and not value.isdigit():
        try:
            return pwd.getpwnam(value).pw_uid
        except KeyError:
            return None
    return _number(value)


def _parent(pid: int, processes: Processes) -> int | None:
    return next(processes.parents(pid), None)


def _session(pid: int, _processes: Processes) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None  # ESRCH: it has ended


_FACTS: Mapping[ConditionKind, Callable[[int, Processes], int | None]] = {
    "user": lambda pid, _processes: _user(pid),
    "group": lambda pid, _processes: _group(pid),
    "parent": _parent,
    "session": _session,
    "terminal": lambda pid, processes: processes.terminal(pid),
}
"""What is asked of a process for each kind of condition."""


def _by_id(
    kill: Kill, pids: Collection[int], *, agent: int | None, files: Callable[[str], list[str]]
) -> set[int]:
    found: set[int] = set()
    for text in kill.pids:
        if text == "$PPID" and agent is not None:  # the parent of the shell that the agent starts
            found.add(agent)
        for number in _numbers(text, files):
            if number == -1:
                found |= {pid for pid in pids if pid > 1}  # kill(2): all but init
            elif number < 0:
                is_member = ("group of", str(-number)) in kill.only
                group = _group(-number) if is_member else -number
                found |= {pid for pid in pids if group is not None and _group(pid) == group}
            elif number > 0:
                found.add(number)
    return found


def _numbers(text: str, files: Callable[[str], list[str]]) -> list[int]:
    """Return the ids that a word stands for; `-@FILE` are the groups of those in the file."""
    sign, mark, path = text.partition("@")
    words = [text]
    if mark:
        found = [each for file in files(path) for each in _in_file(file)]
        words = [sign + each for each in found]
    return [number for number in map(_number, words) if number is not None]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None  # ESRCH: it has ended


def _user(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None  # ENOENT: it has ended


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 11 else None


def _files(path: str, *, directory: str | None, answers: Callable[[str], bool]) -> list[str]:
    """Return the absolute paths of the files that a word means: `*.pid`."""
    path = os.path.expanduser(path)
    if "\0" in path or (not os.path.isabs(path) and directory is None):
        return []
    whole = os.path.join(directory or "/", path)
    if not answers(os.path.dirname(whole)):
        return []
    if not glob.has_magic(whole):
        return [whole]
    folder, _, name = whole.rpartition("/")
    if glob.has_magic(folder):
        return []  # it could take for ever
    found = islice(glob.iglob(name, root_dir=folder or "/"), MOST_PID_FILES)
    return [os.path.join(folder, each) for each in found]


def _in_file(path: str) -> list[str]:
    """Read a file of pids: a regular file of a few bytes, never anything that could block."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return []  # no such file: the kill will say so itself
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        data = os.read(descriptor, LARGEST_PID_FILE)
    except OSError:
        return []  # EIO
    finally:
        os.close(descriptor)
    is_cut = len(data) == LARGEST_PID_FILE  # and the last number with it
    words = data.split()[:-1] if is_cut else data.split()
    return [word.decode("ascii", "replace") for word in words]


def _named(kill: Kill, pids: Collection[int], processes: Processes) -> Iterator[int]:
    """Return the processes with a name, as pkill(1) and killall(1) find them."""
    if kill.how in _BY_WHOLE_NAME and not kill.are_patterns:
        wanted = {_folded(name.rpartition("/")[2], kill) for name in kill.names}
        for pid in pids:
            if wanted & {_folded(name, kill) for name in _names(pid, processes)}:
                yield pid
        return
    lines = {
        pid: _folded(_searched(pid, kill, processes), kill)
        for pid in pids
        if pid != os.getpid() or kill.in_arguments
    }
    for name in kill.names:
        pattern = _folded(name, kill)
        yield from _matching(f"^({pattern})$" if kill.is_whole else pattern, lines)


_BY_WHOLE_NAME = (
    "killall",
    "skill",
    "fkill",
    "fkill-cli",
    "taskkill",
    "Stop-Process",
    "start-stop-daemon",
)


def _searched(pid: int, kill: Kill, processes: Processes) -> str:
    if not kill.in_arguments:
        return processes.name(pid) or ""
    return " ".join(processes.command(pid) or ())[:LONGEST_ARGUMENTS]


def _folded(text: str, kill: Kill) -> str:
    return text.lower() if kill.ignores_case else text


def _names(pid: int, processes: Processes) -> set[str]:
    # The kernel keeps 15 characters of a name (comm, proc(5)).
    words = processes.command(pid)
    return {processes.name(pid) or "", words[0].rpartition("/")[2] if words else ""}


def _matching(pattern: str, lines: Mapping[int, str]) -> list[int]:
    """Match an extended regular expression, which is not ours and could take for ever."""
    pattern = pattern[:LONGEST_PATTERN]
    core = pattern.strip("^$")
    if not _SPECIAL & set(core.replace(".", "")):
        return [pid for pid, line in lines.items() if _matches(pattern, line)]
    typed = "".join(f"{line.translate(_ONE_LINE)}\n" for line in lines.values())
    try:
        done = subprocess.run(
            ["grep", "-n", "-E", "-e", pattern],
            input=typed.encode("utf-8", "replace"),
            capture_output=True,
            timeout=SEARCH_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []  # no grep, NUL in the pattern, too slow: it is not known whom this would end
    pids = list(lines)
    numbers = (each.partition(b":")[0] for each in done.stdout.splitlines())
    return [pids[int(number) - 1] for number in numbers if number.isdigit()]


_ONE_LINE = {ord("\n"): " ", ord("\r"): " "}


def _matches(pattern: str, line: str) -> bool:
    """Match a pattern whose only special characters are `^`, `$` and `.`."""
    core = pattern.removeprefix("^").removesuffix("$")
    if pattern.startswith("^") and pattern.endswith("$"):
        return len(core) == len(line) and _agrees(core, line, 0)
    if pattern.startswith("^"):
        return _agrees(core, line, 0)
    if pattern.endswith("$"):
        return _agrees(core, line, len(line) - len(core))
    # The longest piece without a dot is found quickly, and the rest compared there.
    piece = max(core.split("."), key=len)
    offset = core.index(piece)
    place = line.find(piece)
    while place >= 0:
        if _agrees(core, line, place - offset):
            return True
        place = line.find(piece, place + 1) if piece else -1
    return False


def _agrees(core: str, line: str, start: int) -> bool:
    part = line[start : start + len(core)] if start >= 0 else ""
    return len(part) == len(core) and all(
        wanted in (".", found) for wanted, found in zip(core, part, strict=True)
    )
