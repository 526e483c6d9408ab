"""Makefile targets and Procfile lines, one level deep: the shell text behind a name."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import Field
from styxy.core.commands.shell.scope import joined
from styxy.core.commands.tools.servers import port_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.core.commands.project.files import Project
    from styxy.core.commands.shell.fields import Invocation

MAKES = ("make", "gmake", "bmake")
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
MAKE_VALUES = {"-I", "-j", "-l", "-o", "-W", "--jobs", "--include-dir"}
MAKE_IDLE = {
    "-n",
    "--dry-run",
    "--just-print",
    "-q",
    "--question",
    "-p",
    "--version",
    "--help",
    "-v",
    "-h",
}
PROCFILE_RUNNERS = (
    "foreman",
    "honcho",
    "overmind",
    "hivemind",
    "heroku",
    "forego",
    "goreman",
    "node-foreman",
    "nf",
)
FOREMAN_STEP = 100
"""Distance between the ports of two Procfile processes, from 5000 on (foreman(1))."""
LONGEST_RECIPE = 16384
MOST_EXPANSIONS = 5000
"""Variables that are replaced in one Makefile; some that name others many times never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Shell text with its directory and environment variables."""

    text: str
    directory: str
    variables: Mapping[str, Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCall:
    """The targets to make; none means the first of the file."""

    targets: tuple[str, ...]
    directory: str | None
    file: str | None
    variables: Mapping[str, str]


def make_call(invocation: Invocation) -> MakeCall | None:
    """Read the arguments of make, or return None if it makes nothing."""
    directory, file = invocation.directory, None
    targets: list[str] = []
    variables: dict[str, str] = {}
    rest = iter(invocation.texts[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if word in MAKE_IDLE:
            return None
        if word in ("-C", "--directory"):
            directory = joined(directory, next(rest, ""))
        elif word.startswith("-C") or name == "--directory":
            directory = joined(directory, value or word[2:])
        elif word in ("-f", "--file", "--makefile"):
            file = next(rest, "")
        elif word in MAKE_VALUES:
            next(rest, None)
        elif equals and name.isidentifier():
            variables[name] = value
        elif not word.startswith("-"):
            targets.append(word)
    return MakeCall(targets=tuple(targets), directory=directory, file=file, variables=variables)


def make_recipes(call: MakeCall, project: Project) -> list[Recipe] | None:
    """Return the recipes of the targets, or None without a Makefile."""
    if call.directory is None:
        return None
    names = (call.file,) if call.file else MAKEFILES
    texts = (project.read(posixpath.join(call.directory, name)) for name in names)
    text = next((each for each in texts if each is not None), None)
    if text is None:
        return None
    makefile = _Makefile(text, call.variables)
    return [
        Recipe(
            text=makefile.recipe(target),
            directory=call.directory,
            variables={name: Field(value) for name, value in makefile.exported().items()},
        )
        for target in call.targets or makefile.first()
    ]


class _Makefile:
    """The parts of a Makefile that recipes need: rules, and variables with a plain value."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._values = dict(variables)
        self._left = MOST_EXPANSIONS
        self._given = set(variables)
        self._exported = set(variables)
        self._recipes: dict[str, list[str]] = {}
        self._needs: dict[str, list[str]] = {}
        targets: list[str] = []
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("\t"):
                for target in targets:
                    self._recipes[target].append(line.strip())
            elif line.strip() and not line.lstrip().startswith("#"):
                targets = self._read(line.strip()) or targets

    def _read(self, line: str) -> list[str]:
        """Read a rule or an assignment; return the targets of a rule."""
        line = line.removeprefix("override ")
        is_exported = line.startswith("export ")
        line = line.removeprefix("export ").strip()
        name, equals, value = line.partition("=")
        bare = name.rstrip(":?+! ")
        if equals and bare and not set(bare) & set(" :$"):
            if bare not in self._given and not (name.endswith("?") and bare in self._values):
                self._values[bare] = value.strip()
            if is_exported:
                self._exported.add(bare)
            return []
        names, colon, needs = line.partition(":")
        if not colon:
            return []
        needs, _, command = needs.lstrip(":").partition(";")
        targets = self.expanded(names).split()
        for target in targets:
            self._recipes.setdefault(target, [])
            self._needs.setdefault(target, []).extend(self.expanded(needs).split())
            if command.strip():
                self._recipes[target].append(command.strip())
        return targets

    def first(self) -> list[str]:
        """Return the default target."""
        goal = self._values.get(".DEFAULT_GOAL")
        if goal:
            return [goal]
        return [name for name in self._recipes if not name.startswith(".")][:1]

    def recipe(self, target: str) -> str:
        """Return the recipes of a target and its prerequisites as shell text."""
        lines = [
            line
            for name in (*self._needs.get(target, ()), target)
            for line in self._recipes.get(name, ())
        ]
        return "\n".join(self.expanded(line.lstrip("@-+ ")) for line in lines)[:LONGEST_RECIPE]

    def exported(self) -> dict[str, str]:
        """Return the variables in the environment of recipes."""
        return {name: self.expanded(self._values.get(name, "")) for name in self._exported}

    def expanded(self, text: str, *, depth: int = 0) -> str:
        """Replace variables with plain values; unknown ones become unset shell variables."""
        pieces, left = list[str](), text
        while (place := left.find("$")) >= 0 and len(pieces) < 1000:
            pieces.append(left[:place])
            following = left[place + 1 : place + 2]
            if following == "$":
                pieces.append("$")
                left = left[place + 2 :]
                continue
            closing = {"(": ")", "{": "}"}.get(following, "")
            stop = left.find(closing, place) if closing else -1
            name = left[place + 2 : stop] if stop > 0 else ""
            self._left -= 1
            if name in self._values and depth < 5 and self._left > 0:
                pieces.append(self.expanded(self._values[name], depth=depth + 1)[:LONGEST_RECIPE])
                left = left[stop + 1 :]
            elif name == "MAKE":
                pieces.append("make")
                left = left[stop + 1 :]
            else:
                pieces.append("${UNKNOWN}" if stop > 0 else "$")
                left = left[stop + 1 :] if stop > 0 else left[place + 1 :]
        return "".join(pieces) + left


