"""The processes that a command ends: by id, port, name, or pid file (kill(1), pkill(1)).

Signals that end nothing, listings, help, and the line's own children (`$!`, `%1`, `jobs -p`) are
no kills. Which processes the ids belong to is looked up elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from styxy.core.commands.kills.selections import (
    EVERYBODY,
    by_fuser,
    by_killall,
    by_pgrep,
    ports_of,
    without_brackets,
)
from styxy.core.commands.shell.fields import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from styxy.core.commands.shell.fields import Condition, Field, Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The processes that a command ends. `how` is the program that sends the signal.

    `pids` are as written: `-4813` is a group, `-1` all processes, `@FILE` the id in that file, and
    `$PPID` the parent of the shell. `names` are patterns. `has_clients`: clients that are connected
    to the ports are ended, too, not only the listeners (`lsof -ti:3000`). `in_arguments`: a name
    may stand anywhere in a command line (`pkill -f`), not only in the name of the program; for the
    other four see `Processes`.
    """

    how: str
    ports: tuple[int, ...] = ()
    pids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    has_clients: bool = False
    in_arguments: bool = False
    is_whole: bool = False
    ignores_case: bool = False
    are_patterns: bool = False
    only: tuple[Condition, ...] = ()


HARMLESS_SIGNALS = frozenset({"0", "CONT", "18", "WINCH", "28", "CHLD", "17", "URG", "23"})
"""Signals that end nothing by default (signal(7)); 0 only asks whether the process lives."""

INFORMATION = frozenset({"-l", "-L", "--list", "--table", "-h", "--help", "-V", "--version", "-q"})


def kill_of(program: str, invocation: Invocation) -> Kill | None:
    """Return what a program ends, or None if it ends nothing that is known."""
    victims = _VICTIMS.get(program)
    if victims is None:
        return None
    found = victims(invocation.words[1:])
    return kill_by(program, found) if found else None


def kill_by(how: str, found: Processes) -> Kill:
    """Return the end of some processes by a program."""
    if found.listing == "java":
        found = Processes(names=("java",))
    elif found.listing:
        found = replace(EVERYBODY, only=found.only)  # every process that was listed
    return Kill(
        how=how,
        ports=found.ports,
        pids=found.pids,
        names=found.names,
        has_clients=found.has_clients and bool(found.ports),
        in_arguments=found.in_arguments and bool(found.names),
        is_whole=found.is_whole and bool(found.names),
        ignores_case=found.ignores_case and bool(found.names),
        are_patterns=found.are_patterns and bool(found.names),
        only=found.only,
    )


def merged(kills: Sequence[Kill]) -> tuple[Kill, ...]:
    """Merge the kills by the same program under the same conditions, in the order of the first."""
    found: dict[tuple[str, tuple[Condition, ...]], Processes] = {}
    for each in kills:
        new = Processes(
            ports=each.ports,
            pids=each.pids,
            names=each.names,
            has_clients=each.has_clients,
            in_arguments=each.in_arguments,
            is_whole=each.is_whole,
            ignores_case=each.ignores_case,
            are_patterns=each.are_patterns,
            only=each.only,
        )
        key = (each.how, each.only)
        found[key] = found.get(key, Processes()).joined(new)
    return tuple(kill_by(how, each) for (how, _), each in found.items())


def _by_kill(words: Sequence[Field]) -> Processes:
    signal, operands = _signal_and_operands(words)
    if signal.removeprefix("SIG") in HARMLESS_SIGNALS:
        return Processes()
    found = Processes()
    for operand in operands:
        found = found.joined(_victim(operand))
    return found


def _signal_and_operands(words: Sequence[Field]) -> tuple[str, list[Field]]:
    """Separate the signal from its targets: only the first word with a dash is a signal."""
    signal = ""
    rest = list(words)
    while rest:
        text = rest[0].text
        if text in INFORMATION:
            return "0", []
        if text == "--":
            return signal, rest[1:]
        if text in ("-s", "-n", "--signal"):
            signal = rest[1].text.upper() if len(rest) > 1 else ""
            rest = rest[2:]
        elif text.startswith("--signal="):
            signal, rest = text.partition("=")[2].upper(), rest[1:]
        elif text.startswith("-") and not signal and rest[0].is_known:
            signal, rest = text[1:].upper(), rest[1:]
        else:
            break
    return signal, rest


def is_pid(text: str) -> bool:
    """Return whether a word is the id of a process, or with a hyphen that of a group."""
    number = text.removeprefix("-")
    return number.isascii() and number.isdigit()


def _victim(operand: Field) -> Processes:
    text = operand.text
    if operand.is_known:
        is_victim = is_pid(text) or text == "$PPID"
        return Processes(pids=(text,)) if is_victim else Processes()
    found = operand.processes()
    if not text.startswith("-"):
        return found
    return replace(found, pids=tuple(f"-{each}" for each in found.pids))


def _by_pkill(words: Sequence[Field]) -> Processes:
    texts = [each.text for each in words]
    if _is_harmless(texts, by=("--signal",)):  # its -s is a session
        return Processes()
    found = by_pgrep(texts)
    for flag, value in pairwise(words):  # of unknown children, the parent stands for them
        if flag.text in ("-P", "--parent"):
            found = found.joined(value.processes())
    return found


