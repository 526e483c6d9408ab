"""Look through programs that start others: find what they start, a command or shell text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from styxy.core.commands.kills.searching import SEARCHES, commands_for_found
from styxy.core.commands.shell.fields import HOLE, Field, Output
from styxy.core.commands.shell.scope import joined
from styxy.core.commands.shell.walk import file_output
from styxy.core.commands.tools.launchers import launchers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.core.commands.shell.fields import Invocation
    from styxy.core.commands.tools.launchers import Launcher

SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "mksh", "ash", "fish"})
SHELL_VALUE_FLAGS = ("-o", "+o", "-O", "+O", "--rcfile", "--init-file")
XARGS_VALUES = ("-n", "-P", "-d", "-L", "-s", "-a", "-E", "--max-args", "--max-procs",
                "--delimiter", "--arg-file", "--max-lines", "--max-chars")  # fmt: skip
PM2_VALUES = ("--name", "-n", "-i", "--instances", "--interpreter", "-o", "-e", "-l", "-c", "-m",
              "--cwd", "--uid", "--watch-delay", "--max-memory-restart")  # fmt: skip
MOST_ARGUMENTS = 256
STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
ENTER_KEYS = ("C-m", "Enter", "ENTER", "C-j", "KPEnter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a program starts: other commands, and shell texts with their arguments.

    `name` is `$0` in the texts.
    """

    commands: tuple[Invocation, ...] = ()
    texts: tuple[Field, ...] = ()
    name: Field | None = None
    positional: tuple[Field, ...] = ()
    directory: str | None = ""


def launch_of(program: str, invocation: Invocation) -> Launch | None:
    """Return what a program starts, or None if it is not a launcher."""
    if program in SHELLS:
        return _shell(invocation)
    if program == "xargs":
        return _xargs(invocation)
    if program == "parallel":
        return _parallel(invocation)
    if program in SEARCHES:
        commands = commands_for_found(invocation)
        return Launch(commands=commands) if commands is not None else None
    if program in ("at", "batch"):
        return _later(invocation)
    if program in ("pm2", "pm2-runtime", "forever"):
        return _pm2(program, invocation)
    if program == "tmux" and invocation.texts[1:2] == ["send-keys"]:
        return _keys(invocation)
    if program == "command" and invocation.texts[1:2] in (["-v"], ["-V"]):
        return None  # only asks where a program is
    for launcher in launchers().get(program, ()):
        found = _Reader(launcher, invocation).read()
        if found is not None:
            return found
    return None


