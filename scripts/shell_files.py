"""What shells and man(1) read: completion for bash, zsh and fish, and the page styxy(1).

Written when Styxy is built (`hatch_build.py`), from the parsers of the commands themselves, so that
nothing can name what is not there. shtab writes the completion; the page is man(7) macros, which
every formatter knows, without a date: the same sources make the same page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Any

import shtab

from styxy import __version__
from styxy.client.cli.command import Command, Parser, add_common_flags
from styxy.client.cli.commands.completion import SCRIPTS
from styxy.client.cli.main import VERSION_FLAGS, all_commands
from styxy.core.config.configuration import Configuration
from styxy.core.config.environment import VARIABLES
from styxy.core.errors import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE
from styxy.core.messages import how_to_report
from styxy.core.model.service_types import BUILT_IN

PROGRAM = {
    "bash": "_styxy_program",
    "zsh": "_styxy_program",
    "fish": "(_styxy_program)",
    "preamble": {
        "bash": """\
_styxy_program() {
    local action=-f
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == -- ]]; then action=-c; fi
    compgen $action -- "$1"
}""",
        "zsh": """\
_styxy_program() {
    if [[ $words[1] == -- ]]; then shift words; ((CURRENT--)); fi
    _normal
}""",
        "fish": """\
function _styxy_program
    set -l words (commandline -opc)
    if set -l at (contains -i -- -- $words)
        set words (string escape -- $words[(math $at + 1)..])
        complete -C (string join ' ' -- $words (commandline -ct))
    end
