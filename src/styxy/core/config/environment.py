"""Every environment variable that Styxy reads: one row each. Documents are tested against it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Describe a variable; `setting` is the key of `config.json` that it overrides."""

    name: str
    meaning: str
    setting: str | None = None


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


def switch(value: str | None) -> bool | None:
    """Return what a switch says; None if it is unset, or says nothing that means on or off."""
    return SWITCH_WORDS.get(value.lower()) if value and value.isascii() else None


VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="STYXY_HOME",
        meaning="directory of Styxy's own files, ~/.styxy by default; "
        "a relative one is seen from where one types",
    ),
    Variable(
        name="STYXY_DAEMON_HOST",
        meaning="loopback address of the daemon's TCP port",
        setting="listen_host",
    ),
    Variable(name="STYXY_DAEMON_PORT", meaning="TCP port of the daemon", setting="listen_port"),
    Variable(name="STYXY_SOCKET", meaning="path of the daemon's Unix socket"),
    Variable(
        name="STYXY_LOG_LEVEL",
        meaning="how much the daemon writes to its log: debug, info, warning, error",
        setting="log_level",
    ),
    Variable(name="STYXY_DISABLE_REASSIGN", meaning="1: no bind of this program is moved"),
    Variable(
        name="STYXY_STATIC",
        meaning="supervise: static programs that a program starts get a supervisor; leave: not",
    ),
    Variable(name="STYXY_NOTIFY", meaning="where the notice of a moved bind goes"),
    Variable(name="STYXY_REASSIGNMENT_LOG", meaning="file that lists the moved binds"),
    Variable(
        name="STYXY_VIRTUAL_LOCALHOST",
        meaning="0: this program's connections are not led to the project's own servers",
    ),
    Variable(
        name="STYXY_SIBLINGS",
        meaning="allow: servers of other worktrees of the repo may answer; else they are refused",
    ),
    Variable(name="STYXY_SIBLINGS_ALLOW", meaning="ports on which they may, such as 8000,8001"),
    Variable(name="STYXY_SERVICE_TYPE", meaning="service type of a program's ports"),
    Variable(name="STYXY_INSTANCE_ID", meaning="the instance that a command or program belongs to"),
    Variable(name="CLAUDE_INSTANCE_ID", meaning="the same, where STYXY_INSTANCE_ID is not set"),
    Variable(name="STYXY_PROJECT", meaning="the project that a program belongs to"),
    Variable(
        name="STYXY_SKIP_AUTH",
        meaning="1: no token over TCP; for testing, with --insecure-no-auth only",
    ),
    Variable(
        name="STYXY_SHOW_FULL_KEY", meaning="1: keys appear in logs in full, not as abcd***wxyz"
    ),
)