class _Reader:
    """A reader of one launcher's arguments, from left to right."""

    def __init__(self, launcher: Launcher, invocation: Invocation) -> None:
        self._launcher = launcher
        self._invocation = invocation
        self._words = list(invocation.words[1:])
        self._directory = invocation.directory
        self._texts: list[Field] = []
        self._command: list[Field] | None = None
        self._has_dashes = False

    def read(self) -> Launch | None:
        launcher = self._launcher
        self._skip_flags()
        if launcher.subcommands and not self._take_subcommand():
            return None
        self._skip_flags()
        variables = self._take_assignments()
        for _ in range(launcher.skipped):
            if self._words:
                self._words.pop(0)
        self._skip_flags()
        variables |= self._take_assignments()
        if launcher.rest == "none" and not self._has_dashes and self._command is None:
            return self._searched(variables)
        if self._command is not None or self._texts:
            return self._launched(self._command or [], variables)
        return self._launched(self._rest(), variables)

    def _skip_flags(self) -> None:
        while self._words and not self._has_dashes and self._command is None:
            text = self._words[0].text
            if text == "--":
                self._words.pop(0)
                self._has_dashes = True
            elif len(text) > 1 and text.startswith(("-", "+")):
                self._take_flag(self._words.pop(0))
            else:
                return

    def _take_flag(self, word: Field) -> None:
        launcher = self._launcher
        flag, equals, value = word.text.partition("=")
        argument = Field(value, word.outputs) if equals else None
        takes_value = flag in launcher.value_flags | launcher.directory_flags | launcher.text_flags
        if argument is None and (takes_value or flag in launcher.self_flags) and self._words:
            argument = self._words.pop(0)
        if flag in launcher.command_flags:
            self._command, self._words = self._words, []
        elif argument is None:
            return
        elif flag in launcher.directory_flags:
            self._directory = joined(self._directory, argument.text)
        elif flag in launcher.text_flags:
            self._texts.append(argument)
        elif flag in launcher.self_flags:
            name = launcher.names[0]
            self._texts.append(Field(f"{name} {argument.text}", argument.outputs))

    def _take_subcommand(self) -> bool:
        for subcommand in self._launcher.subcommands:
            pieces = subcommand.split("+")
            if [each.text for each in self._words[: len(pieces)]] == pieces:
                del self._words[: len(pieces)]
                return True
            if subcommand.startswith("-") and self._invocation.texts[1:2] == [subcommand]:
                return True  # gdb --args
        return False

    def _take_assignments(self) -> dict[str, Field]:
        variables: dict[str, Field] = {}
        while self._words:
            name, equals, value = self._words[0].text.partition("=")
            if not equals or not name.isidentifier():
                break
            variables[name] = Field(value, self._words.pop(0).outputs)
            self._skip_flags()
        return variables

    def _searched(self, variables: Mapping[str, Field]) -> Launch | None:
        """Find a marked flag among operands: `chokidar "src/**" -c "npm start"`."""
        rest: list[Field] = []
        while self._words:
            text = self._words[0].text
            if text == "--":
                return self._launched(self._words[1:], variables)
            if text.startswith("-"):
                self._take_flag(self._words.pop(0))
            else:
                rest.append(self._words.pop(0))
        if not self._texts and self._command is None:
            return None
        return self._launched(self._command or [], variables, after=rest)

    def _rest(self) -> list[Field]:
        rest = self._launcher.rest
        words = self._words
        if rest == "dashes":
            places = [place for place, each in enumerate(words) if each.text == "--"]
            return words if self._has_dashes else words[places[0] + 1 :] if places else []
        if rest == "text" and words:
            self._texts.append(_joined(words))
            return []
        if rest == "texts":
            self._texts += [each for each in words if not each.text.startswith("-")]
            return []
        if rest == "first":
            self._texts += words[:1]
            return []
        if words and "hatch" in self._launcher.names:  # hatch run ENVIRONMENT:COMMAND
            first = words[0]
            return [Field(first.text.rpartition(":")[2], first.outputs), *words[1:]]
        if rest == "python" and words and words[0].text.endswith((".py", "-m", "--module")):
            flag = [] if words[0].text != "--module" else [Field("-m")]
            return [Field("python"), *flag, *(words if not flag else words[1:])]
        return words

    def _launched(
        self,
        words: Sequence[Field],
        variables: Mapping[str, Field],
        after: Sequence[Field] = (),
    ) -> Launch:
        invocation = replace(self._invocation, directory=self._directory)
        commands = (invocation.with_words(words, variables),) if words else ()
        texts = self._texts
        if after and len(texts) == 1 and "nodemon" in self._launcher.names:
            texts = [_joined([*texts, *after])]  # nodemon --exec ts-node src/index.ts
        if self._launcher.rest == "texts":
            texts = [Field(_shorthand(each.text), each.outputs) for each in texts]
        return Launch(commands=commands, texts=tuple(texts), directory=self._directory)


def _joined(words: Sequence[Field]) -> Field:
    text = " ".join(each.text for each in words)
    return Field(text, tuple(output for each in words for output in each.outputs))


def _shorthand(text: str) -> str:
    """Expand the abbreviations of `concurrently`: `npm:dev`."""
    manager, colon, script = text.partition(":")
    if colon and manager in ("npm", "pnpm", "yarn", "bun", "node"):
        return f"{manager} {'--run' if manager == 'node' else 'run'} {script}"
    return text


def _shell(invocation: Invocation) -> Launch | None:
    """Read `sh -c TEXT`, `bash -lc TEXT`, `sh FILE`, and a shell that reads standard input."""
    words = list(invocation.words[1:])
    is_text = False
    while words and words[0].text[:1] in ("-", "+") and len(words[0].text) > 1:
        flag = words.pop(0).text
        if flag in SHELL_VALUE_FLAGS and words:
            words.pop(0)
        is_text = is_text or (not flag.startswith("--") and "c" in flag)
        if flag in ("-s", "--"):
            break
        if flag in ("--version", "--help", "-n"):
            return Launch(directory=invocation.directory)
    if is_text and words:
        name = words[1] if len(words) > 1 else None
        return Launch(
            texts=(words[0],),
            name=name,
            positional=tuple(words[2:]),
            directory=invocation.directory,
        )
    if words and words[0].outputs:  # bash <(echo kill 4711)
        text = words[0].outputs[0].text
        return Launch(texts=(Field(text),) if text else (), directory=invocation.directory)
    if words and not is_text and words[0].text not in STANDARD_INPUT:
        return None  # a file
    typed = invocation.typed
    texts = (Field(typed.text),) if typed.text is not None else ()
    if typed.verb:
        texts = (Field(f"{typed.verb} {HOLE}", (typed,)),)
    return Launch(texts=texts, directory=invocation.directory)


