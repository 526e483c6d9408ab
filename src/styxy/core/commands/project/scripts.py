"""Scripts by name: `npm run dev`, `pnpm --filter web dev`, `turbo dev`, `deno task start`.

The command says which script of which package runs, with which arguments; the script is then looked
up in the nearest package.json. Without one, only the script's name is known.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.core.commands.project.files import json_object, nearest, strings, workspace_packages
from styxy.core.commands.project.script_names import (
    DIRECTORY_FLAGS,
    EVERYWHERE_FLAGS,
    LIFECYCLE,
    NAMED_RUNNERS,
    NPM_VERBS,
    OWN_COMMANDS,
    PACKAGE_FLAGS,
    TASK_RUNNERS,
    VALUE_FLAGS,
    kind_of_script,
)
from styxy.core.commands.shell.fields import Field
from styxy.core.commands.shell.scope import joined
from styxy.core.commands.tools.servers import Server, port_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.commands.project.files import Project
    from styxy.core.commands.shell.fields import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptCall:
    """A script to run; `packages` are names in a workspace, or empty for the nearest package."""

    program: str
    name: str
    arguments: tuple[Field, ...] = ()
    directory: str | None = ""
    packages: tuple[str, ...] = ()
    is_everywhere: bool = False
    may_be_binary: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """The text of a script and the directory that it runs in."""

    text: str
    directory: str


def promised(call: ScriptCall, variables: Mapping[str, Field]) -> Server | None:
    """Return what a script serves, judged by its name alone."""
    kind = kind_of_script(call.name)
    if kind is None:
        return None
    port, where = None, None
    if "PORT" in variables:
        port, where = port_in(variables["PORT"].text), "PORT"
    texts = [each.text for each in call.arguments]
    for place, text in enumerate(texts):
        flag, equals, value = text.partition("=")
        if flag in ("--port", "-p"):
            value = value if equals else "".join(texts[place + 1 : place + 2])
            port, where = port_in(value), flag
    return Server(service_type=kind, port=port, program=call.program, where=where)


def scripts_of(call: ScriptCall, project: Project) -> list[Script] | None:
    """Look up a script; None without a package.json, empty if that has no such script."""
    if call.directory is None:
        return None
    if call.packages or call.is_everywhere:
        return _in_workspace(call, project)
    if call.program == "deno":
        found = nearest(project, call.directory, ("deno.json", "deno.jsonc"))
        key = "tasks"
    else:
        found = nearest(project, call.directory, ("package.json",))
        key = "scripts"
    if found is None:
        return None
    folder, text = found
    return list(_texts(call, folder, strings(json_object(text).get(key)), project))


def _in_workspace(call: ScriptCall, project: Project) -> list[Script] | None:
    packages = workspace_packages(project, call.directory or "")
    if not packages:
        return None
    found: list[Script] = []
    for folder, package in packages:
        if call.packages and not _is_meant(package.get("name"), folder, call.packages):
            continue
        found += _texts(call, folder, strings(package.get("scripts")), project)
    return found


def _is_meant(name: object, folder: str, wanted: Sequence[str]) -> bool:
    names = {name, str(name).rpartition("/")[2], posixpath.basename(folder)}
    return any(
        each.strip("{}.").removeprefix("./") in names or each.rstrip("/").endswith(f"/{folder}")
        or each.removeprefix("./") == folder
        for each in wanted
    )  # fmt: skip


def _texts(
    call: ScriptCall, folder: str, scripts: Mapping[str, str], project: Project
) -> Iterator[Script]:
    pattern = call.name
    names = [pattern] if "*" not in pattern else [
        each for each in scripts if each.startswith(pattern.partition("*")[0])
    ]  # fmt: skip
    tail = "".join(f" {quoted(each)}" for each in call.arguments)
    for name in names:
        if name in scripts:
            yield Script(scripts[name] + tail, folder)
        elif name == "start" and project.read(posixpath.join(folder, "server.js")) is not None:
            yield Script("node server.js" + tail, folder)


def quoted(word: Field) -> str:
    """Quote an argument for a shell."""
    text = word.text
    if text and not set(text) - _PLAIN:
        return text
    return "'" + text.replace("'", "'\\''") + "'"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,@+%")


def script_calls(program: str, invocation: Invocation) -> tuple[ScriptCall, ...]:
    """Return the scripts that a command runs."""
    if program in ("npm", "pnpm", "yarn", "bun", "cnpm", "tnpm"):
        return _managed(program, invocation)
    if program in ("npm-run-all", "run-p", "run-s", "npm-run-all2", "run-pty"):
        names = [word for word in invocation.texts[1:] if not word.startswith("-")]
        return tuple(
            ScriptCall(program="npm", name=name, directory=invocation.directory) for name in names
        )
    if program == "node" and invocation.texts[1:2] == ["--run"]:
        return _called("node", invocation, list(invocation.words[2:]))
    if program == "deno" and invocation.texts[1:2] == ["task"]:
        return _called("deno", invocation, list(invocation.words[2:]))
    if program in TASK_RUNNERS:
        return _tasks(program, invocation)
    if program in NAMED_RUNNERS:
        words = [each for each in invocation.words[1:] if each.text not in NPM_VERBS]
        return _called(program, invocation, words)
    return ()


class _Flags:
    """The flags before the name of a script."""

    def __init__(self, invocation: Invocation) -> None:
        self.directory = invocation.directory
        self.packages: list[str] = []
        self.targets: list[str] = []
        self.is_everywhere = False
        self.words = list(invocation.words[1:])

    def skip(self) -> None:
        """Skip the next flags, and a `--` after them."""
        while self.words and len(self.words[0].text) > 1 and self.words[0].text[0] == "-":
            if self.words[0].text == "--":
                self.words.pop(0)
                return
            self.skip_one()

    def skip_one(self) -> None:
        """Skip one flag with its value."""
        flag, equals, value = self.words.pop(0).text.partition("=")
        known = flag in DIRECTORY_FLAGS | PACKAGE_FLAGS | VALUE_FLAGS
        if known and not equals and self.words:
            value = self.words.pop(0).text
        self._note(flag, value)

    def _note(self, flag: str, value: str) -> None:
        if flag in DIRECTORY_FLAGS:
            self.directory = joined(self.directory, value)
        elif flag in PACKAGE_FLAGS and value not in ("", "*"):
            self.packages += value.split(",")
        elif flag in PACKAGE_FLAGS or flag in EVERYWHERE_FLAGS:
            self.is_everywhere = True
        elif flag in ("-t", "--target", "--targets"):
            self.targets += value.split(",")

    def call(self, program: str, name: str, arguments: Sequence[Field]) -> ScriptCall:
        return ScriptCall(
            program=program,
            name=name,
            arguments=tuple(arguments),
            directory=self.directory,
            packages=tuple(self.packages),
            is_everywhere=self.is_everywhere,
        )


def _managed(program: str, invocation: Invocation) -> tuple[ScriptCall, ...]:
    flags = _Flags(invocation)
    flags.skip()
    if not flags.words:
        return ()
    verb = flags.words.pop(0).text
    if verb == "workspace" and program == "yarn" and flags.words:
        flags.packages.append(flags.words.pop(0).text)
        flags.skip()
        verb = flags.words.pop(0).text if flags.words else ""
    elif verb == "workspaces" and program == "yarn":
        flags.is_everywhere = True
        if flags.words and flags.words[0].text == "foreach":
            flags.words.pop(0)
        flags.skip()
        verb = flags.words.pop(0).text if flags.words else ""
    is_run = verb in NPM_VERBS
    if is_run:
        flags.skip()
        if not flags.words:
            return ()
        verb = flags.words.pop(0).text
    elif not _is_script(program, verb):
        return ()
    arguments = _passed(program, flags)
    call = flags.call(program, verb, arguments)
    return (_maybe_binary(call, is_run=is_run),)


def _maybe_binary(call: ScriptCall, *, is_run: bool) -> ScriptCall:
    from dataclasses import replace

    # `yarn vite`, `pnpm vite` and `bun run vite` run programs if there is no such script.
    is_binary = call.program in ("pnpm", "yarn", "bun") and (not is_run or call.program != "pnpm")
    return replace(call, may_be_binary=is_binary)


def _is_script(program: str, verb: str) -> bool:
    if program in ("npm", "cnpm", "tnpm"):
        return verb in LIFECYCLE
    return verb not in OWN_COMMANDS.get(program, frozenset())


def _passed(program: str, flags: _Flags) -> list[Field]:
    """Return what is passed on to the script: npm keeps all flags before `--` for itself."""
    words = flags.words
    if program not in ("npm", "cnpm", "tnpm"):
        return [each for place, each in enumerate(words) if place or each.text != "--"]
    passed: list[Field] = []
    while words:
        if words[0].text == "--":
            return passed + words[1:]
        if words[0].text.startswith("-"):
            flags.skip_one()
        else:
            passed.append(words.pop(0))
    return passed


def _called(program: str, invocation: Invocation, words: Sequence[Field]) -> tuple[ScriptCall, ...]:
    names = [each for each in words if not each.text.startswith("-")]
    if not names:
        return ()
    place = list(words).index(names[0])
    rest = [each for each in words[place + 1 :] if each.text != "--"]
    return (
        ScriptCall(
            program=program,
            name=names[0].text,
            arguments=tuple(rest),
            directory=invocation.directory,
        ),
    )


def _tasks(program: str, invocation: Invocation) -> tuple[ScriptCall, ...]:
    """Read `turbo run dev --filter=web`, `nx run web:serve`, `lerna run start`."""
    flags = _Flags(invocation)
    flags.skip()
    names: list[str] = []
    arguments: list[Field] = []
    while flags.words:
        text = flags.words[0].text
        if text == "--":
            arguments = flags.words[1:]
            break
        if text.startswith("-"):
            arguments += flags.words[:2]
            flags.skip_one()
            continue
        names.append(text)
        flags.words.pop(0)
    if names and names[0] in ("run", "run-many", "affected", "exec", "watch"):
        verb, *names = names
        if verb in ("exec", "watch"):
            return ()
    names = [*names, *flags.targets] if flags.targets else names
    if program == "nx" and names and ":" not in names[0]:
        names = names[:1] if not flags.targets else names
    if not flags.packages:
        flags.is_everywhere = True
    found = []
    for name in names:
        package, colon, task = name.partition(":") if program in ("nx", "moon") else ("", "", name)
        if colon and package:
            flags.packages.append(package)
        found.append(flags.call(program, task.partition(":")[0] if colon else name, arguments))
    return tuple(found)
