"""Process trees: which processes belong to one server, and whose end ends it and nothing else.

The process that has the socket is often a leaf: `npm run dev` starts a shell, and the shell starts
Node. If only the leaf is killed, its launchers stay behind or restart it. If too much is killed, a
terminal or an agent goes with it. The rule is here; `adapters.processes` supplies the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.commands.programs import program_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SHELLS = frozenset({"ash", "bash", "dash", "fish", "ksh", "mksh", "sh", "zsh"})

LAUNCHERS = frozenset(
    {
        "air", "bun", "bundle", "bunx", "cargo", "chpst", "concurrently", "cross-env", "deno",
        "dotenv", "dotnet", "entr", "env", "foreman", "forever", "go", "goreman", "gradle",
        "gradlew", "hatch", "hivemind", "honcho", "hupper", "just", "make", "mix", "mvn", "mvnw",
        "ng", "nice", "nodemon", "nohup", "npm", "npx", "nx", "pdm", "pipenv", "pnpm", "pnpx",
        "poetry", "rake", "reflex", "setsid", "stdbuf", "task", "time",
        "timeout", "ts-node", "tsx", "turbo", "uv", "uvx", "watchexec", "watchfiles", "watchmedo",
        "yarn",
    }
)  # fmt: skip
"""Programs that start one other program and exit with it."""

KEEPERS = frozenset({"PM2", "circusd", "overmind", "pm2", "runsv", "s6-supervise", "supervisord"})
"""Programs that start several others, and each again when it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process. `words` is its command line, empty if it cannot be read.

    `group` and `session` are those of job control (credentials(7)); `started` is its start time in
    clock ticks since boot (proc(5)), which tells it from an earlier process with its pid.
    """

    pid: int
    parent: int
    group: int
    session: int
    uid: int
    name: str
    words: tuple[str, ...] = ()
    directory: str | None = None
    started: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTree:
    """The processes of one server, each once, parents first.

    `tops` are those of its listening processes that stand for the rest, with the launchers above
    them: who ends these ends the server, and it can end what is below it. `rest` is what else
    belongs to it.
    """

    tops: tuple[Process, ...]
    rest: tuple[Process, ...]


def chain(pid: int, table: Mapping[int, Process]) -> list[Process]:
    """List a process and its ancestors, upwards, as far as the table goes."""
    found: list[Process] = []
    while pid in table and len(found) < len(table):
        found.append(table[pid])
        pid = table[pid].parent
    return found


def topmost(pids: Collection[int], table: Mapping[int, Process]) -> list[int]:
    """Return those of some processes that have no ancestor among them."""
    return sorted(
        pid
        for pid in pids
        if not any(each.pid in pids for each in chain(pid, table)[1:])
    )  # fmt: skip


def job(pid: int, table: Mapping[int, Process]) -> list[Process]:
    """List a process and the launchers that belong to it alone, the topmost first.

    Goes up while the parent is a launcher of this one process, of the same user and the same job.
    """
    return _with_launchers(chain(pid, table)[:1], table)


def server_tree(
    pids: Collection[int], table: Mapping[int, Process], *, spared: Collection[int] = ()
) -> ServerTree:
    """Collect all processes of the server whose listening processes are `pids`.

    Beside the descendants, these are the ones whose parent has ended but whose job was begun by a
    process of the tree. `spared` belong to nobody's tree, and neither does what is above them.
    """
    found = [table[pid] for pid in topmost(pids, table)]
    members = [each for each in _with_launchers(found, table) if each.pid not in spared]
    inside = {each.pid for each in members}
    inside |= {pid for each in members for pid in below(each.pid, table)}
    inside |= {each.pid for each in table.values() if each.group in inside}
    inside |= {below_it for pid in inside for below_it in below(pid, table)}
    inside -= {each.pid for each in members} | set(spared)
    return ServerTree(tops=tuple(members), rest=tuple(table[pid] for pid in sorted(inside)))


def below(pid: int, table: Mapping[int, Process]) -> set[int]:
    """List all descendants of a process."""
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {each.pid for each in table.values() if each.parent in frontier} - found
        found |= frontier
    return found


def restarts(process: Process) -> bool:
    """Return whether a process may start what it has started again, as a keeper or launcher."""
    return program_of(process.words) in LAUNCHERS | KEEPERS


def is_interactive(process: Process) -> bool:
    """Return whether a process is a shell at which somebody types."""
    program = program_of(process.words).removeprefix("-")  # `-bash` is a login shell
    return program in SHELLS and not _runs_a_command(process.words)


def _with_launchers(members: list[Process], table: Mapping[int, Process]) -> list[Process]:
    """Add those above some siblings, or above one process, that launch nothing else."""
    found = list(members)
    children = {each.pid for each in members}
    parents = {each.parent for each in members}
    while len(parents) == 1 and len(found) <= len(table):
        parent = table.get(parents.pop())
        if parent is None or not _launches(parent, found[0], table, among=children):
            break
        found.insert(0, parent)
        children, parents = {parent.pid}, {parent.parent}
    return found


def _launches(
    parent: Process, child: Process, table: Mapping[int, Process], *, among: Collection[int]
) -> bool:
    is_same_job = (
        parent.pid > 1
        and (parent.uid, parent.session, parent.group) == (child.uid, child.session, child.group)
        and not any(each.parent == parent.pid and each.pid not in among for each in table.values())
    )
    if not is_same_job or not parent.words:
        return False
    program = program_of(parent.words)
    if program in SHELLS:
        return _runs_a_command(parent.words)
    # A reloader runs its own command line a second time.
    return program in LAUNCHERS or parent.words == child.words


def _runs_a_command(words: tuple[str, ...]) -> bool:
    """Distinguish `sh -c ...` and `sh script` from an interactive shell."""
    operands = [word for word in words[1:] if not word.startswith("-")]
    has_command = any(
        word.startswith("-") and not word.startswith("--") and "c" in word for word in words[1:]
    )
    is_interactive = any(word in ("-i", "-il", "-li") for word in words[1:])
    return (has_command or bool(operands)) and not is_interactive
