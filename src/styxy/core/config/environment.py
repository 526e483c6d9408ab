"""Every environment variable that Styxy reads: one row each. Documents are tested against it.

A row has a kind, which says what values mean something; `problem` is the one validator. `styxy
run`, `styxy env` and `styxy doctor` report a value that means nothing. No daemon starts with one
that overrides a setting; any other counts as not set.

No dataclasses: every `styxy run` loads this module, and they take half as long as Python's start.
"""

from __future__ import annotations

from styxy.core.errors import InvalidInput
from styxy.core.messages import echo, guess
from styxy.core.names import INSTANCE, INSTANCE_RULE, check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

SWITCH_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
"""The values of a switch, in any case; `native/guest/image.c` has the same."""

_DIGITS = 5
"""Digits of the largest port."""


def switch(value: str | None) -> bool | None:
    """Return what a switch says; None if it is unset, or says nothing that means on or off."""
    return SWITCH_WORDS.get(value.lower()) if value and value.isascii() else None


class Kind:
    """What the values of a variable may be: a phrase that follows "must be", and a test."""

    __slots__ = ("accepts", "expected", "words")

    def __init__(
        self, *, expected: str, accepts: Callable[[str], bool], words: tuple[str, ...] = ()
    ) -> None:
        self.expected = expected
        self.accepts = accepts
        self.words = words


def _words(*words: str) -> Kind:
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    return Kind(expected=listed, accepts=lambda text: text.lower() in words, words=words)


def _is_port(text: str, *, first: int = 1) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return is_number and first <= int(text) <= 65535


def _are_ports(text: str) -> bool:
    return all(_is_port(each.strip()) for each in text.split(",") if each.strip())


def _is_type(text: str) -> bool:
    try:
        check_name(text)
    except InvalidInput:
        return False
    return True


SWITCH = Kind(
    expected="1 or 0, true or false, yes or no, on or off",
    accepts=lambda text: switch(text) is not None,
)
PATH = Kind(expected="a path", accepts=lambda _text: True)
PORT = Kind(expected="a port from 1024 to 65535", accepts=lambda text: _is_port(text, first=1024))
PORTS = Kind(expected="ports with commas between them", accepts=_are_ports)
SERVICE_TYPE = Kind(expected="the name of a service type", accepts=_is_type)
INSTANCE_NAME = Kind(
    expected=INSTANCE_RULE, accepts=lambda text: INSTANCE.fullmatch(text) is not None
)


class Variable:
    """Describe a variable; `setting` is the key of `config.json` that it overrides."""

    __slots__ = ("kind", "meaning", "name", "setting")

    def __init__(self, *, name: str, meaning: str, kind: Kind, setting: str | None = None) -> None:
        self.name = name
        self.meaning = meaning
        self.kind = kind
        self.setting = setting


VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="STYXY_HOME",
        meaning="directory of Styxy's own files, ~/.styxy by default; "
        "a relative path starts from the directory in which a command is typed",
        kind=PATH,
    ),
    Variable(
        name="STYXY_DAEMON_HOST",
        meaning="loopback address of the daemon's TCP port",
        kind=_words("localhost", "127.0.0.1", "::1"),
        setting="listen_host",
    ),
    Variable(
        name="STYXY_DAEMON_PORT",
        meaning="TCP port of the daemon",
        kind=PORT,
        setting="listen_port",
    ),
    Variable(name="STYXY_SOCKET", meaning="path of the daemon's Unix socket", kind=PATH),
    Variable(
        name="STYXY_LOG_LEVEL",
        meaning="how much the daemon writes to its log",
        kind=_words("debug", "info", "warning", "error"),
        setting="log_level",
    ),
    Variable(
        name="STYXY_DISABLE_REASSIGN", meaning="no bind of this program is moved", kind=SWITCH
    ),
    Variable(
        name="STYXY_STATIC",
        meaning="supervise: static programs that a program starts get a supervisor; "
        "leave: they do not",
        kind=_words("supervise", "leave"),
    ),
    Variable(
        name="STYXY_ON_CONFLICT",
        meaning="move: a bind of this program is moved if its port is taken; steer: the program is "
        "told so and finds its own way; by default, as the program is known for",
        kind=_words("move", "steer"),
    ),
    Variable(
        name="STYXY_NOTIFY",
        meaning="where the notice of a moved bind goes",
        kind=_words("auto", "stdout", "stderr", "off"),
    ),
    Variable(name="STYXY_REASSIGNMENT_LOG", meaning="file that lists the moved binds", kind=PATH),
    Variable(
        name="STYXY_VIRTUAL_LOCALHOST",
        meaning="off: this program's connections are not redirected to the project's own servers",
        kind=SWITCH,
    ),
    Variable(
        name="STYXY_SIBLINGS",
        meaning="allow: servers of other worktrees of the repo may answer; refuse: they may not",
        kind=_words("allow", "refuse"),
    ),
    Variable(
        name="STYXY_SIBLINGS_ALLOW",
        meaning="ports on which they may, such as 8000,8001",
        kind=PORTS,
    ),
    Variable(
        name="STYXY_OWN_ONLY",
        meaning="ports at which only the project's own server answers this program, such as "
        "3000,3001; any other is as if it were not there",
        kind=PORTS,
    ),
    Variable(
        name="STYXY_SERVICE_TYPE",
        meaning="service type of a program's ports",
        kind=SERVICE_TYPE,
    ),
    Variable(
        name="STYXY_INSTANCE_ID",
        meaning="the instance that a command or program belongs to",
        kind=INSTANCE_NAME,
    ),
    Variable(
        name="CLAUDE_INSTANCE_ID",
        meaning="the same, if STYXY_INSTANCE_ID is not set",
        kind=INSTANCE_NAME,
    ),
    Variable(
        name="CLAUDE_CODE_SESSION_ID",
        meaning="the agent session that started a program; Claude Code sets it",
        kind=INSTANCE_NAME,
    ),
    Variable(name="STYXY_PROJECT", meaning="the project that a program belongs to", kind=PATH),
    Variable(
        name="STYXY_SKIP_AUTH",
        meaning="no token over TCP; for testing, with --insecure-no-auth only",
        kind=SWITCH,
    ),
    Variable(
        name="STYXY_PORTABLE",
        meaning="for testing: look at ports and processes through psutil, as where there is no "
        "netlink; nothing is moved then",
        kind=SWITCH,
    ),
    Variable(
        name="STYXY_SHOW_FULL_KEY",
        meaning="keys appear in logs in full, not as abcd***wxyz",
        kind=SWITCH,
    ),
)


def problem(variable: Variable, value: str) -> str | None:
    """Say in one sentence why a value means nothing; None if it means something or is empty."""
    if not value or variable.kind.accepts(value):
        return None
    expected = variable.kind.expected
    return f"{variable.name} must be {expected}, not {echo(value)}; correct or unset it"


def problems(env: Mapping[str, str], *, types: Callable[[], Collection[str]]) -> list[str]:
    """Say of each variable that means nothing why, a sentence each.

    `types` returns every known service type; it is called only for one that is not built in.
    """
    said = [
        sentence
        for each in VARIABLES
        if (sentence := problem(each, env.get(each.name, ""))) is not None
    ]
    named = env.get("STYXY_SERVICE_TYPE", "").lower()
    if named and _is_type(named) and not _is_built_in(named):
        known = types()
        if known and named not in known:
            said.append(
                f"STYXY_SERVICE_TYPE names no service type: {echo(named)}; {guess(named, known)}"
            )
    return said


def _is_built_in(name: str) -> bool:
    from styxy.core.model.service_types import BUILT_IN  # the other variables do without

    return any(kind.name == name for kind in BUILT_IN)


_READ_BY_OTHERS = frozenset((
    "PATH", "HOME", "SHELL", "USER", "LOGNAME", "PWD", "OLDPWD", "IFS", "CDPATH", "ENV", "TERM",
    "TMPDIR", "LANG", "UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "PROMPT_COMMAND", "PS1",
    "PS4", "_", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "NODE_OPTIONS", "NODE_PATH",
    "PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT", "CLASSPATH", "JAVA_HOME", "JAVA_TOOL_OPTIONS",
    "GIT_DIR",
))  # fmt: skip
_PREFIXES_OF_OTHERS = ("LD_", "DYLD_", "BASH_", "LC_", "XDG_", "STYXY_")
"""Variables that a shell (POSIX.1, XCU 2.5.3; bash(1)), the loader (ld.so(8), dyld(1)), languages
and Styxy itself read: a port in one of them breaks what follows, and some of them start programs.
"""


def has_readers(name: str) -> bool:
    """Return whether a variable is read by shells, loaders, languages or Styxy itself."""
    return name in _READ_BY_OTHERS or name.startswith(_PREFIXES_OF_OTHERS)