end""",
    },
}
"""The program of `styxy run` is completed as if it were typed alone."""


def _live(kind: str, *, otherwise: Sequence[str] = ()) -> dict[str, Any]:
    """Offer what the daemon knows now, or without an answer some words.

    The values come from `client.cli.live_values`, which says nothing if it has none.
    """
    # fish complains of an unknown command, wherever its output goes.
    ask = f"command -v styxy >/dev/null && command styxy _values {kind} 2>/dev/null"
    if otherwise:
        ask += f" || printf '%s\\n' {' '.join(otherwise)}"
    name = f"_styxy_{kind}"
    return {
        "bash": name,
        "zsh": name,
        "fish": f"({ask})",
        "preamble": {
            "bash": f'{name}() {{ compgen -W "$({ask})" -- "$1"; }}',
            "zsh": f"{name}() {{ compadd -- $({ask}) }}",
        },
    }


TYPES = _live("types", otherwise=[each.name for each in BUILT_IN])
PORTS = _live("ports")
NAMES = _live("names")

VALUES: dict[str, Any] = {
    "DIR": shtab.DIRECTORY,
    "FILE": shtab.FILE,
    "FILE.md": shtab.FILE,
    "CMD": PROGRAM,
    "TYPE": TYPES,
    "T": TYPES,
    "P": PORTS,
    "LOCK_ID": _live("leases"),
    "ID": _live("instances"),
}
"""What completes a value of this name, in the words of shtab."""

VALUES_OF = {
    ("", "PORT"): PORTS,  # but not the port that `-p` asks for
    ("--name", "NAME"): NAMES,  # but not the variable of `--env`
}
"""The same for a name that means different things: by the option, or "" for an operand."""


def _settings(shape: object, path: str = "") -> Iterator[str]:
    """Name each key of the configuration; the table of settings needs more than a build has."""
    for each in fields(shape):  # type: ignore[arg-type] # an instance of a dataclass
        if each.metadata:
            yield path + each.name.replace("_", "-")
            if is_dataclass(each.default):
                yield from _settings(each.default, f"{path}{each.name.replace('_', '-')}.")


WORDS = {"KEY": tuple(_settings(Configuration()))}
"""Values that are one of these words or another; a parser itself knows those that must be."""

DESCRIPTION = """\
Several projects, worktrees and coding agents run on one machine, and want the same ports. Styxy \
leases ports to projects, moves a server whose port is taken to a free one and says so, and tells \
who is on a port. A daemon, which starts by itself when a command needs it, knows every port."""

EXITS = {
    "0": "done, or what was asked is so",
    str(EXIT_REFUSED): "refused, not found, or what was asked is not so",
    str(EXIT_USAGE): "wrong usage",
    str(EXIT_UNREACHABLE): "the daemon cannot be reached",
}

PATHS = {
    "~/.styxy": "everything of one user, mode 0700; STYXY_HOME names another place",
    "~/.styxy/config.json": "settings, all optional; see: styxy config show",
    "~/.styxy/auth.token": "the token for TCP, 64 hex digits",
    "~/.styxy/reassignments.log": "one line for each bind that was moved",
    "~/.styxy/logs/daemon.log": "what the daemon has to say",
    "~/.styxy/backups": "older copies of the journal and of config.json",
}


def command_line() -> Parser:
    """Make one parser of all commands, with what completes each value."""
    root = Parser(prog="styxy", description="Coordinates the ports of this machine.")
    add_common_flags(root)
    root.add_argument(*VERSION_FLAGS, action="version", help="print the version")
    groups = {"": root.add_subparsers()}
    commands = all_commands()
    for each in commands:
        group, _, word = each.name.rpartition(" ")
        if group not in groups:
            inner = (other.name for other in commands if other.name.startswith(f"{group} "))
            summary = ", ".join(name.partition(" ")[2] for name in inner)
            parser = groups[""].add_parser(group, help=summary, description=summary)
            add_common_flags(parser)
            groups[group] = parser.add_subparsers()
        parser = each.parser(partial(groups[group].add_parser, word, help=each.summary))
        for action in parser._actions:
            name = str(action.metavar)
            live = [VALUES_OF.get((flag, name)) for flag in action.option_strings or [""]]
            if action.choices is None and name in WORDS:
                action.choices = WORDS[name]
            elif value := VALUES.get(name) or next(filter(None, live), None):
                action.complete = value  # type: ignore[attr-defined] # shtab's
    return root


def completion(shell: str) -> str:
    """Write the completion script of a shell, one of `SCRIPTS`."""
    return f"{shtab.complete(command_line(), shell)}\n"


def page() -> str:
    """Write the man page."""
    common = Parser(prog="styxy")
    add_common_flags(common)
    lines = [
        f'.TH STYXY 1 "" "styxy {__version__}" "User Commands"',
        ".SH NAME",
        r"styxy \- coordinate the ports of one developer machine",
        ".SH SYNOPSIS",
        ".B styxy",
        ".I COMMAND",
        ".RI [ option ...]",
        ".SH DESCRIPTION",
        *_plain(DESCRIPTION),
        ".SH OPTIONS OF EVERY COMMAND",
        *_options(common),
        ".SH COMMANDS",
        *(line for each in all_commands() for line in _command(each)),
        ".SH EXIT STATUS",
        *(line for code, text in EXITS.items() for line in _item(_bold(code), text)),
        *_plain("styxy run exits as the program that it runs."),
        ".SH ENVIRONMENT",
        *(
            line
            for each in VARIABLES
            for line in _item(_bold(each.name), f"{each.meaning} ({each.kind.expected})")
        ),
        ".SH FILES",
        *(line for path, text in PATHS.items() for line in _item(_italic(path), text)),
        ".SH REPORTING BUGS",
        *_plain(f"{how_to_report()[0].upper()}{how_to_report()[1:]}."),
        *_plain("Attach the output of styxy doctor --json and of styxy daemon logs -n 50."),
        ".SH SEE ALSO",
        ".BR ss (8),",
        ".BR ld.so (8)",
    ]
    return "\n".join(lines) + "\n"


def _command(command: Command) -> Iterator[str]:
    parser = command.parser()
    operands = [each for each in parser._actions if not each.option_strings]
    shown = " ".join(_operand(each) for each in operands)
    yield f".SS {_bold(f'styxy {command.name}')} {shown}".rstrip()
    yield from _plain(command.summary)
    yield from _options(parser, omitted=frozenset({"-h", "--json", "--no-start"}))
    yield from (".PP", "Example:", ".RS", ".nf", _escaped(command.example), ".fi", ".RE")


def _options(parser: Parser, *, omitted: frozenset[str] = frozenset()) -> Iterator[str]:
    for each in parser._actions:
        if omitted.isdisjoint(each.option_strings):
            flags = ", ".join(_bold(flag) for flag in each.option_strings)
            value = "" if each.nargs == 0 else _italic(_name(each))
            yield from _item(f"{flags} {value}".strip(), (each.help or "").replace("%%", "%"))


def _operand(action: argparse.Action) -> str:
    if action.nargs == argparse.REMAINDER:
        return rf"\-\- {_italic(_name(action))} ..."
    name = _italic(_name(action))
    return f"[{name}]" if action.nargs in ("?", "*") else name


def _name(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())


def _item(title: str, text: str) -> Iterator[str]:
    yield from (".TP", title, *_plain(text))


def _plain(text: str) -> Iterator[str]:
    # Short lines, as mandoc(1) wants them.
    yield from (_escaped(line) for line in wrap(text, 70, break_on_hyphens=False))


def _bold(text: str) -> str:
    return rf"\fB{_escaped(text)}\fR"


def _italic(text: str) -> str:
    return rf"\fI{_escaped(text)}\fR"


_ESCAPES = str.maketrans(
    {"\\": r"\e", "-": r"\-", "~": r"\(ti", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha"}
)


def _escaped(text: str) -> str:
    """Make it mean itself: a hyphen is a minus, and no line begins like a macro (groff(7))."""
    safe = text.translate(_ESCAPES)
    return rf"\&{safe}" if safe.startswith(".") else safe


FILES: dict[str, tuple[str, Callable[[], str]]] = {
    SCRIPTS["bash"]: ("share/bash-completion/completions/styxy", partial(completion, "bash")),
    SCRIPTS["zsh"]: ("share/zsh/site-functions/_styxy", partial(completion, "zsh")),
    SCRIPTS["fish"]: ("share/fish/vendor_completions.d/styxy.fish", partial(completion, "fish")),
    "styxy.1": ("share/man/man1/styxy.1", page),
}
"""Each file of the package: its place below the prefix of an installation, and what writes it."""


def write(directory: Path) -> dict[str, str]:
    """Write them into a directory; tell for each where it belongs."""
    directory.mkdir(exist_ok=True)
    for name, (_, text) in FILES.items():
        (directory / name).write_text(text(), encoding="utf-8")
    return {str(directory / name): place for name, (place, _) in FILES.items()}
