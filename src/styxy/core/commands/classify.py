"""Classify a shell line: the servers that it starts and the processes that it ends.

The walker expands the line as a shell would. Each command is then checked in turn: is it a
launcher, a kill, a script by name, a container, or a tool of the table? Nothing runs, and only the
project's files are read, through the `Project` that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from styxy.core.commands.kills.awk import AWKS, lines_of_awk
from styxy.core.commands.kills.inline_code import code_of, killed_in, lines_in
from styxy.core.commands.kills.kill import Kill, is_pid, kill_by, kill_of, merged
from styxy.core.commands.kills.outputs import awk_program, output_of
from styxy.core.commands.kills.searching import SEARCHES
from styxy.core.commands.launching import SHELLS, STANDARD_INPUT, Launch, launch_of
from styxy.core.commands.project.containers import COMPOSERS, ENGINES, servers_of_container
from styxy.core.commands.project.files import Limited, NoProject
from styxy.core.commands.project.recipes import (
    MAKES,
    PROCFILE_RUNNERS,
    Recipe,
    make_call,
    make_recipes,
    procfile_recipes,
)
from styxy.core.commands.project.script_names import TASK_RUNNERS, kind_of_script
from styxy.core.commands.project.scripts import (
    ScriptCall,
    promised,
    script_calls,
    scripts_of,
)
from styxy.core.commands.shell.fields import (
    HOLE,
    SILENT,
    UNKNOWN,
    Field,
    Invocation,
    Output,
    Processes,
    unique,
)
from styxy.core.commands.shell.scope import Scope, joined, planted
from styxy.core.commands.shell.walk import Walker
from styxy.core.commands.tools.emulators import emulators_of
from styxy.core.commands.tools.identity import program_name
from styxy.core.commands.tools.servers import (
    Server,
    asks_for_information,
    port_in,
    server_of,
)
from styxy.core.model.service_types import SHARED_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from styxy.core.commands.project.files import Project
    from styxy.core.commands.shell.walk import Source


_APART = """
sudo doas su runuser gosu su-exec chpst setpriv s6-setuidgid chroot systemd-run tmux screen
pm2 pm2-runtime flatpak-spawn distrobox-enter toolbox styxy
"""
APART = frozenset(_APART.split())
"""Launchers whose programs get another environment, from another user or from a server."""

NOWHERE = frozenset({"nsenter", "unshare", "at", "batch", *SEARCHES})
"""Launchers whose servers are none of this line's: in another namespace, later, or once a file."""

READERS = SHELLS | {"source", "."}
"""Commands that run a file of commands."""

SWITCH = "STYXY_DISABLE_REASSIGN"
"""The variable that turns interception off for one command."""