def _by_killall(words: Sequence[Field]) -> Processes:
    texts = [each.text for each in words]
    if _is_harmless(texts):
        return Processes()
    return by_killall(texts)


def _is_harmless(texts: Sequence[str], by: Sequence[str] = ("-s", "--signal")) -> bool:
    """Return whether the signal, the value of an option in `by`, ends nothing."""
    signals = [text[1:] for text in texts if text.startswith("-") and not text.startswith("--")]
    signals += [value for flag, value in pairwise(texts) if flag in by]
    signals += [text.partition("=")[2] for text in texts if text.startswith("--signal=")]
    return any(text in INFORMATION - {"-q"} for text in texts) or any(
        each.upper().removeprefix("SIG") in HARMLESS_SIGNALS for each in signals
    )


def _by_fuser(words: Sequence[Field]) -> Processes:
    texts = [each.text for each in words]
    kills = any(
        text == "--kill"
        or (text[:1] == "-" and text[1:2] != "-" and "k" in text and text.islower())
        for text in texts
    )
    return by_fuser([text for text in texts if text != "-k"]) if kills else Processes()


def _by_port(words: Sequence[Field]) -> Processes:
    """Read the ports of `kill-port 3000 3001`; the values of other flags are skipped."""
    return Processes(ports=tuple(port for text in _operands(words) for port in _ports(text)))


def _by_fkill(words: Sequence[Field]) -> Processes:
    """Read `fkill :3000 1337 name`: a port has a colon, an id has none."""
    ports: list[int] = []
    pids: list[str] = []
    names: list[str] = []
    for text in _operands(words):
        if text.startswith(":"):
            ports += _ports(text)
        elif text.isdigit():
            pids.append(text)
        else:
            names.append(without_brackets(text))
    return Processes(ports=tuple(ports), pids=tuple(pids), names=tuple(names))


def _by_tree_kill(words: Sequence[Field]) -> Processes:
    """Read `tree-kill 4711 SIGKILL`."""
    return Processes(pids=tuple(text for text in _operands(words) if text.isdigit()))


def _ports(text: str) -> tuple[int, ...]:
    return ports_of(text.lstrip(":").partition("/")[0])


def _operands(words: Sequence[Field]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word.text in ("--method", "-m", "--mode", "-s", "--signal", "-t", "--timeout"):
            next(rest, None)
        elif word.text.startswith(("--port=", "-p=")):
            yield word.text.partition("=")[2]
        elif word.is_known and not word.text.startswith("-"):
            yield word.text


def _by_daemon(words: Sequence[Field]) -> Processes:
    texts = [each.text for each in words]
    if not {"--stop", "-K"} & set(texts):
        return Processes()
    pids, names = [], []
    for flag, value in pairwise(texts):
        if flag in ("--pidfile", "-p"):
            pids.append(f"@{value}")
        elif flag == "--pid":
            pids.append(value)
        elif flag in ("--name", "-n"):
            names.append(value)
    return Processes(pids=tuple(pids), names=() if pids else tuple(names))


def _by_taskkill(words: Sequence[Field]) -> Processes:
    texts = [each.text for each in words]
    # Git Bash makes a path of `/F`, so that people write `//F` there.
    texts = [f"/{text.lstrip('/').upper()}" if text[:1] == "/" else text for text in texts]
    pids = [value for flag, value in pairwise(texts) if flag == "/PID" and value.isdigit()]
    names = [value for flag, value in pairwise(texts) if flag == "/IM"]
    return Processes(pids=tuple(pids), names=tuple(names))


def _by_stop_process(words: Sequence[Field]) -> Processes:
    """Read PowerShell's `Stop-Process -Id 4711,4712 -Force` and `Stop-Process -Name node`."""
    texts = [each.text for each in words]
    values = {flag.lower(): value.split(",") for flag, value in pairwise(["-id", *texts])}
    pids = [value for value in values["-id"] if value.isdigit()]
    return Processes(pids=tuple(pids), names=tuple(values.get("-name", ())))


def _by_killall5(words: Sequence[Field]) -> Processes:
    return Processes() if _is_harmless([each.text for each in words]) else EVERYBODY


_PORT_KILLERS = (
    "kill-port", "kill-ports", "kill-port-cli", "killport", "kill-port-process", "kp", "killp",
    "kill-process-on-port", "port-killer", "kill-my-port", "portkill", "kill-on-port", "free-port",
    "fport", "cross-port-killer",
)  # fmt: skip

_VICTIMS: Mapping[str, Callable[[Sequence[Field]], Processes]] = {
    "kill": _by_kill,
    "pkill": _by_pkill,
    "killall": _by_killall,
    "killall5": _by_killall5,
    "taskkill": _by_taskkill,
    **dict.fromkeys(("Stop-Process", "stop-process", "spps"), _by_stop_process),
    "skill": _by_killall,
    "fuser": _by_fuser,
    "fkill": _by_fkill,
    "fkill-cli": _by_fkill,
    "tree-kill": _by_tree_kill,
    "start-stop-daemon": _by_daemon,
    **dict.fromkeys(_PORT_KILLERS, _by_port),
}
"""Programs that end processes, and how to read what each one ends."""