def _xargs(invocation: Invocation) -> Launch:
    words = list(invocation.words[1:])
    mark = ""
    typed = invocation.typed
    while words and words[0].text.startswith("-"):
        flag = words.pop(0).text
        if flag == "--":
            break
        if flag in ("-I", "-J", "--replace"):
            mark = words.pop(0).text if words else ""
        elif flag.startswith(("-I", "-i")):
            mark = flag[2:] or "{}"
        elif flag in ("-a", "--arg-file") and words:
            typed = file_output(words.pop(0).text)
        elif flag.startswith("--arg-file="):
            typed = file_output(flag.partition("=")[2])
        elif flag in XARGS_VALUES and words:
            words.pop(0)
    arguments = _arguments(typed, by_line=bool(mark))
    return Launch(commands=_fed(invocation, words, arguments, mark=mark))


def _arguments(typed: Output, *, by_line: bool = False) -> list[Field]:
    if typed.text is None:
        return [Field(HOLE, (typed,))]
    lines = [line.strip() for line in typed.text.splitlines() if line.strip()]
    words = lines if by_line else typed.text.split()
    return [Field(word) for word in words[:MOST_ARGUMENTS]]


def _fed(
    invocation: Invocation, words: Sequence[Field], arguments: Sequence[Field], *, mark: str
) -> tuple[Invocation, ...]:
    """Pass arguments to a command: all at its end, or one per run in place of the mark."""
    if not words:
        return ()
    if not mark:
        return (invocation.with_words([*words, *arguments]),)
    return tuple(
        invocation.with_words(_filled(each, argument, mark) for each in words)
        for argument in arguments
    )


def _filled(word: Field, argument: Field, mark: str) -> Field:
    if mark not in word.text:
        return word
    return Field(word.text.replace(mark, argument.text), word.outputs + argument.outputs)


def _parallel(invocation: Invocation) -> Launch:
    texts = invocation.texts
    words = list(invocation.words[1:])
    arguments = _arguments(invocation.typed)
    if ":::" in texts:
        place = texts.index(":::")
        words, arguments = list(invocation.words[1:place]), list(invocation.words[place + 1 :])
    while words and words[0].text.startswith("-"):
        flag = words.pop(0).text
        if flag in ("-j", "--jobs", "-a", "-n", "-N") and words:
            words.pop(0)
    if not words:
        return Launch(texts=tuple(arguments), directory=invocation.directory)
    has_mark = any("{}" in each.text for each in words)
    return Launch(commands=_fed(invocation, words, arguments, mark="{}" if has_mark else ""))


def _later(invocation: Invocation) -> Launch:
    """Read `at now` and `batch`, which run what they read on standard input; see at(1)."""
    lists = any(each in invocation.texts for each in ("-l", "-c", "-d", "-r"))
    text = None if lists else invocation.typed.text
    return Launch(texts=(Field(text),) if text else (), directory=invocation.directory)


def _pm2(program: str, invocation: Invocation) -> Launch | None:
    """Read `pm2 start server.js`, `pm2 start npm -- start` and `pm2 start "npm start"`."""
    words = list(invocation.words[1:])
    if words and words[0].text == "start":
        words.pop(0)
    elif program == "pm2":
        return None
    command: list[Field] = []
    while words:
        text = words[0].text
        if text == "--":
            command += words[1:]
            break
        if text in PM2_VALUES:
            words.pop(0)
        elif not text.startswith("-") and not command:
            command.append(words[0])
        words = words[1:]
    if not command or ".config." in command[0].text or command[0].text.endswith(".json"):
        return Launch(directory=invocation.directory)
    if " " in command[0].text:
        return Launch(texts=(command[0],), directory=invocation.directory)
    if program == "forever":
        command.insert(0, Field("node"))
    return Launch(commands=(invocation.with_words(command),))


def _keys(invocation: Invocation) -> Launch:
    """Read the keys that are sent to a tmux terminal, up to Enter."""
    words = list(invocation.words[2:])
    typed: list[Field] = []
    while words:
        text = words.pop(0).text
        if text in ("-t", "-N") and words:
            words.pop(0)
        elif text in ENTER_KEYS:
            return Launch(texts=(_joined(typed),), directory=invocation.directory)
        elif not text.startswith("-"):
            typed.append(Field(text))
    return Launch(directory=invocation.directory)
