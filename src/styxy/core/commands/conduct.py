"""What a running program does if its port is taken, and so how its bind has to be answered.

The table of tools knows, for a command line and its environment; here it is read for a process and
those that it comes from. A program that finds its own way (*steps*, *asks*, *compares*) is steered:
it is told EADDRINUSE as without Styxy, so that the port that it prints and opens is the true one.
What the table does not know may have been learned (`core.decisions.learning`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

from styxy.core.commands.debuggers import OPTION_VARIABLES, debugger_option
from styxy.core.commands.remedy import remedy_for
from styxy.core.commands.shell.fields import Field
from styxy.core.commands.tools.identity import candidates
from styxy.core.commands.tools.servers import match_by_name, match_of
from styxy.core.commands.tools.table import tools
from styxy.core.model.programs import MOST_STEPS, SIDE_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from styxy.core.commands.tools.servers import Match
    from styxy.core.commands.tools.table import Conflict
    from styxy.core.config.configuration import OnConflict
    from styxy.core.model.programs import Learned

Conduct = Literal["moves", "steered", "shared", "debugged", "locked"]
"""Its bind is moved; it is told EADDRINUSE and finds its own way; it serves every project; the port
is a debugger's, or a lock: EADDRINUSE stands."""

STEERED: tuple[Conflict, ...] = ("steps", "asks", "compares")

USUAL_TRIES = 5
TRIES = {
    "jupyter": 50, "jupyter-lab": 50, "jupyter-notebook": 50, "jupyter-server": 50,
    "jupyterlab": 50, "next": 10, "notebook": 50, "streamlit": 100, "vite": 100,
}  # fmt: skip
"""How many numbers a tool tries; of others it is not known. (ServerApp.port_retries,
MAX_PORT_SEARCH_RETRIES, and by experiment; vite goes on to the last port.)"""

OUTSIDE = {
    24678: "pages server.hmr.port",
    35729: "pages LiveReload's port",
}
"""Who looks for a side port from outside, and what sets it, whatever program serves it."""

WHO = {"pages": "pages opened outside this project", "devices": "devices"}

TITLES = {
    "next-server": "next", "next-router-worker": "next", "next-render-worker": "next",
    "workerd": "wrangler",
}  # fmt: skip
"""The program that starts another one, or whose process calls itself so."""

