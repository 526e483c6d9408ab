"""Opens an address in the user's browser, with what the desktop has for that.

The address may have a code in it. A command line is visible to every user of the machine
(proc_pid_cmdline(5)); the daemon takes the code from its own user's connections alone.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from shutil import which
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPENER_SECONDS = 3.0
"""How long an opener may take to fail. `xdg-open` fails at once, or becomes the browser."""

DESKTOP_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY")

OPENERS = ("xdg-open", "gio open", "wslview")


def opened_by(url: str, env: Mapping[str, str]) -> str | None:
    """Open an address; return the program that did it, None if there is none that can."""
    for words in _commands(url, env):
        if _runs(words, env):
            return words[0]
    return None


def _commands(url: str, env: Mapping[str, str]) -> Iterator[list[str]]:
    """List what may open an address: `$BROWSER`, a list with colons and `%s` for the address as
    other programs read it, then what the desktop has."""
    for command in filter(None, env.get("BROWSER", "").split(":")):
        words = _split(command)
        if any("%s" in word for word in words):
            yield [word.replace("%s", url) for word in words]
        elif words:
            yield [*words, url]
    if any(env.get(name) for name in DESKTOP_VARIABLES):
        for opener in OPENERS:
            yield [*opener.split(), url]


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []  # a quote that does not end


def _runs(words: list[str], env: Mapping[str, str]) -> bool:
    """Start a command that may go on for as long as the browser; return whether it has not failed.

    It keeps nothing of the caller's, so that neither a closed terminal nor a pipe concerns it.
    """
    program = which(words[0], path=env.get("PATH", os.defpath))
    if program is None:
        return False
    try:
        process = subprocess.Popen(
            [program, *words[1:]],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False  # EACCES, ENOEXEC
    try:
        return process.wait(OPENER_SECONDS) == 0
    except subprocess.TimeoutExpired:
        process.returncode = 0  # it has become the browser; nobody waits for it
        return True
