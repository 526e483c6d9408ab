"""The copy of `styxy-hook` in the home, by which agents' settings name it.

The copy has the same path for ever, whichever environment or version Styxy runs from: what an
agent's settings name must not go away with a virtual environment. Beside it lies a link to `styxy`,
where the program looks for it if a session starts and no daemon runs.
"""

from __future__ import annotations

import os
import shutil
import sys

from styxy.adapters.home import private_directory, private_home
from styxy.client.interception.run import packaged
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styxy.adapters.paths import Paths

HOOK_PROGRAM = "styxy-hook"
COMMAND_LINE = "styxy"

STAND_IN = b"""\
#!/bin/sh
# Styxy was installed without a C compiler: the same in Python.
styxy=${0%/*}/styxy
[ -x "$styxy" ] && exec "$styxy" hook "$@"
exit 0
"""
"""What stands in for the program: some tens of milliseconds slower, and as quiet."""

_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def installed_hook(paths: Paths) -> str:
    """Install `styxy-hook` in the home, or refresh the copy there; return its path.

    A copy with the same content is left alone; another one is replaced in one step, so that an
    agent never starts half of it. Where this Styxy has no such program and the home no copy, a
    script that runs `styxy hook` stands in. Raises `Unavailable` if there is no `styxy` for it to
    run, if a link or another user's file is in the way, or if it cannot be written.
    """
    private_home(paths.home)
    folder = paths.in_home("bin")
    private_directory(folder)
    target = os.path.join(folder, HOOK_PROGRAM)
    present = _content(target)
    wanted = _content(packaged(HOOK_PROGRAM))
    if wanted is None and present is None:
        if _command_line() is None:
            raise Unavailable(
                "Styxy was installed without styxy-hook (no C compiler?), and no styxy is in PATH; "
                "install a compiler, then reinstall Styxy"
            )
        wanted = STAND_IN
    if wanted is not None and wanted != present:
        _replace(target, wanted)
    _link_command_line(os.path.join(folder, COMMAND_LINE))
    return target


def _content(path: str) -> bytes | None:
    """Read a program; None if there is none. Raises `Unavailable` if it is no plain file."""
    try:
        with open(os.open(path, _READING), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:  # mostly ELOOP: a link, which somebody else may have planted
        raise Unavailable(
            f"{path} is no plain file ({error.strerror}); remove it and try again"
        ) from None


def _replace(target: str, content: bytes) -> None:
    draft = f"{target}.{os.getpid()}"
    try:
        with open(os.open(draft, _WRITING, 0o700), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o700)  # whatever the umask removed
        os.replace(draft, target)
    except OSError as error:
        _remove(draft)
        raise Unavailable(f"cannot write {target}: {error.strerror}") from None


def _link_command_line(link: str) -> None:
    """Let the link lead to the `styxy` that runs; without one, the copy looks in PATH."""
    program = _command_line()
    if program is None or _leads_to(link, program):
        return
    draft = f"{link}.{os.getpid()}"
    try:
        os.symlink(program, draft)
        os.replace(draft, link)
    except OSError as error:
        _remove(draft)
        raise Unavailable(f"cannot write {link}: {error.strerror}") from None


def _leads_to(link: str, program: str) -> bool:
    try:
        return os.readlink(link) == program
    except OSError:
        return False  # ENOENT: none yet; EINVAL: no link, and it is replaced


def _command_line() -> str | None:
    """Find the script that starts this Styxy: beside the interpreter, else in PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), COMMAND_LINE)
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which(COMMAND_LINE)
    return os.path.abspath(found) if found else None


def _remove(draft: str) -> None:
    try:
        os.unlink(draft)
    except OSError:
        return  # ENOENT: it was never created
