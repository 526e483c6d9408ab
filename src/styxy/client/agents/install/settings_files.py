"""The settings files of agents: read with care, written in one step, through a link.

They are the user's, and often lie in a repository of dotfiles, so a link stays a link. A file of
somebody else, one that is read-only and one that changes while we look at it are left alone.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from dataclasses import dataclass

from styxy.adapters.config_file import read_regular, write_whole
from styxy.core.errors import Conflict, Unavailable

LARGEST = 4 * 1024 * 1024
"""Bytes; settings that people write have some kilobytes."""

USUAL_MODE = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """One file as it is. `real` is where a link leads, `content` None where there is no file."""

    path: str
    real: str
    content: bytes | None
    mode: int = USUAL_MODE
    owner: int = -1

    @property
    def text(self) -> str | None:
        """What it says. Raises `Conflict` if it is no text."""
        try:
            return None if self.content is None else self.content.decode()
        except UnicodeDecodeError:
            raise Conflict(f"{self.path} is not UTF-8; mend the file") from None


def look(path: str) -> SettingsFile:
    """Read a file, whoever may change it. Raises `Conflict` or `Unavailable`."""
    real = os.path.realpath(path)
    try:
        content, status = read_regular(real, most=LARGEST)
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror or error}") from None
    if content is None or status is None:
        return SettingsFile(path=path, real=real, content=None)
    if len(content) > LARGEST:
        raise Conflict(f"{path} is larger than {LARGEST} bytes; no settings are")
    mode = stat.S_IMODE(status.st_mode)
    return SettingsFile(path=path, real=real, content=content, mode=mode, owner=status.st_uid)


def check_ours_to_change(file: SettingsFile) -> None:
    """Raise `Conflict` if a file is somebody else's, read-only, or a link to nowhere."""
    if file.content is None:
        _check_leads_somewhere(file)
        return
    if file.owner != os.geteuid():
        raise Conflict(f"{file.path} belongs to {_user(file.owner)}; run this as that user")
    if not file.mode & stat.S_IWUSR:
        raise Conflict(f"{file.path} is read-only; to allow the change: chmod u+w {file.path}")


def _check_leads_somewhere(file: SettingsFile) -> None:
    """Raise `Conflict` if a file is to lie where a link leads, and no directory is there.

    Where there is one, as in a repository of dotfiles, the file is made in it.
    """
    directory, link = os.path.dirname(file.real), file.path
    if os.path.isdir(directory):
        return
    while link != os.path.dirname(link) and not os.path.lexists(link):
        link = os.path.dirname(link)
    if os.path.islink(link) and not os.path.exists(link):
        needed = directory if link == file.path else os.path.realpath(link)
        raise Conflict(
            f"{link} is a link to {os.path.realpath(link)}, which is not there; to make its "
            f"place: mkdir -p {shlex.quote(needed)}, or remove the link: rm {shlex.quote(link)}"
        )


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def write(file: SettingsFile, content: bytes, *, mode: int | None = None) -> list[str]:
    """Replace a file that is still as it was read; return the directories that had to be made.

    Raises `Conflict` if it has changed, `Unavailable` if it cannot be written; either way nothing
    has happened.
    """
    made: list[str] = []
    try:
        made = _make_directories(os.path.dirname(file.real))
        if read_regular(file.real, most=LARGEST)[0] != file.content:
            raise Conflict(f"{file.path} has just changed; try again")
        write_whole(file.real, content, mode=file.mode if mode is None else mode)
    except OSError as error:
        remove_directories(made)
        raise Unavailable(f"cannot write {file.path}: {error.strerror or error}") from None
    return made


def delete(file: SettingsFile) -> None:
    """Delete a file that is still as it was read. Raises `Conflict` or `Unavailable`."""
    try:
        if read_regular(file.real, most=LARGEST)[0] != file.content:
            raise Conflict(f"{file.path} has just changed; try again")
        os.unlink(file.real)
    except OSError as error:
        raise Unavailable(f"cannot delete {file.path}: {error.strerror or error}") from None


def remove_directories(paths: list[str]) -> None:
    """Remove directories that we have made, the last first, as far as they are empty."""
    for path in reversed(paths):
        with contextlib.suppress(OSError):  # ENOTEMPTY: somebody uses it; ENOENT: it has gone
            os.rmdir(path)


def _make_directories(path: str) -> list[str]:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    made = []
    for each in reversed(missing):
        os.mkdir(each)
        made.append(each)
    return made
