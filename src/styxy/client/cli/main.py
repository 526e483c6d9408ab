"""The command line's entry point: find the command, run it, turn every failure into one sentence.

This module stays light, and imports only the module that has the command: `styxy check` must not
pay for `styxy run`. The table below is the only list of commands; help is derived from it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from styxy.client.cli.command import Caller, Command
    from styxy.client.text.layout import Screen
    from styxy.core.errors import StyxyError

GROUPS = {
    "run programs": {
        "run": "run",
        "env": "activate",
        "wait": "wait",
        "stop": "stop",
        "prune": "stop",
    },
    "ports": {
        "top": "views.top",
        "check": "ports",
        "who": "ports",
        "scan": "ports",
        "suggest": "ports",
        "types": "ports",
        "reassignments": "views.history",
        "programs": "views.history",
    },
    "leases": {
        "allocate": "leases",
        "release": "leases",
        "list": "leases",
        "use": "instances",
        "cleanup": "instances",
        "audit": "views.history",
    },
    "configuration": {"config": "config"},
    "daemon": {
        "daemon": "daemon.daemon",
        "open": "daemon.daemon",
        "service": "daemon.service",
        "doctor": "daemon.doctor",
    },
    "agents": {
        "agent": "agents.agent",
        "instances": "instances",
        "classify": "agents.classify",
        "hook": "agents.hook",
        "mcp": "agents.mcp",
    },
    "this command line": {"help": "completion", "completion": "completion"},
}
"""The module that has each command; each lists its own in `COMMANDS`. Help shows the groups."""

MODULES = {name: module for group in GROUPS.values() for name, module in group.items()}

LONGEST_NAME = 22
"""Columns for the names of commands in a list."""

GLOBAL_FLAGS = ("--json", "--no-start")

HELP_FLAGS = ("-h", "--help")

VERSION_FLAGS = ("-V", "--version")

SHORTEST_ELSEWHERE = 5
"""Letters from which a misspelled word may mean a command of another group."""

HABITS = {
    "ls": "list",
    "ps": "list",
    "leases": "list",
    "lease": "allocate",
    "reserve": "allocate",
    "rm": "release",
    "free": "release",
    "port": "check",
    "ports": "scan",
    "lsof": "who",
    "kill": "who",
    "exec": "run",
    "activate": "env",
    "init": "env",
    "info": "daemon status",
    "version": "--version",
    "config list": "config show",
    "config ls": "config show",
    "config edit": "config set",
    "config path": "config show",
    "daemon ps": "daemon status",
    "daemon info": "daemon status",
}
"""What is typed out of habit from other command lines, and the command that does it here."""

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE, likewise


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["hook"] and not any(each in HELP_FLAGS for each in words):
        return _run_hook(words[1:])
    out, err = _printable(sys.stdout or _closed_output()), _printable(sys.stderr)
    try:
        code = run_command(words, os.environ, out=out, err=err)
        out.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has enough (`styxy list | head -1`). The interpreter flushes once more at
        # exit, and would complain.
        _forget_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        # A full disk, a terminal that is gone: the work is done, but cannot be reported.
        _forget_output()
        err.write(f"styxy: cannot write to standard output: {error.strerror}\n")
        return 1
    return code


def _run_hook(words: Sequence[str]) -> int:
    """Answer an agent, which takes a usage error for a refusal: no parser, no failure."""
    from styxy.client.agents.hook_call import run_hook

    return run_hook(words, os.environ)


def _forget_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run_command(words: Sequence[str], env: Mapping[str, str], *, out: TextIO, err: TextIO) -> int:
    """Run one command for a caller with this environment; failures become sentences."""
    from styxy.client.cli.command import Caller, HelpAsked, HelpOf, OutputFailed
    from styxy.core.errors import StyxyError

    caller = Caller(env, out=out, err=err)
    # Known before anything can fail, because failures are shown as JSON too.
    caller.wants_json = "--json" in _before_program(words)
    try:
        try:
            return _dispatch(list(words), caller)
        except HelpOf as asked:
            return _dispatch([*asked.words, HELP_FLAGS[1]], caller)
    except HelpAsked as asked:
        caller.report({"help": str(asked)}, str(asked))
        return 0
    except StyxyError as failure:
        caller.fail(failure)
        return failure.exit_code
    except (BrokenPipeError, OutputFailed):
        raise
    except Exception as error:  # noqa: BLE001 - the last stop before the user, who gets no trace
        unforeseen = _unexpected(error, caller)
        caller.fail(unforeseen)
        return unforeseen.exit_code


def all_commands() -> list[Command]:
    """Load every command, in the order of the table."""
    return [
        command for module in dict.fromkeys(MODULES.values()) for command in _commands_of(module)
    ]


def _dispatch(words: list[str], caller: Caller) -> int:
    flags = _leading_flags(words)
    if not words or words[0] in HELP_FLAGS:
        return _show_overview(all_commands(), "styxy", caller, was_asked=bool(words))
    if words[0] in VERSION_FLAGS:
        return _show_version(caller)
    if words[0] == "_values":
        from styxy.client.cli.live_values import show_values

        return show_values(words[1:], caller)
    group, *rest = words
    if group not in MODULES:
        raise _unknown(group, list(MODULES))
    commands = {command.name: command for command in _commands_of(MODULES[group])}
    if group not in commands:  # a command of two words
        flags += _leading_flags(rest)
        if not rest or rest[0] in HELP_FLAGS:
            title = f"styxy {group}"
            return _show_overview(list(commands.values()), title, caller, was_asked=bool(rest))
        group += f" {rest.pop(0)}"
    if group not in commands:
        raise _unknown(group, list(commands))
    return _run(commands[group], flags + rest, caller)


def _run(command: Command, words: list[str], caller: Caller) -> int:
    options = command.parser(screen=caller.screen).read(words)
    caller.wants_json = options.json
    caller.may_start = not options.no_start
    return command.run(options, caller)


def _commands_of(module: str) -> tuple[Command, ...]:
    # `importlib` would be an extra import that nothing else here needs.
    loaded = __import__(f"styxy.client.cli.commands.{module}", fromlist=["COMMANDS"])
    commands: tuple[Command, ...] = loaded.COMMANDS
    return commands


def _leading_flags(words: list[str]) -> list[str]:
    flags: list[str] = []
    while words and words[0] in GLOBAL_FLAGS:
        flags.append(words.pop(0))
    return flags


def _before_program(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _show_overview(
    commands: Sequence[Command], title: str, caller: Caller, *, was_asked: bool
) -> int:
    """Print the list of commands; wrong usage unless it was requested."""
    paint = caller.screen.paint if was_asked else caller.err_screen.paint
    lines = [f"usage: {title} COMMAND ...", ""]
    if title == "styxy":
        lines += ["Coordinates the ports of this machine.", ""]
        for group, names in GROUPS.items():
            lines.append(paint(f"{group}:", "heading"))
            lines += _listed(
                [each for name in names for each in commands if each.name.split()[0] == name],
                caller.screen,
            )
            lines.append("")
    else:
        lines += [*_listed(commands, caller.screen), ""]
    lines.append("All commands take --help, --json and --no-start.")
    if title == "styxy":
        from styxy.client.text.layout import paragraph
        from styxy.core.messages import how_to_report

        lines += [
            "styxy help COMMAND explains one.",
            "styxy --version prints the version.",
            paragraph(how_to_report(), caller.screen, indent=2),
        ]
    lines.append(f"{paint('example:', 'heading')}\n  {commands[0].example}\n")
    text = "\n".join(lines)
    if was_asked:
        caller.report({"help": text}, text)
        return 0
    if caller.wants_json:
        from styxy.core.errors import InvalidInput

        raise InvalidInput(
            f"missing argument: COMMAND; see: {title} --help", suggestions=[f"{title} --help"]
        )
    caller.err.write(text)
    return 2


def _listed(commands: Sequence[Command], screen: Screen) -> list[str]:
    """List commands with what they do, both fitted to a screen."""
    from styxy.client.text.layout import paragraph

    width = min(LONGEST_NAME, max(len(command.name) for command in commands))
    return [
        f"  {each.name.ljust(width)}  {paragraph(each.summary, screen, indent=width + 4)}"
        for each in commands
    ]


def _show_version(caller: Caller) -> int:
    from styxy import __version__

    caller.report({"version": __version__}, f"styxy {__version__}")
    return 0


def _unknown(name: str, known: list[str]) -> StyxyError:
    """Suggest a command for the last word: the first of two is right, and would make everything
    look alike.
    """
    from styxy.core.errors import InvalidInput
    from styxy.core.messages import echo

    group, _, word = name.rpartition(" ")
    here = {each.removeprefix(f"{group} "): each for each in known}
    meant = _meant(word, here, group=group)
    hint = f"did you mean 'styxy {meant}'?" if meant else f"expected one of: {', '.join(known)}"
    kind = "option" if word.startswith("-") else "command"
    return InvalidInput(
        f"unknown {kind} {echo(name)}; {hint}",
        suggestions=[f"styxy {group} --help" if group else "styxy --help"],
    )


def _meant(word: str, here: Mapping[str, str], *, group: str) -> str | None:
    """Find what a word may stand for: a command of this group or an option; or a command of
    another group, but only one that is spelled almost like it.
    """
    from styxy.core.messages import misspelled, nearest

    typed = f"{group} {word}".lstrip()
    if typed in HABITS:
        return HABITS[typed]
    flags = (*GLOBAL_FLAGS, *HELP_FLAGS, *VERSION_FLAGS)
    names = {each: each for each in flags} if word.startswith("-") else here
    near = nearest(word, names)
    if near is not None:
        return names[near]
    # Of two commands with the same last word, the first in the table is meant.
    elsewhere = {each.name.rpartition(" ")[2]: each.name for each in reversed(all_commands())}
    if word in elsewhere:
        return elsewhere[word]
    near = misspelled(word, elsewhere) if len(word) >= SHORTEST_ELSEWHERE else None
    return elsewhere[near] if near is not None else None


def _unexpected(error: Exception, caller: Caller) -> StyxyError:
    from styxy.core.errors import InvalidInput, StyxyError

    if isinstance(error, FileNotFoundError) and not _has_directory():
        return InvalidInput("the working directory no longer exists; change to another")
    if caller.env.get("STYXY_LOG_LEVEL", "").lower() == "debug":
        import traceback

        caller.err.write(traceback.format_exc())
    kind = type(error).__name__
    return StyxyError(
        f"internal error ({kind}: {error}); set STYXY_LOG_LEVEL=debug to see where",
        suggestions=["STYXY_LOG_LEVEL=debug"],
    )


def _has_directory() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _closed_output() -> TextIO:
    """Stand in for standard output where it is closed: whatever is written there fails."""
    import io

    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            import errno

            from styxy.client.cli.command import OutputFailed

            raise OutputFailed(errno.EBADF, os.strerror(errno.EBADF))

    return Closed()


def _printable(stream: TextIO | None) -> TextIO:
    """Wrap a stream so that it takes any text: closed ones drop it, narrow encodings escape it."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