def procfile_recipes(program: str, invocation: Invocation, project: Project) -> list[Recipe] | None:
    """Return the lines that a Procfile runner starts, or None without a Procfile."""
    file, base, step, names = _procfile_arguments(program, invocation)
    if invocation.directory is None or file is None:
        return None
    text = project.read(posixpath.join(invocation.directory, file))
    if text is None:
        return None
    found: list[Recipe] = []
    for line in text.splitlines():
        name, colon, command = line.partition(":")
        if not colon or not name.replace("-", "_").isidentifier() or (names and name not in names):
            continue
        port = {} if base is None else {"PORT": Field(str(base + step * len(found)))}
        found.append(Recipe(text=command.strip(), directory=invocation.directory, variables=port))
    return found


def _procfile_arguments(
    program: str, invocation: Invocation
) -> tuple[str | None, int | None, int, list[str]]:
    """Read the file, the first port, the step between ports, and the processes to run."""
    file, base = "Procfile", 5006 if program == "heroku" else 5000
    names: list[str] = []
    step = FOREMAN_STEP
    rest = iter(invocation.texts[1:])
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag in ("-f", "--procfile"):
            file = value if equals else next(rest, "")
        elif flag in ("-p", "--port"):
            base = port_in(value if equals else next(rest, "")) or base
        elif flag in ("-e", "--env", "-c", "-m", "--formation", "-l", "-T", "-s", "-r"):
            next(rest, None)
        elif not word.startswith("-"):
            names.append(word)
    if "PORT" in invocation.variables:
        base = port_in(invocation.variables["PORT"].text) or base
    verbs = {"heroku": ["local"], "hivemind": []}.get(program, ["start", "s"])
    if program == "hivemind":
        return (names[0] if names else file), base, step, []
    if not names or names[0] not in verbs:
        return None, None, step, []
    return file, base, step, names[1:]
