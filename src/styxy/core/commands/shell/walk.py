"""Walk a shell line as if it ran: take each branch once, and loop over each word.

The walker knows the shell; a callback handles each program and returns what is known of its output.
Work and depth are limited, because a line may be hostile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from styxy.core.commands.shell.builtins import BUILTINS
from styxy.core.commands.shell.expansion import Expander, concatenated
from styxy.core.commands.shell.fields import SILENT, UNKNOWN, Field, Invocation, Output, Processes
from styxy.core.commands.shell.parser import parse
from styxy.core.commands.shell.scope import Budget, Scope, planted
from styxy.core.commands.shell.syntax import (
    Case,
    Coprocess,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Script,
    Simple,
    Test,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from styxy.core.commands.shell.syntax import Assignment, Command, Redirect

    OnCommand = Callable[[Invocation, Scope], Output]

WORK = 8_000
"""Words that are processed in one line; the longest real lines have a few hundred."""

DEEPEST = 12
"""Scripts inside scripts, functions inside functions: `sh -c "sh -c ..."`."""

MOST_LEVELS = 40
"""Compound commands inside one another, in all scripts; Python's stack has a thousand frames."""

MOST_ROUNDS = 64
"""Iterations of one loop that are walked."""

TEXT_BUILTINS = ("eval", "source", ".", "trap")
"""Builtins that run text in the shell itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """A simple command as the line has it, where it begins, and the words that it expands to."""

    start: int
    command: Simple
    words: tuple[Field, ...]


class Walker:
    """A walker over one line; `on_command` handles each program and returns its output.

    `source` is the command of the line that starts the program at hand: itself, or `sh -c TEXT`
    around it. It is None where no command of the line starts it: in backquotes, `eval`, `trap`.
    """

    def __init__(self, on_command: OnCommand) -> None:
        self._on_command = on_command
        self._budget = Budget(WORK)
        self._depth = 0
        self._levels = 0
        self._background = 0
        self.written: dict[str, Output] = {}
        self.source: Source | None = None

    def run_text(self, text: str, scope: Scope) -> Output:
        """Walk the text of a script in a scope."""
        if self._depth >= DEEPEST or not self._budget.spend(1 + len(text) // 64):
            return UNKNOWN
        return self._deeper(parse(text, depth=self._depth), scope)

    def _deeper(self, command: Script | Command, scope: Scope) -> Output:
        if self._depth >= DEEPEST:
            return UNKNOWN
        self._depth += 1
        output = (
            self._script(command, scope)
            if isinstance(command, Script)
            else self._command(command, scope)
        )
        self._depth -= 1
        return output

    def _script(self, script: Script, scope: Scope) -> Output:
        output = SILENT
        for item in script.items:
            if not self._budget.spend():
                return UNKNOWN
            if item.operator == "&":
                output = output.followed_by(self._in_background(item.command, scope))
            else:
                output = output.followed_by(self._command(item.command, scope))
        return output

    def _in_background(self, command: Command, scope: Scope) -> Output:
        self._background += 1
        output = self._command(command, scope.copy())
        self._background -= 1
        return output

    def _command(self, command: Command, scope: Scope) -> Output:
        if isinstance(command, Simple):
            return self._simple(command, scope)
        if isinstance(command, Pipeline):
            return self._pipeline(command, scope)
        if isinstance(command, Function):
            scope.functions[command.name] = command.body
            return SILENT
        if isinstance(command, Coprocess):
            return self._in_background(command.body, scope)
        if self._levels >= MOST_LEVELS:
            return UNKNOWN
        typed = scope.typed
        scope.typed = self._redirected(command.redirects, scope)
        self._levels += 1
        output = self._compound(command, scope)
        self._levels -= 1
        scope.typed = typed
        return SILENT if _writes_elsewhere(command.redirects) else output

    def _compound(self, command: Group | If | For | Loop | Case | Test, scope: Scope) -> Output:
        if isinstance(command, Group):
            return self._script(command.body, scope.copy() if command.is_subshell else scope)
        if isinstance(command, For):
            return self._for(command, scope)
        expander = self._expander(scope)
        if isinstance(command, Test):
            expander.all(command.words)
            return SILENT
        scripts: list[Script] = []
        if isinstance(command, If):
            scripts = [script for branch in command.branches for script in branch]
        elif isinstance(command, Loop):
            return self._loop(command, scope)
        else:
            expander.one(command.subject)
            scripts = [body for _, body in command.clauses]
        output = SILENT
        for script in scripts:
            output = output.followed_by(self._script(script, scope))
        return output

    def _for(self, loop: For, scope: Scope) -> Output:
        expander = self._expander(scope)
        words = scope.positional if loop.words is None else expander.all(loop.words)
        output = SILENT
        for word in words[:MOST_ROUNDS]:
            scope.set(loop.name, (word,))
            output = output.followed_by(self._script(loop.body, scope))
        return output

    def _loop(self, loop: Loop, scope: Scope) -> Output:
        """Walk a loop once, or once for each line if its standard input is known."""
        if loop.words:
            counted = For(name=loop.name, words=loop.words, body=loop.body)
            return self._for(counted, scope)
        text = scope.typed.text
        lines: list[str | None] = [line for line in (text or "").split("\n") if line]
        output = SILENT
        for line in lines[:MOST_ROUNDS] or [None]:
            if line is not None:
                scope.typed = Output(line)
            output = output.followed_by(self._script(loop.condition, scope))
            output = output.followed_by(self._script(loop.body, scope))
        return output

    def _pipeline(self, pipeline: Pipeline, scope: Scope) -> Output:
        if len(pipeline.commands) == 1:
            return self._command(pipeline.commands[0], scope)
        typed = scope.typed
        for command in pipeline.commands:
            stage = scope.copy()
            stage.typed = typed
            typed = self._command(command, stage)
        return typed

    def _simple(self, command: Simple, scope: Scope) -> Output:
        if not self._budget.spend(1 + len(command.words) + len(scope.values)):
            return UNKNOWN
        outer = self.source
        output = self._expanded(command, scope)
        self.source = outer
        return output

    def _expanded(self, command: Simple, scope: Scope) -> Output:
        is_of_line = bool(command.words) and command.words[0].start >= 0
        if is_of_line:
            self.source = None  # while it is expanded: a substitution starts its own programs
        expander = self._expander(scope)
        words = expander.all(command.words)
        typed = self._redirected(command.redirects, scope)
        if not words:
            output = UNKNOWN
            for each in command.assignments:
                output = self._assign(each, scope, expander)
            return typed if not command.assignments and typed is not scope.typed else output
        variables = scope.environment()
        for each in command.assignments:
            values = _values(each, expander)
            variables[each.name] = values[0] if values else Field("")
        invocation = Invocation(
            words=tuple(words),
            variables=variables,
            directory=scope.directory,
            typed=typed,
            is_background=self._background > 0,
        )
        if is_of_line:
            self.source = Source(command.words[0].start, command, invocation.words)
        output = self.run(invocation, scope)
        if not _writes_elsewhere(command.redirects):
            return output
        self._note_files(command.redirects, output)
        return SILENT

    def _note_files(self, redirects: Sequence[Redirect], output: Output) -> None:
        """Record what the line itself writes to files: `echo $! > server.pid`."""
        for each in redirects:
            path = each.target.literal or ""
            if each.operator in (">", ">|") and path:
                self.written[path.removeprefix("./")] = output

    def run(self, invocation: Invocation, scope: Scope) -> Output:
        """Run one command: a function, a builtin, or a program."""
        if not invocation.words or not self._budget.spend(len(invocation.words)):
            return UNKNOWN
        name = invocation.words[0].text
        is_text = name in TEXT_BUILTINS and (name != "trap" or len(invocation.words) > 2)
        if name in scope.functions or is_text:
            outer, self.source = self.source, None
            output = self._in_this_shell(name, invocation, scope)
            self.source = outer
            return output
        builtin = BUILTINS.get(name)
        if builtin is not None:
            builtin(invocation, scope)
            return UNKNOWN
        return self._on_command(invocation, scope)

    def _in_this_shell(self, name: str, invocation: Invocation, scope: Scope) -> Output:
        if name in scope.functions:
            return self._call(scope.functions[name], invocation, scope)
        if name != "trap":
            return self._evaluate(invocation, scope)
        return self.run_text(planted(invocation.words[1], scope), scope.copy())

    def _call(self, body: Command, invocation: Invocation, scope: Scope) -> Output:
        positional, typed = scope.positional, scope.typed
        scope.positional, scope.typed = invocation.words[1:], invocation.typed
        output = self._deeper(body, scope)
        scope.positional, scope.typed = positional, typed
        return output

    def _evaluate(self, invocation: Invocation, scope: Scope) -> Output:
        name, *rest = invocation.words
        if name.text == "eval":
            return self.run_text(" ".join(planted(each, scope) for each in rest), scope)
        if rest and rest[0].outputs:  # source <(...)
            return self.run_text(rest[0].outputs[0].text or "", scope)
        return self._on_command(invocation, scope) if rest else UNKNOWN

    def _expander(self, scope: Scope) -> Expander:
        return Expander(scope, lambda script: self._deeper(script, scope.copy()))

    def _assign(self, each: Assignment, scope: Scope, expander: Expander) -> Output:
        values = _values(each, expander)
        if each.is_appended:
            before = scope.values.get(each.name, (Field(""),))
            values = [*before, *values] if each.is_array else [concatenated([*before, *values])]
        scope.set(each.name, values)
        return SILENT

    def _redirected(self, redirects: Sequence[Redirect], scope: Scope) -> Output:
        """Return what a command reads on standard input."""
        typed = scope.typed
        for redirect in redirects:
            target = self._expander(scope).one(redirect.target)
            if redirect.descriptor in ("", "0"):
                typed = _input(redirect.operator, target, otherwise=typed)
        return typed


def _values(each: Assignment, expander: Expander) -> list[Field]:
    if each.is_array:
        return expander.all(each.values)
    return [expander.one(each.values[0])]


def _input(operator: str, target: Field, *, otherwise: Output) -> Output:
    if operator in ("<<", "<<-", "<<<"):
        if target.is_known:
            return Output(target.text)
        return Output(None, target.processes())
    if operator != "<":
        return otherwise
    if target.outputs:  # < <(...)
        return target.outputs[0]
    return file_output(target.text)


def file_output(path: str) -> Output:
    """Return what is known of a file's content: the ids in it, if it is a pid file."""
    return replace(UNKNOWN, processes=Processes(pids=(f"@{path}",))) if path else UNKNOWN


def _writes_elsewhere(redirects: Iterable[Redirect]) -> bool:
    return any(
        each.operator in (">", ">>", ">|", "&>", "&>>") and each.descriptor in ("", "1")
        for each in redirects
    )