MOST_LOOKUPS = 64
"""Scripts that one line may look up; parsing a package.json takes up to a millisecond."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The servers that a line starts, the main one first, and the processes that it ends."""

    servers: tuple[Server, ...] = ()
    kills: tuple[Kill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A server, and the command of the line that starts it, or None if the line has none.

    `is_apart`: the server runs where the command's environment does not reach, as root, in a
    container, in the server of `tmux`, or it already runs under `styxy run`. `is_direct`: the
    command's last words are those of the server's program itself.
    """

    server: Server
    source: Source | None
    is_apart: bool
    is_direct: bool


def starts_of(line: str, *, project: Project | None = None) -> tuple[Start, ...]:
    """Return where in a shell line each server is started, in the order of the line."""
    classifier = _Classifier(project or NoProject())
    classifier.walk(line.replace(HOLE, ""))
    return unique(
        replace(start, server=server)
        for server, start in zip(classifier.servers, classifier.starts, strict=True)
    )


def classify(line: str, *, project: Project | None = None) -> Classification:
    """Return the servers that a shell line starts and the processes that it ends; never raises.

    `project` gives access to the files of the directory in which the line runs.
    """
    classifier = _Classifier(project or NoProject())
    classifier.walk(line.replace(HOLE, ""))
    return Classification(_ordered(classifier.servers), merged(classifier.kills))


def _ordered(servers: Iterable[Server]) -> tuple[Server, ...]:
    """Put the main server first: one in the foreground that is not a shared service."""
    return tuple(
        sorted(
            unique(servers),
            key=lambda each: (each.service_type in SHARED_TYPES, each.is_background),
        )
    )


class _Classifier:
    """A collector of servers and kills while a line is walked."""

    def __init__(self, project: Project) -> None:
        self.servers: list[Server] = []
        self.starts: list[Start] = []
        self.kills: list[Kill] = []
        self._project = Limited(project)
        self._walker = Walker(self._on_command)
        self._recipes = 0
        self._lookups = 0
        self._apart = 0

    def walk(self, line: str) -> None:
        """Walk the line itself."""
        self._walker.run_text(line, Scope())

    def _on_command(self, invocation: Invocation, scope: Scope) -> Output:
        program = program_name(invocation.words[0].text)
        self._inline_code(program, invocation)
        launch = launch_of(program, invocation)
        if launch is not None:
            is_apart = program in APART or SWITCH in invocation.variables
            noted = len(self.servers)
            self._apart += is_apart
            output = self._launch(launch, invocation, scope)
            self._apart -= is_apart
            if program in NOWHERE:
                del self.servers[noted:], self.starts[noted:]
            return output
        is_script = invocation.words[0].text.endswith(".sh")  # ./kill.sh is no kill(1)
        kill = None if is_script else kill_of(program, invocation)
        if kill is not None:
            self._note_kill(kill, invocation)
            return SILENT
        if self._starts(program, invocation, scope):
            return UNKNOWN
        return output_of(program, invocation)

    def _inline_code(self, program: str, invocation: Invocation) -> None:
        """Read the code on an interpreter's command line: `python3 -c 'os.kill(4711, 9)'`."""
        code = code_of(program, invocation)
        found = killed_in(program, code)
        if found:
            self.kills.append(kill_by(program, found))
        lines = [Field(line) for line in lines_in(code)]
        if program in AWKS:
            lines += lines_of_awk(awk_program(invocation), output_of(program, invocation))
        for line in lines:
            self._text(line, Launch(directory=invocation.directory), invocation)

    def _note_kill(self, kill: Kill, invocation: Invocation) -> None:
        """Record a kill; if the line itself has written a pid file, use what it wrote."""
        written = self._walker.written
        pids: list[str] = []
        for pid in kill.pids:
            sign, mark, path = pid.partition("@")
            if not mark:
                pids.append(pid)
            elif path.removeprefix("./") in written:
                self._note_written(kill, sign, written[path.removeprefix("./")])
            else:
                pids.append(f"{sign}@{_placed(path, invocation.directory)}")
        kill = replace(kill, pids=tuple(pids))
        if kill.ports or kill.pids or kill.names:
            self.kills.append(kill)

    def _note_written(self, kill: Kill, sign: str, output: Output) -> None:
        """Record the processes whose ids the line itself has written to a file."""
        words = (output.text or "").split()
        found = output.processes.joined(Processes(pids=tuple(filter(is_pid, words))))
        found = replace(found, pids=tuple(f"{sign}{each}" for each in found.pids))
        if found:
            self.kills.append(kill_by(kill.how, found))

    def _starts(self, program: str, invocation: Invocation, scope: Scope) -> bool:
        """Record what a command serves; return False if it is not a command that could serve."""
        calls = script_calls(program, invocation)
        if calls and not asks_for_information(invocation.texts[1:2]):
            for call in calls:
                self._script(call, invocation, scope)
            return True
        found = servers_of_container(program, invocation, self._project)
        if found is None:
            found = emulators_of(program, invocation.texts[1:])
        if found is not None:
            self._note(found, invocation)
            return True
        if program in MAKES:
            self._make(invocation)
            return True
        if program in PROCFILE_RUNNERS and self._procfile(program, invocation):
            return True
        if self._tool(program, invocation):
            return True
        if program in READERS or invocation.words[0].text.endswith(".sh"):
            return self._shell_file(program, invocation)
        return False

    def _tool(self, program: str, invocation: Invocation) -> bool:
        if program == "start-server-and-test" or program in ("server-test", "start-test"):
            return self._start_and_test(invocation)
        server = server_of(invocation.texts, invocation.variables)
        self._note([server] if server else [], invocation)
        return server is not None

    def _note(self, servers: Sequence[Server], invocation: Invocation) -> None:
        self.servers += [
            replace(each, is_background=each.is_background or invocation.is_background)
            for each in servers
        ]
        source, words = self._walker.source, invocation.words
        is_apart = self._apart > 0 or SWITCH in invocation.variables
        is_direct = source is not None and source.words[-len(words) :] == words
        self.starts += [
            Start(
                server=each,
                source=source,
                is_apart=is_apart or program_name(words[0].text) in (*ENGINES, *COMPOSERS),
                is_direct=is_direct,
            )
            for each in servers
        ]

    def _launch(self, launch: Launch, invocation: Invocation, scope: Scope) -> Output:
        output = SILENT
        for text in launch.texts:
            output = output.followed_by(self._text(text, launch, invocation))
        for command in launch.commands:
            inner = scope.copy()
            inner.functions = {}
            inner.directory = command.directory
            output = output.followed_by(self._walker.run(command, inner))
        return output

    def _text(self, text: Field, launch: Launch, invocation: Invocation) -> Output:
        """Walk a script that runs in a shell of its own."""
        scope = _fresh(invocation, launch.directory)
        scope.positional = launch.positional
        if launch.name is not None:
            scope.set("0", (launch.name,))
        return self._run(planted(text, scope), scope, invocation)

    def _run(self, line: str, scope: Scope, invocation: Invocation) -> Output:
        noted = len(self.servers)
        output = self._walker.run_text(line, scope)
        if invocation.is_background:
            self.servers[noted:] = [
                replace(each, is_background=True) for each in self.servers[noted:]
            ]
        return output

    def _script(self, call: ScriptCall, invocation: Invocation, scope: Scope) -> None:
        self._lookups += 1
        scripts = scripts_of(call, self._project) if self._lookups <= MOST_LOOKUPS else None
        if scripts:
            for script in scripts:
                self._run(script.text, _fresh(invocation, script.directory), invocation)
            return
        is_known = kind_of_script(call.name) is not None
        if call.may_be_binary and (scripts is not None or not is_known):
            words = [Field(call.name), *call.arguments]
            if call.program == "bun" and "." in call.name:
                words.insert(0, Field("node"))
            self._walker.run(replace(invocation.with_words(words), directory=call.directory), scope)
            return
        if scripts is None:
            server = None
            if call.program in TASK_RUNNERS:
                server = server_of(invocation.texts, invocation.variables)
            server = server or promised(call, invocation.variables)
            self._note([server] if server else [], invocation)

    def _make(self, invocation: Invocation) -> None:
        call = make_call(invocation)
        if call is None:
            return
        recipes = make_recipes(call, self._project)
        if recipes is not None:
            self._cook(recipes, invocation)
            return
        variables = {name: Field(value) for name, value in call.variables.items()}
        for target in call.targets:
            named = ScriptCall(program="make", name=target, directory=call.directory)
            server = promised(named, {**invocation.variables, **variables})
            self._note([server] if server else [], invocation)

    def _procfile(self, program: str, invocation: Invocation) -> bool:
        recipes = procfile_recipes(program, invocation, self._project)
        if recipes is not None:
            self._cook(recipes, invocation)
            return True
        if invocation.texts[1:2] == ["start"] or program == "hivemind":
            self._note([Server(service_type="dev", program=program)], invocation)
            return True
        return False

    def _cook(self, recipes: Sequence[Recipe], invocation: Invocation) -> None:
        """Walk the recipes behind a name, one level deep: recipes inside recipes are skipped."""
        if self._recipes:
            return
        self._recipes += 1
        for recipe in recipes:
            inner = invocation.with_words(invocation.words, recipe.variables)
            scope = _fresh(inner, recipe.directory)
            scope.positional = inner.words[1:]
            self._run(recipe.text, scope, invocation)
        self._recipes -= 1

    def _shell_file(self, program: str, invocation: Invocation) -> bool:
        """Walk a script file of the project, one level deep: `./dev.sh`, `bash dev.sh`."""
        words = list(invocation.words)
        if program in READERS:
            words = words[1:]
            while words and words[0].text.startswith("-"):
                words.pop(0)
        path = joined(invocation.directory, words[0].text) if words else None
        written = self._walker.written.get(words[0].text.removeprefix("./")) if words else None
        if words and words[0].text in STANDARD_INPUT:
            written = invocation.typed
        text = written.text if written else self._project.read(path) if path else None
        if text is None or (text.startswith("#!") and "sh" not in text.partition("\n")[0]):
            return False
        inner = replace(invocation, words=tuple(words))
        self._cook([Recipe(text=text, directory=invocation.directory or "", variables={})], inner)
        return True

    def _start_and_test(self, invocation: Invocation) -> bool:
        """Read `start-server-and-test SCRIPT URL TEST`; the URL gives the server's port."""
        words = [each for each in invocation.words[1:] if not each.text.startswith("-")]
        while words:
            start, *words = words
            text = start.text if " " in start.text else f"npm run {start.text}"
            noted = len(self.servers)
            self._run(text, _fresh(invocation, invocation.directory), invocation)
            port = port_in(words[0].text) if len(words) > 1 else None
            if port:
                self.servers[noted:] = [
                    replace(each, port=port, where="argument") if each.port is None else each
                    for each in self.servers[noted:]
                ]
            words = words[1:] if len(words) > 2 else []
        return True


def _placed(path: str, directory: str | None) -> str:
    """Return where a pid file is, seen from where the line runs; as written if that is unknown."""
    return (joined(directory, path) or path) if directory else path


def _fresh(invocation: Invocation, directory: str | None) -> Scope:
    """Create the scope of another shell, which knows only what was exported to it."""
    scope = Scope(directory)
    scope.values = {name: (value,) for name, value in invocation.variables.items()}
    scope.exported = set(invocation.variables)
    scope.typed = invocation.typed
    return scope
