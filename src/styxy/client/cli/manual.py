"""The man page styxy(1), written from the grammar of the command line and the table of variables.

man(7) macros, which every formatter knows. No date: the same sources make the same page.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from styxy import __version__
from styxy.client.cli.grammar import spellings
from styxy.core.config.environment import VARIABLES
from styxy.core.errors import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from styxy.client.cli.grammar import Operand, Option, Spelling

FILE = "share/man/man1/styxy.1"
"""Where man(1) looks, below the prefix of an installation."""

EXITS = {
    0: "done, or what was asked is so",
    EXIT_REFUSED: "refused, not found, or what was asked is not so",
    EXIT_USAGE: "wrong usage",
    EXIT_UNREACHABLE: "the daemon cannot be reached",
}

FILES = {
    "~/.styxy": "everything of one user, mode 0700; STYXY_HOME names another place",
    "~/.styxy/config.json": "settings, all optional; see: styxy config show",
    "~/.styxy/auth.token": "the token for TCP, 64 hex digits",
    "~/.styxy/reassignments.log": "one line for each bind that was moved",
    "~/.styxy/logs/daemon.log": "what the daemon has to say",
    "~/.styxy/backups": "older copies of the journal and of config.json",
}

COMMON = ("--json", "--no-start", "-h", "--help")
"""Flags of every command; the page says them once."""


def page() -> str:
    """Write the page."""
    commands = spellings()
    lines = [
        f'.TH STYXY 1 "" "styxy {__version__}" "User Commands"',
        ".SH NAME",
        r"styxy \- coordinate the ports of one developer machine",
        ".SH SYNOPSIS",
        ".B styxy",
        r".I COMMAND",
        ".RI [ option ...]",
        ".SH DESCRIPTION",
        *_plain(
            "Several projects, worktrees and coding agents run on one machine, and want the same "
            "ports. Styxy leases ports to projects, moves a server whose port is taken to a free "
            "one and says so, and tells who is on a port. A daemon, which starts by itself when a "
            "command needs it, knows every port."
        ),
        ".SH OPTIONS OF EVERY COMMAND",
        *_item(r"\fB\-\-json\fR", "print exactly one JSON document"),
        *_item(r"\fB\-\-no\-start\fR", "do not start a daemon"),
        *_item(r"\fB\-h\fR, \fB\-\-help\fR", "tell what the command takes, with an example"),
        ".SH COMMANDS",
        *(line for command in commands for line in _command(command)),
        ".SH EXIT STATUS",
        *(line for code, text in EXITS.items() for line in _item(f"\\fB{code}\\fR", text)),
        *_plain("styxy run exits as the program that it runs."),
        ".SH ENVIRONMENT",
        *(line for each in VARIABLES for line in _item(_bold(each.name), each.meaning)),
        ".SH FILES",
        *(line for path, text in FILES.items() for line in _item(_italic(path), text)),
        ".SH SEE ALSO",
        ".BR ss (8),",
        ".BR ld.so (8)",
    ]
    return "\n".join(lines) + "\n"


def _command(command: Spelling) -> Iterator[str]:
    operands = " ".join(_operand(each) for each in command.operands)
    yield f".SS {_bold('styxy ' + command.name)} {operands}".rstrip()
    yield from _plain(command.summary)
    for each in command.operands:
        yield from _item(_italic(each.value.name), each.meaning)
    for option in command.options:
        if option.flags[0] not in COMMON:
            yield from _item(_option(option), option.meaning)
    yield ".PP"
    yield "Example:"
    yield ".RS"
    yield ".nf"
    yield _escaped(command.example)
    yield ".fi"
    yield ".RE"


def _operand(operand: Operand) -> str:
    name = _italic(operand.value.name)
    if operand.value.kind == "command":
        return rf"\-\- {name} ..."
    return f"[{name}]" if operand.is_optional else name


def _option(option: Option) -> str:
    flags = ", ".join(_bold(flag) for flag in option.flags)
    return f"{flags} {_italic(option.value.name)}" if option.value.kind != "none" else flags


def _item(title: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield title
    yield from _plain(text)


def _plain(text: str) -> Iterator[str]:
    # Short lines, as mandoc(1) wants them.
    yield from (_escaped(line) for line in wrap(text, 70, break_on_hyphens=False))


def _bold(text: str) -> str:
    return rf"\fB{_escaped(text)}\fR"


def _italic(text: str) -> str:
    return rf"\fI{_escaped(text)}\fR"


def _escaped(text: str) -> str:
    """Make it mean itself: a hyphen is a minus, and no line begins like a macro (groff(7))."""
    safe = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti").replace("'", r"\(aq")
    safe = safe.replace("`", r"\(ga").replace("^", r"\(ha")
    return rf"\&{safe}" if safe.startswith(".") else safe