OVERRIDE = "STYXY_ON_CONFLICT"
"""The variable that says `move` or `steer`, whatever the table does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process as /proc shows it: the words of its command line and some of its variables."""

    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a program takes it that its port is taken.

    `root` is the place in its lineage, itself at 0, of the process that the table knows; `is_known`
    if it does.
    `is_asking`: it asks its user, who may take his time. `must_fail`: it cannot find another port
    here; `remedy` is then what to type, where `{port}` stands for a free one. `outside` says who
    looks for the asked port after a move, and what to pass.
    """

    conduct: Conduct = "moves"
    program: str = ""
    root: int = 0
    is_asking: bool = False
    must_fail: bool = False
    remedy: str = ""
    is_known: bool = False
    outside: str = ""


MOVES = Habit()


@cache
def variables_of_ports() -> tuple[str, ...]:
    """List the variables that set the port of some tool, and the one that overrules the table."""
    sources = {each.lstrip("~") for tool in tools() for each in tool.sources}
    named = {each[1:] for each in sources if each.startswith("$")}
    return (OVERRIDE, *OPTION_VARIABLES, *sorted(named))


@cache
def default_ports() -> frozenset[int]:
    """Return every port that some tool of the table has by default."""
    return frozenset(tool.port for tool in tools() if tool.port is not None)


@cache
def helpers() -> frozenset[str]:
    """Return the names of the processes that may be helpers; bloop runs as java."""
    shared = (tool for tool in tools() if tool.conflict == "shared")
    return frozenset({"java", *(name for tool in shared for name in tool.names)})


def serves_every_project(words: Sequence[str]) -> bool:
    """Return whether a command line is that of a helper which all projects share."""
    found = _match(Command(words=tuple(words)))
    return found is not None and found.server is not None and found.server.conflict == "shared"


def habit_of(
    asked: int,
    lineage: Sequence[Command],
    *,
    has_terminal: bool,
    is_stepping: bool = False,
    learned: Learned | None = None,
    wanted: Callable[[str], OnConflict | None] = lambda _program: None,
) -> Habit:
    """Tell how a program takes it that the port `asked` is taken.

    `lineage` are the program and the processes that it comes from. `is_stepping`: it was told
    EADDRINUSE for a number near it. `learned` is what was learned of it, and `wanted`
    says what the user has set for a program of a name.
    """
    option = debugger_option(asked, lineage[0].words, lineage[0].variables)
    if option is not None:
        return Habit(conduct="debugged", must_fail=True, remedy=option)
    found, root = _row_of(lineage)
    if found is None or found.server is None or not _is_told(found):
        name = _name_of(lineage)
        override = _override(lineage, wanted, name)
        is_steered = override == "steer" or (learned == "steered" and override != "move")
        conduct: Conduct = "steered" if is_steered else "moves"
        return Habit(conduct=conduct, program=name, outside=_outside(found, asked))
    override = _override(lineage, wanted, found.server.program)
    conflict = _conflict(found, asked, is_stepping=is_stepping)
    if conflict == "shared":
        return Habit(conduct="shared", program=found.server.program, is_known=True)
    is_steered = conflict in STEERED and asked not in SIDE_PORTS and learned != "moved"
    if override in ("move", "steer"):
        is_steered = override == "steer"
    if not is_steered:
        outside = _outside(found, asked)
        return Habit(program=found.server.program, root=root, is_known=True, outside=outside)
    return Habit(
        is_known=True,
        conduct="steered",
        program=found.server.program,
        root=root,
        is_asking=conflict == "asks",
        must_fail=conflict == "compares" or (conflict == "asks" and not has_terminal),
        remedy=remedy_for(found, asked, [each.words for each in lineage[root + 1 :]]),
    )


def _override(
    lineage: Sequence[Command], wanted: Callable[[str], OnConflict | None], name: str
) -> str:
    """Read what the user wants: of this one run, or of every program of a name."""
    return lineage[0].variables.get(OVERRIDE, "").lower() or wanted(name) or ""


def _is_told(found: Match) -> bool:
    """Return whether the table tells what a program does, and not only what all scripts may do."""
    assert found.server is not None
    return not found.name.startswith("<") and found.server.conflict != "unknown"


def _conflict(found: Match, asked: int, *, is_stepping: bool) -> Conflict:
    """Read the table; a number that no command line explains was given in a file."""
    server, tool = found.server, found.tool
    assert server is not None
    is_default = server.where in (None, "default")
    if is_default and server.port not in (None, asked) and not is_stepping:
        return tool.explicit_conflict if server.conflict == tool.conflict else server.conflict
    if not is_default and server.port is not None:
        is_on_its_way = is_stepping or server.port <= asked <= server.port + MOST_STEPS
        return server.conflict if is_on_its_way else "unknown"
    return server.conflict


def _outside(found: Match | None, asked: int) -> str:
    """Say who looks for the asked port from outside after a move; `{port}` is the new one."""
    told = OUTSIDE.get(asked) or (found.tool.outside if found is not None else "")
    who, _, what = told.partition(" ")
    if not what:
        return ""
    return f"{WHO[who]} look for {asked}, {'pass' if what[0] == '-' else 'set'} {what} {{port}}"


def may_be_of_table(words: Sequence[str]) -> bool:
    """Return whether a command line may be of a tool in the table, or handed over to by one."""
    typed = _titled(words)
    named = {name for name, _ in candidates(typed)} | set(typed[:1])
    return not named.isdisjoint(_known_names())


@cache
def _known_names() -> frozenset[str]:
    names = frozenset(name for tool in tools() for name in tool.names)
    return frozenset(each for each in names | TITLES.keys() if not each.startswith("<"))


def _row_of(lineage: Sequence[Command]) -> tuple[Match | None, int]:
    """Find the row of a program; the parent's, where it is the same tool that hands over."""
    if not lineage:
        return None, 0
    own = _match(lineage[0]) or _titled_match(lineage[0].words)
    names = {name for name, _ in candidates(_titled(lineage[0].words))}
    names |= {TITLES[name] for name in names & TITLES.keys()}
    names = {name for name in names if not name.startswith("<")}
    for place, parent in enumerate(lineage[1:], 1):
        words = _inside(parent.words)
        found = _match(Command(words=words, variables=lineage[0].variables))
        if found is not None and found.server is not None and names & {*found.tool.names}:
            return found, place
    return own, 0


def _titled_match(words: Sequence[str]) -> Match | None:
    """Match a program that gave itself a title, which hides its arguments: `webpack`."""
    return match_by_name(words[0]) if len(words) == 1 else None


def _inside(words: Sequence[str]) -> tuple[str, ...]:
    """Look through the shell and the `npm exec` by which a tool was started."""
    if len(words) == 3 and words[1] == "-c":
        return tuple(words[2].split())
    typed = words[0].split() if len(words) == 1 else list(words)
    return tuple(typed[2:] if typed[:2] == ["npm", "exec"] else words)


def _match(command: Command) -> Match | None:
    fields = {name: Field(value) for name, value in command.variables.items()}
    return match_of(_titled(command.words), fields)


def _titled(words: Sequence[str]) -> list[str]:
    """Split the title that a process gave itself: `next-server (v15.1.0)`."""
    if len(words) == 1 and " " in words[0] and not words[0].startswith("/"):
        return words[0].split()[:1]
    return list(words)


def _name_of(lineage: Sequence[Command]) -> str:
    from styxy.core.commands.programs import program_of

    return program_of(lineage[0].words) if lineage else ""
